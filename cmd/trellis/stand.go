package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/runtime"
)

// stand is where the hooks of one module are tried, each with a host of its own.
type stand struct {
	engine *runtime.Runtime
	module []byte
	limits runtime.Limits
	host   *local // of the call under way
	made   map[time.Duration]*runtime.Module
	calls  int
}

// newStand returns a stand for a module. Close it when nothing is tried any more.
func newStand(e *env, module []byte, limits runtime.Limits) (*stand, error) {
	s := &stand{module: module, limits: limits, made: map[time.Duration]*runtime.Module{}}
	var err error
	s.engine, err = engine(e.ctx, runtime.Config{Host: s})
	return s, err
}

func (s *stand) close(ctx context.Context) { _ = s.engine.Close(context.WithoutCancel(ctx)) }

// Call implements [runtime.Host].
func (s *stand) Call(ctx context.Context, operation string, in []byte) ([]byte, error) {
	return s.host.Call(ctx, operation, in)
}

// compiled returns the module. With work, a call of it may work for that long, as
// schedules and jobs of a platform do.
func (s *stand) compiled(ctx context.Context, work time.Duration) (*runtime.Module, error) {
	if m := s.made[work]; m != nil {
		return m, nil
	}
	limits := s.limits
	if work > 0 {
		limits.Time, limits.Fuel = work, uint64(work.Seconds()*float64(s.engine.FuelPerSecond()))
	}
	m, err := s.engine.Compile(ctx, s.module, limits)
	if err != nil {
		return nil, raisable(err)
	}
	s.made[work] = m
	return m, nil
}

// call calls a hook, which finds nothing of what others have left.
func (s *stand) call(ctx context.Context, hook string, in []byte, work time.Duration, host *local) ([]byte, runtime.Stats, error) {
	m, err := s.compiled(ctx, work)
	if err != nil {
		return nil, runtime.Stats{}, err
	}
	if info := m.Info(); !slices.Contains(info.Hooks, hook) && !slices.Contains(info.Hooks, "*") {
		return nil, runtime.Stats{}, noSuchExport(hook, info)
	}
	s.host = host
	s.calls++
	return m.Call(ctx, runtime.Call{Hook: hook, In: in, Key: strconv.Itoa(s.calls), Log: func(_ int, line string) { host.note("log: %s", line) }})
}

// try makes an attempt at a hook of a bundle.
func (s *stand) try(ctx context.Context, b *bundle.Archive, a attempt, settings json.RawMessage, note func(string, ...any)) ([]byte, runtime.Stats, error) {
	in, err := json.Marshal(a.in)
	if err != nil {
		return nil, runtime.Stats{}, err
	}
	host := &local{settings: settings, extension: b.Manifest.ID, permissions: b.Manifest.Permissions, reads: a.reads, note: note, notes: map[string]extensions.Note{}}
	return s.call(ctx, a.hook, in, a.work, host)
}

// crashes makes all attempts at a bundle and returns the first error that is a crash,
// with what that hook said before. What they answer otherwise is for the project's own
// tests. A module of which nothing is asked is started all the same.
func (s *stand) crashes(e *env, b *bundle.Archive, all []attempt, settings json.RawMessage) error {
	if m, err := s.compiled(e.ctx, 0); err == nil && len(all) == 0 {
		if hooks := m.Hooks(); len(hooks) > 0 && hooks[0] != "*" {
			all = append(all, attempt{hook: hooks[0], in: struct{}{}})
		}
	}
	for _, a := range all {
		var said []func()
		_, _, err := s.try(e.ctx, b, a, settings, func(format string, args ...any) {
			said = append(said, func() { e.note(format, args...) })
		})
		if trap := (*runtime.Trap)(nil); errors.As(err, &trap) {
			for _, again := range said {
				again()
			}
			return err
		}
		if e.ctx.Err() != nil {
			return e.ctx.Err()
		}
	}
	return nil
}
