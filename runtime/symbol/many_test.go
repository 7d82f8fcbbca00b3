package symbol_test

import (
	"encoding/binary"
	"testing"

	"github.com/trellis-learning/trellis/runtime/symbol"
)

// A name section may hold a million names. They are looked through once, and no
// further than there can be functions.
func TestNamesBeyondAllFunctions(t *testing.T) {
	const names = 70_000
	body := binary.AppendUvarint(nil, names)
	for i := range names {
		body = append(binary.AppendUvarint(body, uint64(i)), 1, 'a'+byte(i%26))
	}
	section := append(binary.AppendUvarint([]byte{1}, uint64(len(body))), body...)
	table := symbol.New([]symbol.Section{{Name: "name", Data: section}}, 0)
	for index, want := range map[int]string{0: "a", 27: "b", 50_000: "c", names - 1: "function 69999"} {
		if got := table.Frames(index, 0); len(got) != 1 || got[0].Function != want {
			t.Errorf("function %d is %v, want %q", index, got, want)
		}
		if got := table.Function(index); got != want {
			t.Errorf("function %d is %q, want %q", index, got, want)
		}
	}
}
