// Package runtime runs untrusted WebAssembly. It checks and rewrites a module
// once, keeps idle instances of it, and calls its exported functions with bytes
// in and bytes out, within limits of memory, fuel and time. It knows nothing of
// tenants, events or HTTP.
//
// # Calling conventions
//
// A guest of the convention trellis/1 exports its memory as "memory",
// trellis_alloc(n i32) -> i32, and one function (ptr, len i32) -> i64 for each
// hook. The host asks trellis_alloc for room, writes the input there and calls
// the hook, which returns ptr<<32 | len of its answer; bit 31 of the length says
// that the answer is an error, {"kind": …, "message": …}. The answer must stay
// where it is until the next call. An export _initialize is called once, before
// everything else. Pointers and lengths are unsigned, messages are usually JSON,
// and the host frees nothing.
//
// Guests may import these functions of the module "trellis":
//
//	call(name_ptr, name_len, ptr, len i32) -> i64   runs a host operation: kind<<32 | length of its answer
//	read(ptr, cap, off i32) -> i32                  copies from that answer, which lasts until the next call
//	log(level, ptr, len i32)                        0 debug, 1 info, 2 warn, 3 error
//	now() -> i64                                    Unix nanoseconds
//	random(ptr, len i32)                            fills with random bytes
//
// The kind is 0 for success and otherwise the number of a [trellis.Kind]; the
// answer then is an error as above. WASI preview 1 is offered with no files, no
// environment and no sockets: what a guest writes to standard output and error
// goes to the log, and nothing ever waits. Any other import is refused by name.
//
// A module that imports from "extism:host/env" is an Extism plugin (version 1) and
// runs unmodified. Each export () -> (i32) or () -> () is a hook; _initialize, else
// __wasm_call_ctors, and hs_init are called once, before everything else. Blocks
// may take up as much as the guest's memory may, and are gone after each call.
// Variables (var_get, var_set; a mebibyte in all) last as long as the state of the
// instance: for the call, or with it if it is pinned. config_get answers from the
// host operation config.get and http_request by http.fetch; a request that is
// refused or fails ends the call with [ErrTrap]. A text of error_set is an error of
// kind Internal, or the one that it spells out as {"kind": …, "message": …}; a
// status other than 0 without a text is Internal too. Leaving by proc_exit with
// another status than 0 is [ErrTrap]. What is logged as trace is dropped. All host
// operations are offered in "extism:host/user", by offsets of blocks:
//
//	trellis_call(name, input i64) -> i64   runs a host operation and returns its answer
//	trellis_error() -> i32                 the kind of the last one's error, 0 for success
//
// A WASI command is a program of any language that exports _start and is none of
// the above. Each call runs it from its beginning: the input is its standard
// input, the name of the hook, whatever it is, its first argument (argv[1]), what
// it writes to standard output its answer, and what it writes to standard error
// its log. Exit status 0 is success. With status 1 and {"kind": …, "message": …}
// on standard output it answers with that error; any other status is [ErrTrap]. It
// may import WASI preview 1 as above and nothing else: it has no host operations.
//
// # Fuel and time
//
// A guest's work is measured in fuel: the same input costs the same on every
// machine, [New] measures what a second of it is worth here. A guest ends when its
// fuel is spent. One that is compiled with a [Limits].Fuel of more than is worth
// a millisecond, as by default, yields: many times in one it stops for a moment, in
// which the clock is looked at, the garbage collector may work, and others who
// wait for a worker get their turn. That costs code of C up to a twentieth of its
// speed, of Go some tenth. Any other guest sees the clock only when it asks for a
// host operation: no other function of the host looks at it.
//
// # Isolation
//
// A [Pristine] module never sees what an earlier call left behind: its memory and
// globals are put back to what they were after _initialize. Seeds and clocks that
// a guest read while it started are part of that; only random and now differ from
// call to call. A [Pinned] module keeps its state, one instance for each
// [Call.Key]; a WASI command has none to keep and cannot be pinned.
package runtime

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	goruntime "runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/trellis-learning/trellis"
)

