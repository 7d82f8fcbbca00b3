package instrument_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/trellis-learning/trellis/runtime/instrument"
)

// segment is an active data segment.
func segment(at int64, text string) []byte {
	return cat([]byte{0, 0x41}, sleb(at), []byte{0x0b}, str(text))
}

// TestSegmentsAreJoined: whatever order data segments are in, the memory is what
// the original's is, and those near each other are one.
func TestSegmentsAreJoined(t *testing.T) {
	var near, far, more [][]byte
	for i := range int64(1000) {
		near = append(near, segment((1000-i)*20, "x"))
		far = append(far, segment((1000-i)*65, ""))
	}
	for i := range int64(1001) {
		more = append(more, segment(i*65, "x"))
	}
	for _, tt := range []struct {
		name string
		data [][]byte
		want int // segments
	}{
		{"one after the other", [][]byte{segment(8, "ab"), segment(12, "cd"), segment(1000, "ef")}, 2},
		{"in any order", [][]byte{segment(1000, "ef"), segment(12, "cd"), segment(8, "ab")}, 2},
		{"one over another", [][]byte{segment(8, "abcd"), segment(9, "xy"), segment(8, "z")}, 3},
		{"an empty one within another", [][]byte{segment(8, "abcd"), segment(10, "")}, 2},
		{"empty ones", [][]byte{segment(70_000, ""), segment(8, ""), segment(8, "ab")}, 0}, // beyond the memory
		{"many near each other", near, 1},
		{"many far from each other", far, 1000},
		{"more than there may be, so that larger gaps are closed", more, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			binary := module(section(5, []byte{0, 1}), section(7, exported("memory", 2, 0)), section(11, tt.data...))
			out, info, err := instrument.Rewrite(binary, instrument.Limits{Segments: 1000})
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == 0 {
				if _, err := newEngine(t, wazero.NewRuntimeConfigCompiler()).Instantiate(t.Context(), out); err == nil {
					t.Error("data beyond the memory is not refused")
				}
				return
			}
			want, _ := plain(t, binary).Memory().Read(0, 1<<16)
			got, _ := plain(t, out).Memory().Read(0, 1<<16)
			if !bytes.Equal(got, want) {
				t.Error("the memory differs from the original's")
			}
			if n := dataSegments(t, out); n != tt.want {
				t.Errorf("%d segments, want %d", n, tt.want)
			}
			if least := int64(400 * tt.want); info.Setup < least || tt.want == 1 && info.Setup > 200_000 {
				t.Errorf("an instance is worth %d units, want at least %d", info.Setup, least)
			}
		})
	}
}

// dataSegments counts them.
func dataSegments(t *testing.T, binary []byte) (n int) {
	t.Helper()
	number := func(b []byte) (int, []byte) {
		v, shift := 0, 0
		for i, c := range b {
			v |= int(c&0x7f) << shift
			if shift += 7; c < 0x80 {
				return v, b[i+1:]
			}
		}
		t.Fatal("no number")
		return 0, nil
	}
	for rest := binary[8:]; len(rest) > 0; {
		id := rest[0]
		size, body := number(rest[1:])
		if id == 11 {
			n, _ = number(body)
		}
		rest = body[size:]
	}
	return n
}

// TestSetup: what it takes to make an instance has its price, and few globals can
// change.
func TestSetup(t *testing.T) {
	globals := func(n int) []byte { return module(section(6, slices.Repeat([][]byte{{i32, 1, 0x41, 0, 0x0b}}, n)...)) }
	setup := func(binary []byte) int64 {
		_, info, err := instrument.Rewrite(binary, instrument.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return info.Setup
	}
	none := setup(module())
	if n := setup(globals(1000)); n < none+1000*1000 {
		t.Errorf("an instance with a thousand globals is worth %d units, without them %d", n, none)
	}
	if n := setup(module(section(4, []byte{funcref, 0, 0x80, 0x80, 4}))); n < none+2*65_536 {
		t.Errorf("an instance with a large table is worth %d units, without it %d", n, none)
	}
	if n := setup(module(section(5, []byte{0, 16}), section(11, segment(0, strings.Repeat("x", 1<<20))))); n < none+1<<20 {
		t.Errorf("an instance with a mebibyte of data is worth %d units, without it %d", n, none)
	}
	if _, _, err := instrument.Rewrite(globals(1001), instrument.Limits{}); err == nil || !strings.Contains(err.Error(), "more than 1000 globals are mutable") {
		t.Errorf("a thousand and one globals: %v", err)
	}
}
