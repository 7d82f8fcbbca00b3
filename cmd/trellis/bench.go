package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

type benchCmd struct {
	Module string            `arg:"" type:"existingfile" help:"WebAssembly module."`
	Hook   string            `arg:"" help:"Export to call; of a WASI command, the name that it gets as its argument."`
	Input  string            `help:"Input of each call: a text, @FILE, or - for standard input."`
	Memory string            `help:"Linear memory that it may use: 1MiB to 64MiB, 16MiB if absent, as limits.memory of a manifest."`
	Time   time.Duration     `default:"2s" help:"How long each mode is measured."`
	Config map[string]string `help:"KEY=VALUE: settings, which the guest reads with config.get." mapsep:"none"`
}

// benchmark is what the command finds out.
type benchmark struct {
	Module     string      `json:"module"`
	Bytes      int         `json:"bytes"`
	Convention string      `json:"convention"`
	Hook       string      `json:"hook"`
	Input      int         `json:"input_bytes"`
	Output     int         `json:"output_bytes"`
	Modes      []benchMode `json:"modes"`
	// Reset is what putting an instance back adds to a call; 0 where none is.
	Reset time.Duration `json:"reset_ns"`
	// Compile is paid once, when the module is installed; Load at each start of a
	// server, and First by the first call after it.
	Compile time.Duration `json:"compile_ns"`
	Load    time.Duration `json:"load_ns"`
	First   time.Duration `json:"first_call_ns"`
	Usual   uint64        `json:"fuel_limit"` // of a call that has the default limits
	Fresh   string        `json:"fresh,omitempty"`
	Advice  []string      `json:"advice"`
}

// benchMode is one way of calling the module. Durations are nanoseconds in JSON.
type benchMode struct {
	Name      string        `json:"name"`
	Median    time.Duration `json:"median_ns,omitempty"`
	P99       time.Duration `json:"p99_ns,omitempty"`
	Rate      float64       `json:"calls_per_second,omitempty"` // one after the other
	Calls     int           `json:"calls,omitempty"`
	Fuel      uint64        `json:"fuel,omitempty"`
	Memory    int           `json:"memory_bytes,omitempty"`
	HostCalls int           `json:"host_calls,omitempty"`
	Fault     string        `json:"error,omitempty"` // why it could not be measured
}

func (c *benchCmd) Run(e *env) error {
	module, err := os.ReadFile(c.Module)
	if err != nil {
		return err
	}
	var in []byte
	if c.Input == "-" {
		in, err = io.ReadAll(e.in)
	} else {
		in, err = argument(c.Input)
	}
	if err != nil {
		return err
	}
	if c.Time <= 0 {
		return trellis.Errorf(trellis.Invalid, "-time %v is no time to measure in", c.Time)
	}
	limits, err := limitsOf(c.Memory)
	if err != nil {
		return err
	}
	accept, err := accepted()
	if err != nil {
		return err
	}
	info, err := inspect(e.ctx, module, limits, accept)
	if err != nil {
		return err
	}
	if !slices.Contains(info.Hooks, c.Hook) && !slices.Equal(info.Hooks, []string{"*"}) {
		return noSuchExport(c.Hook, info)
	}
	settings := json.RawMessage("{}")
	if len(c.Config) > 0 {
		if settings, err = json.Marshal(c.Config); err != nil {
			return err
		}
	}
	limits.Time = time.Hour // which is measured here: what ends a call is its fuel
	cache, err := os.MkdirTemp("", "trellis-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(cache)
	b := &bencher{
		env: e, path: c.Module, module: module, call: runtime.Call{Hook: c.Hook, In: in, Key: "bench"}, each: c.Time, info: info, limits: limits,
		config: runtime.Config{Cache: cache, Accept: accept, Host: &local{settings: settings, note: func(string, ...any) {}}},
	}
	result, err := b.run()
	if err != nil {
		return err
	}
	result.Module = filepath.Base(c.Module)
	result.advise()
	e.show(result, result.write)
	return nil
}

// bencher measures a module.
type bencher struct {
	*env
	path   string
	module []byte
	call   runtime.Call
	each   time.Duration
	info   runtime.Info
	limits runtime.Limits // those that are not the default
	config runtime.Config
}

func (b *bencher) run() (*benchmark, error) {
	r := &benchmark{
		Bytes: len(b.module), Convention: b.info.Convention, Hook: b.call.Hook, Input: len(b.call.In), Fresh: b.info.Fresh,
		Modes: []benchMode{}, Advice: []string{},
	}
	b.note("compile and load %d bytes", len(b.module))
	if err := b.load(r); err != nil {
		return nil, err
	}
	rt, err := runtime.New(b.ctx, b.config)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rt.Close(context.WithoutCancel(b.ctx)) }()
	r.Usual = rt.FuelPerSecond() / 10
	modes := b.open(rt)
	defer func() {
		for _, m := range modes {
			m.close()
		}
	}()
	for n := range turns {
		b.note("measure, turn %d of %d", n+1, turns)
		for _, m := range modes {
			m.run(b.ctx, b.call, b.each/turns)
		}
		if err := b.ctx.Err(); err != nil {
			return nil, err
		}
	}
	for _, m := range modes {
		r.Modes = append(r.Modes, m.result())
	}
	if pinned, pristine := r.mode("pinned"), r.mode("pristine"); pinned != nil && pristine != nil && r.Fresh == "" {
		r.Reset = max(0, pristine.Median-pinned.Median)
	}
	return r, nil
}