// Runtime compiles modules and runs them. It is safe for concurrent use.
type Runtime struct {
	cfg     Config
	log     *slog.Logger
	cache   cache
	wasm    wazero.Runtime
	native  wazero.CompilationCache
	fuel    uint64 // units worth a second
	workers *gate  // a slot for each guest that runs
	builds  *builds
	loading [256]sync.Mutex // of modules from the cache, by the first two digits of their keys
	started time.Time
	scanner *scanner

	closed  atomic.Bool
	active  atomic.Int64  // modules with calls under way, and compilations
	idle    chan struct{} // closed when active is 0 after Close
	idling  sync.Once     // closes idle
	freeing sync.Mutex    // held while everything is freed
	freed   bool

	held     held
	shedding sync.Mutex

	mu      sync.Mutex
	modules map[*Module]struct{}

	explainers explainers
}

// New returns a runtime. It takes some milliseconds to measure how fast this
// machine runs guests, which is what the default of [Limits.Fuel] rests on.
// Close it when no longer used.
func New(ctx context.Context, cfg Config) (*Runtime, error) {
	if cfg.Workers < 0 {
		return nil, trellis.Errorf(trellis.Invalid, "workers %d is negative", cfg.Workers)
	}
	if cfg.Memory < 0 {
		return nil, trellis.Errorf(trellis.Invalid, "memory %d is negative", cfg.Memory)
	}
	if cfg.CacheSize < 0 {
		return nil, trellis.Errorf(trellis.Invalid, "cache size %d is negative", cfg.CacheSize)
	}
	if cfg.Memory == 0 {
		cfg.Memory = usualMemory
	}
	if err := cfg.Accept.Check(); err != nil {
		return nil, err
	}
	if cfg.Workers == 0 {
		cfg.Workers = goruntime.GOMAXPROCS(0)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Runtime{
		cfg: cfg, log: cfg.Logger,
		workers: newGate(cfg.Workers, false),
		builds:  newBuilds(max(2, goruntime.GOMAXPROCS(0)/2)), explainers: newExplainers(),
		started: time.Now(), scanner: newScanner(), idle: make(chan struct{}), modules: map[*Module]struct{}{},
	}
	r.workers.share, r.workers.calm = max(1, cfg.Workers-1), calmWorkers
	r.explainers.held = &r.held
	if err := r.open(ctx); err != nil {
		_ = r.shut(ctx)
		return nil, err
	}
	if len(cfg.Compiler) == 0 {
		r.log.Info("modules are compiled in this process, without limits of memory and time", "cache", cfg.Cache)
	}
	return r, nil
}

func (r *Runtime) open(ctx context.Context) error {
	r.cache.bound = cmp.Or(r.cfg.CacheSize, usualCache)
	if err := r.cache.open(r.cfg.Cache, len(r.cfg.Compiler) > 0); err != nil {
		return err
	}
	r.native = wazero.NewCompilationCache()
	if r.cache.dir != "" {
		native, err := wazero.NewCompilationCacheWithDir(r.cache.dir)
		if err != nil {
			return fmt.Errorf("open compile cache: %w", err)
		}
		r.native = native
	}
	r.wasm = wazero.NewRuntimeWithConfig(ctx, runtimeConfig().WithCompilationCache(r.native))
	if err := r.offer(ctx); err != nil {
		return err
	}
	if r.fuel = r.cfg.FuelPerSecond; r.fuel > 0 {
		return nil
	}
	return r.calibrate(ctx)
}

// offer registers the host functions of every convention, and the one for
// yielding, gathered by the name of their module.
func (r *Runtime) offer(ctx context.Context) error {
	offers := []hostFunction{yieldFunction()}
	for _, c := range conventions() {
		offers = append(offers, c.offers()...)
	}
	builders, known := map[string]wazero.HostModuleBuilder{}, map[string]bool{}
	for _, f := range offers {
		if known[f.name+"."+f.module] {
			continue // what two conventions offer is the same
		}
		known[f.name+"."+f.module] = true
		b := builders[f.module]
		if b == nil {
			b = r.wasm.NewHostModuleBuilder(f.module)
			builders[f.module] = b
		}
		b.NewFunctionBuilder().WithGoModuleFunction(f.guard(), valueTypes(f.params), valueTypes(f.results)).Export(f.name)
	}
	for name, b := range builders {
		if _, err := b.Instantiate(ctx); err != nil {
			return fmt.Errorf("offer host module %s: %w", name, err)
		}
	}
	return nil
}

// runtimeConfig is what a module is compiled for, here and in the child alike.
func runtimeConfig() wazero.RuntimeConfig {
	return wazero.NewRuntimeConfig().
		WithCoreFeatures(api.CoreFeaturesV2).
		WithMemoryLimitPages(maxMemory / pageSize).
		WithDebugInfoEnabled(true) // of modules that the rewriter gave some
}

// FuelPerSecond returns how many units of fuel a second of guest code is worth: as
// [Config] says, or as measured by [New].
func (r *Runtime) FuelPerSecond() uint64 { return r.fuel }

// fuelFor returns the fuel that d of guest code is worth.
func (r *Runtime) fuelFor(d time.Duration) uint64 {
	return uint64(float64(r.fuel) * d.Seconds())
}

// Close ends the runtime: new calls are refused, and when those under way have
// ended everything is freed. If ctx ends before that, Close returns its error,
// has freed nothing, and may be called again.
func (r *Runtime) Close(ctx context.Context) error {
	r.closed.Store(true)
	for _, m := range r.list() {
		m.halt()
	}
	if r.active.Load() == 0 {
		r.idling.Do(func() { close(r.idle) })
	}
	select {
	case <-r.idle:
		return r.shut(ctx)
	case <-ctx.Done():
		return fmt.Errorf("close runtime: %w", ctx.Err())
	}
}

func (r *Runtime) shut(ctx context.Context) error {
	r.freeing.Lock()
	defer r.freeing.Unlock()
	if r.freed {
		return nil
	}
	r.freed = true
	for _, m := range r.list() {
		m.drop(ctx)
	}
	r.scanner.close()
	var errs []error
	if r.wasm != nil {
		errs = append(errs, r.wasm.Close(ctx))
	}
	if r.native != nil {
		errs = append(errs, r.native.Close(ctx))
	}
	if r.cache.temporary {
		errs = append(errs, os.RemoveAll(r.cache.dir))
	}
	return errors.Join(errs...)
}

// now is the time since the runtime was made, in nanoseconds: reading it takes half
// as long as a [time.Time].
func (r *Runtime) now() int64 { return int64(time.Since(r.started)) }

// add notes a module, until remove.
func (r *Runtime) add(m *Module) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.modules[m] = struct{}{}
}

