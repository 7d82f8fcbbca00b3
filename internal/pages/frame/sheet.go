package frame

import (
	"encoding/csv"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sheet writes a table for a spreadsheet, as CSV. What a spreadsheet would take for
// a formula gets an apostrophe: a name must not run anything.
type Sheet struct {
	out *csv.Writer
	err error
}

// NewSheet returns a sheet that is written to w.
func NewSheet(w io.Writer) *Sheet {
	s := &Sheet{out: csv.NewWriter(w)}
	s.out.UseCRLF = true
	return s
}

// Row writes a row. What cannot be written is said by Flush.
func (s *Sheet) Row(cells ...string) {
	safe := make([]string, len(cells))
	for i, c := range cells {
		safe[i] = cell(c)
	}
	if err := s.out.Write(safe); err != nil && s.err == nil {
		s.err = err
	}
}

// Flush writes what is left, and returns the first error.
func (s *Sheet) Flush() error {
	s.out.Flush()
	if s.err == nil {
		s.err = s.out.Error()
	}
	return s.err
}

// cell makes a text harmless in a spreadsheet: one that begins as a formula does,
// whatever stands before that and cannot be seen, gets an apostrophe.
func cell(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "")
	unseen := func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(text, unseen))
	if strings.ContainsRune("=+-@|%\uff1d\uff0b\uff0d\uff20", first) || strings.HasPrefix(text, "\t") || strings.HasPrefix(text, "\r") || strings.HasPrefix(text, "\n") {
		return "'" + text
	}
	return text
}
