package symbol

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// sourceMap is a source map of version 3. For WebAssembly its mappings have one
// line, whose columns are offsets in the module.
type sourceMap struct {
	Version  int     `json:"version"`
	Sources  sources `json:"sources"`
	Mappings string  `json:"mappings"`
}

const (
	maxSourceMap  = 4 << 20  // bytes of one that comes with a module
	maxSourceFile = 32 << 20 // of one with all that compilers write
	maxSources    = 10_000
	perStep       = 4 // bytes of mappings that are read in a step of work
)

// newSourceMap returns nil for what is not a source map of one part, or has more
// than so many bytes.
func newSourceMap(text []byte, most int) *sourceMap {
	if len(text) > most {
		return nil
	}
	m := &sourceMap{}
	if json.Unmarshal(text, m) != nil || m.Version != 3 || m.Mappings == "" {
		return nil
	}
	return m
}

// sources are names of files, not too many.
type sources []string

// UnmarshalJSON reads them one by one: an empty one has two bytes and takes the
// host sixteen.
func (s *sources) UnmarshalJSON(text []byte) error {
	if *s != nil {
		return errSources // the second ones of a map
	}
	*s = sources{}
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('[') {
		return errSources
	}
	for d.More() {
		var name *string // one that is not known is null
		if err := d.Decode(&name); err != nil || len(*s) == maxSources {
			return errSources
		}
		if name == nil {
			name = new(string)
		}
		*s = append(*s, *name)
	}
	return nil
}

var errSources = errors.New("not a list of sources, or too many")

// dataURL returns what the custom section sourceMappingURL holds, if its text is a
// data: URL.
func dataURL(section []byte) []byte {
	if len(section) > maxSourceMap/3*4+100 {
		return nil
	}
	work := len(section) + 16
	r := reader{data: section, work: &work}
	url := string(r.bytes(r.uint()))
	rest, ok := strings.CutPrefix(url, "data:")
	head, body, comma := strings.Cut(rest, ",")
	if !ok || !comma || !strings.HasSuffix(head, ";base64") {
		return nil
	}
	text, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		return nil
	}
	return text
}

// frames returns the place of an offset in the module.
func (m *sourceMap) frames(offset uint64, work *int) []Frame {
	var column, source, line, col int64
	var best *Frame
	s := m.Mappings
	defer func() { *work -= 1 + (len(m.Mappings)-len(s))/perStep }()
	for len(s) > 0 && s[0] != ';' {
		if (len(m.Mappings)-len(s))/perStep >= *work {
			return nil
		}
		if s[0] == ',' {
			s = s[1:]
			continue
		}
		var fields [5]int64
		n := 0
		for len(s) > 0 && s[0] != ',' && s[0] != ';' {
			v, rest, ok := vlq(s)
			if !ok || n == len(fields) {
				return nil
			}
			fields[n] = v
			n++
			s = rest
		}
		if column += fields[0]; uint64(column) > offset || column < 0 {
			break
		}
		if n < 4 {
			best = nil // code that comes from no source
			continue
		}
		source, line, col = source+fields[1], line+fields[2], col+fields[3]
		if source < 0 || source >= int64(len(m.Sources)) || line < 0 || line > 1<<31 || col < 0 || col > 1<<31 {
			return nil
		}
		if m.Sources[source] == "" {
			best = nil
			continue
		}
		if best == nil {
			best = &Frame{}
		}
		best.File, best.Line, best.Column = m.Sources[source], int(line)+1, int(col)+1
	}
	if best == nil {
		return nil
	}
	best.File = shortPath("", best.File) // without the map's root, which is for browsers
	return []Frame{*best}
}

// vlq reads a number in base 64: five bits a digit, the least first, the sign in
// the lowest bit.
func vlq(s string) (v int64, rest string, ok bool) {
	var n uint64
	for i := 0; i < len(s) && i < 7; i++ {
		d := digit(s[i])
		if d < 0 {
			return 0, "", false
		}
		n |= uint64(d&31) << (5 * i)
		if d < 32 {
			if v = int64(n >> 1); n&1 != 0 {
				v = -v
			}
			return v, s[i+1:], true
		}
	}
	return 0, "", false
}

func digit(c byte) int {
	switch {
	case c >= 'A' && c <= 'Z':
		return int(c - 'A')
	case c >= 'a' && c <= 'z':
		return int(c-'a') + 26
	case c >= '0' && c <= '9':
		return int(c-'0') + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return -1
}