func (r *Runtime) remove(m *Module) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.modules, m)
}

func (r *Runtime) list() []*Module {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.modules))
}

// begin counts work under way, unless the runtime is closed.
func (r *Runtime) begin() error {
	r.active.Add(1)
	if r.closed.Load() {
		r.end()
		return errRuntimeClosed
	}
	return nil
}

func (r *Runtime) end() {
	if r.active.Add(-1) == 0 && r.closed.Load() {
		r.idling.Do(func() { close(r.idle) })
	}
}

// acquire takes one of the slots that guests run in; release gives it back. It
// says how long that took.
func (r *Runtime) acquire(ctx context.Context, at place, patience time.Duration) (waited time.Duration, counted bool, err error) {
	switch waited, counted, err = r.workers.enter(ctx, at, patience); {
	case errors.Is(err, errFull):
		err = trellis.Exhaustedf(time.Second, "too many calls are waiting for a worker")
	case errors.Is(err, errWaited):
		err = trellis.Exhaustedf(time.Second, "all %d workers were busy for %v", r.cfg.Workers, waited.Round(time.Millisecond))
	case err != nil:
		err = fmt.Errorf("wait for a worker: %w", err)
	}
	return waited, counted, err
}

func (r *Runtime) release(at place, counted bool) { r.workers.leave(at, counted) }
