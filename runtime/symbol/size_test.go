package symbol_test

import (
	"testing"

	"github.com/trellis-learning/trellis/runtime/symbol"
)

// A table grows with what it is asked, and says so.
func TestSize(t *testing.T) {
	names := []byte{1, 10, 2, 0, 1, 'a', 1, 4, 'b', 'b', 'b', 'b'}
	table := symbol.New([]symbol.Section{{Name: "name", Data: names}}, 0)
	before := table.Size()
	if got := table.Function(1); got != "bbbb" {
		t.Fatalf("function 1 is %q", got)
	}
	gathered := table.Size()
	table.Frames(1, 7)
	if asked := table.Size(); before >= gathered || gathered >= asked || asked > 10_000 {
		t.Errorf("%d bytes, then %d, then %d", before, gathered, asked)
	}
}
