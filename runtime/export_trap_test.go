package runtime

import (
	"context"
	"time"

	"github.com/trellis-learning/trellis/runtime/symbol"
)

// PanicFrames returns the frames that the lines of a panic in Go stand for.
func PanicFrames(lines []string) []symbol.Frame {
	var t goTrace
	for _, l := range lines {
		t.line(l)
	}
	return t.frames
}

// DecodeDebug reads debug information as it lies on disk and asks it for a place.
func DecodeDebug(data []byte, function int, offset uint64) []symbol.Frame {
	d := decodeDebug(data)
	at, _ := d.positions.Original(offset)
	return d.table.Frames(function, at)
}

// EncodeDebug returns what explains the traps of a module, as it lies on disk.
var EncodeDebug = encodeDebug

// HoldExplaining takes the turn of explaining a trap, until release.
func (r *Runtime) HoldExplaining() (release func()) {
	if _, _, err := r.explainers.turns.enter(context.Background(), ours, time.Minute); err != nil {
		panic(err)
	}
	return func() { r.explainers.turns.leave(ours, false) }
}

// ExplainingWaits is how many traps wait for their turn to be explained.
func (r *Runtime) ExplainingWaits() int { return int(r.explainers.turns.waiting.Load()) }
