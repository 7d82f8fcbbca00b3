package theming

import (
	"os"
	"regexp"
	"testing"
)

// TestGroundsAreThoseOfThePages compares with the stylesheet of the pages: a brand is
// readable on the grounds that it is measured on, and on no others.
func TestGroundsAreThoseOfThePages(t *testing.T) {
	raw, err := os.ReadFile("../../internal/pages/frame/static/trellis.css")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`--tr-bg: (#[0-9a-f]+); --tr-surface: (#[0-9a-f]+); --tr-inset: (#[0-9a-f]+);`).FindAllStringSubmatch(string(raw), -1)
	if len(found) < 3 {
		t.Fatalf("%d schemes", len(found))
	}
	for i, s := range []scheme{light(), dark(), dark()} { // dark by choice, too; paper is left alone
		for j, g := range s.grounds {
			if got := found[i][j+1]; got != g.String() && got+got[1:] != g.String() {
				t.Errorf("scheme %d has the ground %s, and is measured on %s", i, got, g)
			}
		}
	}
}
