package oneroster

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
)

const (
	maxLine  = 1 << 20 // bytes of one line; a longer one is a faulty row
	maxCells = 4096    // of one line
	// maxJoined is how many lines a quoted value may run over. OneRoster allows
	// one; a quote that is never closed must not swallow the file.
	maxJoined = 16
)

// record is one row of a CSV file as it stands there.
type record struct {
	number int // of the row: the header is 1, empty lines count
	line   int // on which it begins, from 1
	cells  []string
	fault  string   // why the row cannot be used, if it cannot
	notes  []string // what was wrong and yet understood
	closed bool     // whether the fault is other than a quote without its partner
}

// records reads CSV (RFC 4180) line by line, so that a fault costs its own line
// only and memory is bounded whatever the file holds.
type records struct {
	r      *bufio.Reader
	number int
	line   int
	ahead  []rawLine // read, but not used
	begun  bool      // the beginning was looked at
	end    byte      // of a line
}

type rawLine struct {
	text    string
	tooLong bool
	notes   []string
}

func newRecords(r io.Reader) *records { return &records{r: bufio.NewReaderSize(r, 64<<10)} }

// begin looks at the first bytes: how they are encoded and what ends a line. It
// returns what is to be noted of the first line.
func (rs *records) begin() (notes []string, err error) {
	rs.begun, rs.end = true, '\n'
	first, err := rs.r.Peek(64 << 10)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if bytes.HasPrefix(first, []byte{0xff, 0xfe}) || bytes.HasPrefix(first, []byte{0xfe, 0xff}) {
		return nil, trellis.Errorf(trellis.Invalid, "the file is encoded in UTF-16, not UTF-8")
	}
	if mark := []byte("\ufeff"); bytes.HasPrefix(first, mark) { // readers must tolerate it, so it is worth no note
		_, _ = rs.r.Discard(len(mark)) // they are in the buffer
	}
	if at := bytes.IndexByte(first, '\r'); at >= 0 && at+1 < len(first) && bytes.IndexByte(first, '\n') < 0 {
		rs.end, notes = '\r', []string{"the lines end with CR alone"}
	}
	return notes, nil
}

// next returns the next record that is not empty. width is how many cells it
// should have; 0 if that is not known. At the end the error is [io.EOF].
func (rs *records) next(width int) (record, error) {
	for {
		raw, err := rs.take()
		if err != nil {
			return record{}, err
		}
		rs.number++
		rs.line++
		if raw.text == "" && !raw.tooLong {
			continue
		}
		rec, more := split(raw), 0
		if rec.fault != "" && !rec.closed {
			rec, more, err = rs.join(raw, rec, width)
			if err != nil {
				return record{}, err
			}
		}
		rec.number, rec.line = rs.number, rs.line
		rs.line += more
		return rec, nil
	}
}

// join looks whether a value that opens with a quote goes on in the next lines. It
// does if they close it, the cells are then as many as they should be, and none of
// those lines is a row of its own. Otherwise the faulty line stays alone.
func (rs *records) join(first rawLine, faulty record, width int) (record, int, error) {
	text := first.text
	for n := range maxJoined - 1 {
		raw, err := rs.peek(n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return record{}, 0, err
		}
		if own := split(raw); raw.tooLong || len(text)+len(raw.text) > maxLine || own.fault == "" && len(own.cells) > 1 && len(own.cells) == width {
			break
		}
		text += "\n" + raw.text
		joined := split(rawLine{text: text, notes: first.notes})
		if joined.fault == "" && (width == 0 || len(joined.cells) == width) {
			joined.notes = append(joined.notes, "a value runs over several lines")
			rs.ahead = rs.ahead[n+1:]
			return joined, n + 1, nil
		}
		if joined.fault != "" && joined.closed {
			break
		}
	}
	return faulty, 0, nil
}

func (rs *records) take() (rawLine, error) {
	if len(rs.ahead) > 0 {
		raw := rs.ahead[0]
		rs.ahead = rs.ahead[1:]
		return raw, nil
	}
	return rs.read()
}

// peek returns the line n lines ahead, from 0.
func (rs *records) peek(n int) (rawLine, error) {
	for len(rs.ahead) <= n {
		raw, err := rs.read()
		if err != nil {
			return raw, err
		}
		rs.ahead = append(rs.ahead, raw)
	}
	return rs.ahead[n], nil
}

