package runtime

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"os"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/trellis-learning/trellis/runtime/instrument"
)

//go:embed calibrate/calibrate.wasm
var calibration []byte

// calibrate measures how much fuel a second of guest code is worth here: as much
// as the slowest kind of code gets done, so that the time that fuel stands for is
// hardly ever exceeded.
func (r *Runtime) calibrate(ctx context.Context) error {
	module, _, err := instrument.Rewrite(calibration, instrument.Limits{})
	if err != nil {
		return fmt.Errorf("calibrate fuel: %w", err)
	}
	alone := wazero.NewRuntimeWithConfig(ctx, runtimeConfig()) // nothing of it is to be cached
	defer alone.Close(ctx)
	mod, err := alone.Instantiate(ctx, module)
	if err != nil {
		return fmt.Errorf("calibrate fuel: %w", err)
	}
	for _, kind := range []string{"scan", "chase", "divide"} {
		rate, err := measure(ctx, mod, kind)
		if err != nil {
			return fmt.Errorf("calibrate fuel: %w", err)
		}
		if r.fuel == 0 || rate < r.fuel {
			r.fuel = rate
		}
	}
	return nil
}

// measure returns how many units an export gets done in a second. The fastest of
// several runs counts: the others were disturbed.
func measure(ctx context.Context, mod api.Module, export string) (uint64, error) {
	const (
		runs  = 5
		least = 400 * time.Microsecond // of one run, to be measurable
	)
	run, fuel := mod.ExportedFunction(export), mod.ExportedGlobal(instrument.FuelGlobal).(api.MutableGlobal)
	best := 0.0
	for n, rounds := 0, uint64(16); n < runs; {
		fuel.Set(math.MaxInt64)
		start := time.Now()
		if err := run.CallWithStack(ctx, []uint64{rounds}); err != nil {
			return 0, err
		}
		took := time.Since(start)
		if took < least && rounds < 1<<20 {
			rounds *= 2
			continue
		}
		n++
		best = max(best, float64(math.MaxInt64-fuel.Get())/took.Seconds())
	}
	return uint64(best), nil
}

// machine returns what stands for this machine and wazero in the keys of the
// cache. It is the name under which wazero files machine code, which depends on
// its version, the system and the processor's abilities; to learn it, something
// must be compiled, which is done once in a process.
var machine = sync.OnceValues(func() (string, error) {
	module, _, err := instrument.Rewrite(calibration, instrument.Limits{})
	if err != nil {
		return "", fmt.Errorf("identify machine: %w", err)
	}
	dir, err := os.MkdirTemp("", "trellis-machine-")
	if err != nil {
		return "", fmt.Errorf("identify machine: %w", err)
	}
	w := workspace{dir, dir}
	defer w.remove()
	return w.compile(context.Background(), "", module)
})
