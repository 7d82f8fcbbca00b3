package symbol_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/runtime/symbol"
)

// scopes returns debug information of half a million functions, each inlined into
// the one around it, which all span all of the code, in a byte each.
func scopes() []symbol.Section {
	const depth = 190
	unit := []byte{1, 0x11, 1, 0x11, 1, 0x12, 1, 0, 0}                                     // low and high pc
	inlined := []byte{2, 0x1d, 1, 0x11, 0x21, 1, 0x12, 0x21, 0xff, 0xff, 3, 0, 0}          // the same, constant
	head := []byte{5, 0, 1, 4, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0xff, 0xff, 0, 0}                // of version 5
	upAndDown := append(bytes.Repeat([]byte{2}, depth), bytes.Repeat([]byte{0}, depth)...) // 190 within each other
	body := append(head, bytes.Repeat(upAndDown, 500_000/depth)...)
	return []symbol.Section{
		{Name: ".debug_abbrev", Data: slices.Concat(unit, inlined, []byte{0})},
		{Name: ".debug_info", Data: append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...)},
	}
}

// TestWorkIsShared: what one question costs is paid by all, so questions about many
// places come to an end, while what was answered once costs nothing.
func TestWorkIsShared(t *testing.T) {
	tab := symbol.New(scopes(), 0)
	const first = 100
	want := lines(tab.Frames(0, first))
	if n := len(tab.Frames(0, first)); n != 17 {
		t.Fatalf("%d frames, of the 16 innermost functions and the one around", n)
	}
	at := uint64(first + 1)
	for ; len(tab.Frames(0, at)) > 1; at++ {
		if at == first+100 {
			t.Fatal("100 questions were answered that look at half a million functions each")
		}
	}
	if at < first+3 {
		t.Errorf("only %d questions were answered", at-first)
	}
	for range 100 {
		if got := lines(tab.Frames(0, first)); got != want {
			t.Fatalf("then %s, at first %s", got, want)
		}
	}
	if got := lines(tab.Frames(7, at)); got != "function 7" {
		t.Errorf("what is left of an answer is %q", got)
	}
}

// TestAnswersAreTheAskers: who changes an answer changes no other.
func TestAnswersAreTheAskers(t *testing.T) {
	tab := symbol.New([]symbol.Section{names("check")}, 0)
	tab.Frames(0, 0)[0].Function = "other"
	if got := lines(tab.Frames(0, 0)); got != "check" {
		t.Errorf("got %s", got)
	}
}

// unsorted returns a line table whose n rows are in no order, one for each address
// from 1 on, in a unit without functions. Row i, from 0, is of line i+2.
func unsorted(n int) []symbol.Section {
	u32 := func(n int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(n)) }
	header := []byte{1, 1, 1, 0xfb, 14, 10, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 'a', '.', 'c', 0, 0, 0, 0, 0}
	program := slices.Concat([]byte{4, 0}, u32(len(header)), header)
	for i := range n {
		program = append(append(program, 0, 5, 2), u32(addressOf(i, n))...) // the address
		program = append(program, 3, 1, 1)                                  // the next line: a row
	}
	program = append(program, 0, 1, 1) // the end
	unit := slices.Concat([]byte{4, 0}, u32(0), []byte{4, 1}, u32(0), u32(1), u32(n+1))
	return []symbol.Section{
		{Name: ".debug_abbrev", Data: []byte{1, 0x11, 0, 0x10, 0x17, 0x11, 1, 0x12, 1, 0, 0, 0}}, // lines, low and high pc
		{Name: ".debug_info", Data: append(u32(len(unit)), unit...)},
		{Name: ".debug_line", Data: append(u32(len(program)), program...)},
	}
}

// TestWorkIsCharged: what costs the host as much as reading does is charged as that is.
func TestWorkIsCharged(t *testing.T) {
	const rows = 1 << 18
	for _, tt := range []struct {
		name     string
		sections []symbol.Section
		least    int
		want     string
	}{
		{"to sort rows", append(unsorted(rows), names("f")), 18 * rows, "f (a.c:2)"},
		{"to read a source map", sourceMapOf("AAgggggAgggggAgggggA,", 100_000), 2_100_000 / 4, "function 0 (a:1)"},
		{"to demangle", []symbol.Section{names("_ZN" + strings.Repeat("1a", 450) + "E")}, 900 * 20, strings.Repeat("a::", 39) + "…"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tab := symbol.New(tt.sections, 0)
			before := tab.Work()
			if got := lines(tab.Frames(0, 1)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if spent := before - tab.Work(); spent < tt.least {
				t.Errorf("%d steps, want %d at least", spent, tt.least)
			}
		})
	}
}

func TestRowsInNoOrder(t *testing.T) {
	const rows = 1_000
	tab := symbol.New(append(unsorted(rows), names("f")), 0)
	for i := range rows {
		want := fmt.Sprintf("f (a.c:%d)", i+2)
		if got := lines(tab.Frames(0, uint64(addressOf(i, rows)))); got != want {
			t.Fatalf("row %d: got %s, want %s", i, got, want)
		}
	}
}

// addressOf returns the address of row i of n.
func addressOf(i, n int) int { return 1 + i*40_503%n }

// sourceMapOf returns a source map of so many mappings.
func sourceMapOf(mapping string, n int) []symbol.Section {
	text := `{"version":3,"sources":["a"],"mappings":"` + strings.Repeat(mapping, n) + `"}`
	return []symbol.Section{{Name: symbol.SourceMap, Data: []byte(text)}}
}
