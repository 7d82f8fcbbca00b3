package pages

import (
	"encoding/csv"
	"io"
	"strings"
)

// sheet writes a table for a spreadsheet, as CSV. What a spreadsheet would take for
// a formula gets an apostrophe: a name must not run anything.
type sheet struct {
	out *csv.Writer
	err error
}

func newSheet(w io.Writer) *sheet {
	s := &sheet{out: csv.NewWriter(w)}
	s.out.UseCRLF = true
	return s
}

func (s *sheet) row(cells ...string) {
	safe := make([]string, len(cells))
	for i, c := range cells {
		safe[i] = cell(c)
	}
	if err := s.out.Write(safe); err != nil && s.err == nil {
		s.err = err
	}
}

func (s *sheet) flush() error {
	s.out.Flush()
	if s.err == nil {
		s.err = s.out.Error()
	}
	return s.err
}

// cell makes a text harmless in a spreadsheet.
func cell(text string) string {
	text = strings.ReplaceAll(text, "\x00", "")
	if trimmed := strings.TrimLeft(text, " \t\r\n\u00a0\ufeff"); trimmed != "" && strings.ContainsRune("=+-@\uff1d\uff0b\uff0d\uff20|%", []rune(trimmed)[0]) || text != trimmed && text != "" && strings.ContainsAny(text[:1], "\t\r\n") {
		return "'" + text
	}
	return text
}
