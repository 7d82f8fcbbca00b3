package frame

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzSheet: no cell is a formula, however a spreadsheet reads it, and none takes
// another's place.
func FuzzSheet(f *testing.F) {
	for _, s := range []string{"", "plain", "=1+1", " =1", "\t=1", "\u200b=1", "\ufeff@x", "＝1", "a=b", "a\"b\r\nc,d", "-", "'=1", "\x00=1", "|cmd", "\xff=1"} {
		f.Add(s, "next")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		var out bytes.Buffer
		s := NewSheet(&out)
		s.Row(a, b)
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if len(rows) == 0 && cell(a)+cell(b) == "" {
			return
		}
		if err != nil || len(rows) != 1 || len(rows[0]) != 2 {
			t.Fatalf("%q, %q became %q, %v", a, b, rows, err)
		}
		for _, got := range rows[0] {
			seen := strings.TrimLeftFunc(got, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
			if first, _ := utf8.DecodeRuneInString(seen); seen != "" && strings.ContainsRune("=+-@|%＝＋－＠", first) {
				t.Errorf("%q, %q: the cell %q is a formula", a, b, got)
			}
		}
	})
}