// read returns the next line without its end. The rest of one that is too long is
// read and dropped.
func (rs *records) read() (rawLine, error) {
	var long []byte
	raw := rawLine{}
	if !rs.begun {
		var err error
		if raw.notes, err = rs.begin(); err != nil {
			return raw, err
		}
	}
	for {
		part, err := rs.r.ReadSlice(rs.end)
		switch {
		case len(long)+len(part) > maxLine:
			raw.tooLong, long = true, nil
		case !raw.tooLong && (errors.Is(err, bufio.ErrBufferFull) || long != nil):
			long, part = append(long, part...), nil
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return raw, err
		}
		if errors.Is(err, io.EOF) && len(part) == 0 && len(long) == 0 && !raw.tooLong {
			return raw, io.EOF
		}
		if raw.tooLong {
			return raw, nil
		}
		if long != nil {
			part = long
		}
		raw.decode(bytes.TrimSuffix(bytes.TrimSuffix(part, []byte{rs.end}), []byte("\r")))
		return raw, nil
	}
}

// decode makes text of the bytes of a line.
func (raw *rawLine) decode(b []byte) {
	if utf8.Valid(b) {
		raw.text = string(b)
		return
	}
	raw.text = fromWindows1252(b)
	raw.notes = append(raw.notes, "the row is not UTF-8; it was read as Windows-1252")
}

// split cuts a line into its cells.
func split(raw rawLine) record {
	rec := record{notes: raw.notes, closed: true}
	switch {
	case raw.tooLong:
		rec.fault = fmt.Sprintf("the row is longer than %d bytes", maxLine)
		return rec
	case strings.Count(raw.text, ",") >= maxCells:
		rec.fault = fmt.Sprintf("the row has more than %d cells", maxCells)
		return rec
	case strings.ContainsFunc(raw.text, isControl):
		rec.fault = "the row has a control character"
		return rec
	case !strings.Contains(raw.text, `"`):
		rec.cells = strings.Split(raw.text, ",")
		return rec
	}
	rest, bare := raw.text, false
	for {
		cell, after, state := cutCell(rest)
		bare = bare || state == cellBare
		if state == cellOpen || state == cellTorn {
			rec.cells, rec.closed = nil, state == cellTorn
			rec.fault = "a quote is not closed"
			if rec.closed {
				rec.fault = "there is text behind a closing quote"
			}
			return rec
		}
		rec.cells = append(rec.cells, cell)
		if after < 0 {
			break
		}
		rest = rest[after:]
	}
	if bare {
		rec.notes = append(rec.notes[:len(rec.notes):len(rec.notes)], "a quote stands inside a value that is not quoted")
	}
	return rec
}

func isControl(r rune) bool { return r < ' ' && r != '\t' && r != '\n' || r == 0x7f }

type cellState uint8

const (
	cellFine cellState = iota
	cellBare           // a quote inside a value that is not quoted
	cellOpen           // the closing quote is missing
	cellTorn           // text between the closing quote and the comma
)

// cutCell returns the first cell of s and where the next one begins, or -1.
func cutCell(s string) (cell string, after int, state cellState) {
	if !strings.HasPrefix(s, `"`) {
		cell, _, more := strings.Cut(s, ",")
		if strings.Contains(cell, `"`) {
			state = cellBare
		}
		if !more {
			return cell, -1, state
		}
		return cell, len(cell) + 1, state
	}
	var b strings.Builder
	for i := 1; ; {
		quote := strings.IndexByte(s[i:], '"')
		if quote < 0 {
			return "", -1, cellOpen
		}
		b.WriteString(s[i : i+quote])
		i += quote + 1
		switch {
		case i == len(s):
			return b.String(), -1, cellFine
		case s[i] == '"':
			b.WriteByte('"')
			i++
		case s[i] == ',':
			return b.String(), i + 1, cellFine
		default:
			return "", -1, cellTorn
		}
	}
}

// fromWindows1252 reads b as Windows-1252, which is what systems that do not write
// UTF-8 mostly write. The five bytes that it leaves undefined become U+FFFD.
func fromWindows1252(b []byte) string {
	const upper = "€�‚ƒ„…†‡ˆ‰Š‹Œ�Ž��‘’“”•–—˜™š›œ�žŸ" // 0x80 to 0x9f
	table := []rune(upper)
	var s strings.Builder
	for _, c := range b {
		switch {
		case c >= 0x80 && c <= 0x9f:
			s.WriteRune(table[c-0x80])
		default:
			s.WriteRune(rune(c))
		}
	}
	return s.String()
}
