package instrument_test

import (
	"bytes"
	"testing"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

// Segments of data may be joined and change their order, but the memory is the same,
// and those of Go's linker, which are many and not in order, become few.
func TestDataKeepsItsPlace(t *testing.T) {
	const segments = 500
	at := func(offset int, b ...byte) []byte {
		return cat([]byte{0, 0x41}, sleb(int64(offset)), []byte{0x0b}, sized(b))
	}
	spread := func(gap int, first ...[]byte) [][]byte {
		for i := range segments {
			first = append(first, at(1000+i*(3+gap), 1, byte(i), 3))
		}
		return first
	}
	for _, tt := range []struct {
		name  string
		data  [][]byte
		fewer bool
	}{
		{"close together", spread(20), true},
		{"close together, not in order", spread(20, at(60_000, 9, 9)), true},
		{"adjacent", spread(0), true},
		{"far apart", spread(100), false},
		{"one over another", spread(20, at(1001, 7)), false},
		{"twice the same", spread(20, at(999, 7, 7)), false},
		{"empty ones", spread(20, at(0), at(65_536), at(5)), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			binary := module(section(5, []byte{0, 1}), section(7, exported("memory", 2, 0)), section(11, tt.data...))
			want, _ := plain(t, binary).Memory().Read(0, 65_536)
			got, _ := instantiate(t, binary, instrument.Limits{}).Memory().Read(0, 65_536)
			if !bytes.Equal(got, want) {
				t.Error("the memory is another")
			}
			out, _, err := instrument.Rewrite(binary, instrument.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(out, []byte{0x0b, 3, 1}); n > 2 == tt.fewer { // an end, then the bytes of a segment
				t.Errorf("%d segments are left", n)
			}
		})
	}
}
