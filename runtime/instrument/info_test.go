package instrument_test

import (
	"bytes"
	"fmt"
	goruntime "runtime"
	"testing"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

// What is said of a module takes no more memory than the module is large, however
// often it names a function whose type is long.
func TestInfoOfManyExportsIsSmall(t *testing.T) {
	const exports = 50_000
	list := make([][]byte, exports)
	for i := range list {
		list[i] = exported(fmt.Sprint("f", i), 0, 0)
	}
	m := module(
		section(1, typ(bytes.Repeat([]byte{i32}, 1000), nil)),
		section(3, []byte{0}), section(7, list...), section(10, body(noLocals, 0x0b)),
	)
	var before, after goruntime.MemStats
	goruntime.ReadMemStats(&before)
	_, info, err := instrument.Rewrite(m, instrument.Limits{})
	goruntime.ReadMemStats(&after)
	if err != nil || len(info.Exports) != exports || len(info.Exports["f7"].Params) != 1000 {
		t.Fatalf("%d exports, %v", len(info.Exports), err)
	}
	if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 50 {
		t.Errorf("a module of %d KiB took %d MiB", len(m)>>10, took)
	}
}