// load compiles the module and loads it as the next start of a server would, and
// has it answer once.
func (b *bencher) load(r *benchmark) error {
	for _, took := range []*time.Duration{&r.Compile, &r.Load} {
		if err := b.loadOnce(r, took); err != nil {
			return err
		}
	}
	return nil
}

func (b *bencher) loadOnce(r *benchmark, took *time.Duration) error {
	rt, err := runtime.New(b.ctx, b.config)
	if err != nil {
		return err
	}
	defer func() { _ = rt.Close(context.WithoutCancel(b.ctx)) }()
	begun := time.Now()
	m, err := rt.Compile(b.ctx, b.module, b.limits)
	if err != nil {
		return err
	}
	*took = time.Since(begun)
	defer func() { _ = m.Close(context.WithoutCancel(b.ctx)) }()
	begun = time.Now()
	out, _, err := m.Call(b.ctx, b.call)
	r.First, r.Output = time.Since(begun), len(out)
	if err != nil && beyond(err) == "" {
		return advise(err, "trellis run %s %s does the same once; -input TEXT or -input @FILE gives it another input", b.path, b.call.Hook)
	}
	return err
}

// way is one way of calling a module.
type way struct {
	name   string
	limits runtime.Limits
	fresh  bool // each call is another's, and so gets another instance
}

// ways are those that this module can be called in.
func (b *bencher) ways(rt *runtime.Runtime) []way {
	pinned := b.limits
	pinned.Isolation = runtime.Pinned
	ways := []way{{"pristine", b.limits, false}}
	if _, err := rt.Check(b.ctx, given(b.module), pinned); err != nil {
		return ways // it keeps no state
	}
	return slices.Concat([]way{{"pinned", pinned, false}}, ways, []way{{"fresh", pinned, true}})
}

const (
	// turns is how often each mode is measured, in turn with the others, so that
	// what else happens on the machine happens to all of them.
	turns = 5
	// mostCalls bounds what is kept of each mode.
	mostCalls = 1 << 20
)

// measured is a mode while it is measured. What the guest does wrong in it ends
// that mode alone.
type measured struct {
	way
	module *runtime.Module
	fault  error
	took   []time.Duration
	total  time.Duration
	stats  runtime.Stats
}

func (b *bencher) open(rt *runtime.Runtime) []*measured {
	var modes []*measured
	for _, w := range b.ways(rt) {
		m := &measured{way: w}
		m.module, m.fault = rt.Compile(b.ctx, b.module, w.limits)
		modes = append(modes, m)
	}
	return modes
}

func (m *measured) close() {
	if m.module != nil {
		_ = m.module.Close(context.Background())
	}
}

// run calls the module one call after the other, once or for some time.
func (m *measured) run(ctx context.Context, call runtime.Call, d time.Duration) {
	begun := time.Now()
	for last := begun; len(m.took) < mostCalls && m.fault == nil; {
		if m.fresh {
			call.Key = fmt.Sprint(len(m.took))
		}
		if call.Dst, m.stats, m.fault = m.module.Call(ctx, call); m.fault != nil {
			return
		}
		call.Dst = call.Dst[:0]
		now := time.Now()
		m.took = append(m.took, now.Sub(last))
		if last = now; now.Sub(begun) >= d {
			break
		}
	}
	m.total += time.Since(begun)
}

func (m *measured) result() benchMode {
	if m.fault != nil {
		return benchMode{Name: m.name, Fault: m.fault.Error()}
	}
	slices.Sort(m.took)
	return benchMode{
		Name: m.name, Median: m.took[len(m.took)/2], P99: m.took[len(m.took)*99/100],
		Calls: len(m.took), Rate: float64(len(m.took)) / m.total.Seconds(),
		Fuel: m.stats.Fuel, Memory: m.stats.Memory, HostCalls: m.stats.HostCalls,
	}
}

// mode returns what was measured under a name, nil if nothing was.
func (r *benchmark) mode(name string) *benchMode {
	i := slices.IndexFunc(r.Modes, func(m benchMode) bool { return m.Name == name && m.Fault == "" })
	if i < 0 {
		return nil
	}
	return &r.Modes[i]
}
