package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/runtime/symbol"
)

// sampleCourse is the course that a question is about if nobody says which.
const sampleCourse = "course-v1:Demo+Welcome+2026"

type extRunCmd struct {
	Path     string `arg:"" default:"." help:"Bundle, or directory of a project that was built."`
	Hook     string `help:"Export to call; that of the first filter, event or slot if absent."`
	Data     string `help:"The event's or filter's data, or the values of an action: JSON, or @FILE; an enrolment if absent."`
	Settings string `help:"Settings: JSON, or @FILE."`
	Course   string `default:"course-v1:Demo+Welcome+2026" help:"Key of the course."`
}

func (c *extRunCmd) Run(e *env) error {
	b, err := load(c.Path)
	if err != nil {
		return err
	}
	if err := check(e, b); err != nil {
		return err
	}
	a, err := c.ask(e, b)
	if err != nil {
		return err
	}
	if a.taken != nil {
		if err := a.taken(a.out); err != nil {
			e.note("%s answered %s", a.hook, a.out)
			return fmt.Errorf("the platform would not take that: %w", err)
		}
	}
	e.note("%s answered in %v, fuel %d:", a.hook, a.stats.Time.Round(time.Microsecond), a.stats.Fuel)
	if json.Valid(a.out) && e.json {
		e.print(json.RawMessage(a.out))
		return nil
	}
	_, err = fmt.Fprintln(e.out, string(a.out))
	return err
}

// asked is what a hook answered.
type asked struct {
	attempt
	out   []byte
	stats runtime.Stats
}

// ask calls a hook of an extension as the platform would.
func (c *extRunCmd) ask(e *env, b *bundle.Archive) (a asked, err error) {
	all, settings, err := c.prepare(b, true)
	if err != nil {
		return a, err
	}
	one, err := c.chosen(all, settings)
	if err != nil {
		return a, err
	}
	s, err := c.stand(e, b)
	if err != nil {
		return a, err
	}
	defer s.close(e.ctx)
	a.attempt = one
	if a.out, a.stats, err = s.try(e.ctx, b, one, settings, e.note); err != nil {
		return a, &crashed{err, projectAt(c.Path)}
	}
	return a, nil
}

// prepare returns all that can be asked of a bundle, and the settings that it has. Unless
// they must fit, settings that somebody has to make first are left out.
func (c *extRunCmd) prepare(b *bundle.Archive, fit bool) ([]attempt, json.RawMessage, error) {
	schema, err := bundle.ParseSettings(b.Manifest.Settings)
	if err != nil {
		return nil, nil, err
	}
	var raw, data json.RawMessage
	if c.Settings != "" {
		if raw, err = jsonArgument("-settings", c.Settings); err != nil {
			return nil, nil, err
		}
	}
	settings, err := schema.Complete(raw)
	switch {
	case err != nil && fit:
		return nil, nil, err
	case err != nil:
		settings = schema.Defaults(json.RawMessage("{}"))
	}
	if c.Data != "" {
		if data, err = jsonArgument("-data", c.Data); err != nil {
			return nil, nil, err
		}
	}
	all, err := c.attempts(b.Manifest, settings, data)
	return all, settings, err
}

// stand returns where the hooks of a bundle are tried.
func (c *extRunCmd) stand(e *env, b *bundle.Archive) (*stand, error) {
	limits, err := b.Manifest.RuntimeLimits()
	if err != nil {
		return nil, err
	}
	return newStand(e, b.Module, limits)
}

// noSuchExport says what can be called.
func noSuchExport(hook string, info runtime.Info) error {
	return advise(trellis.Errorf(trellis.Invalid, "the module has no export %s that can be called", hook), "the exports are: %s", strings.Join(info.Hooks, ", "))
}

// limitsOf returns the limits of a module without a manifest.
func limitsOf(memory string) (runtime.Limits, error) {
	l, err := bundle.Manifest{Limits: bundle.Limits{Memory: memory}}.RuntimeLimits()
	if err != nil {
		return l, trellis.Errorf(trellis.Invalid, "-%w", err) // which begins with "memory: "
	}
	return l, nil
}

type runCmd struct {
	Module string            `arg:"" type:"existingfile" help:"WebAssembly module."`
	Export string            `arg:"" help:"Export to call."`
	Input  string            `help:"Input: a text, @FILE, or - for standard input."`
	Config map[string]string `help:"KEY=VALUE: settings, which the guest reads with config.get." mapsep:"none"`
	Memory string            `help:"Linear memory that it may use: 1MiB to 64MiB, 16MiB if absent, as limits.memory of a manifest."`
	Work   string            `help:"How long it may work, as limits.work of a manifest lets schedules and jobs: 5s; 250ms, of which it computes 100ms, if absent."`
	Stats  bool              `help:"Print time, fuel and memory on standard error, as a line of JSON."`
}

func (c *runCmd) Run(e *env) error {
	module, err := os.ReadFile(c.Module)
	if err != nil {
		return err
	}
	if text, err := os.ReadFile(c.Module + ".map"); err == nil {
		module = symbol.WithSourceMap(module, text)
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
	settings := json.RawMessage("{}")
	if len(c.Config) > 0 {
		if settings, err = json.Marshal(c.Config); err != nil {
			return err
		}
	}
	limits, err := limitsOf(c.Memory)
	if err != nil {
		return err
	}
	var work time.Duration
	if c.Work != "" {
		if work, err = workOf("-work", c.Work); err != nil {
			return err
		}
	}
	at, err := newStand(e, module, limits)
	if err != nil {
		return err
	}
	defer at.close(e.ctx)
	out, stats, err := at.call(e.ctx, c.Export, in, work, &local{settings: settings, note: e.note})
	figures := map[string]any{"time_us": stats.Time.Microseconds(), "fuel": stats.Fuel, "memory": stats.Memory, "host_calls": stats.HostCalls}
	if raw, err := json.Marshal(figures); c.Stats && err == nil {
		e.note("%s", raw)
	}
	switch {
	case err != nil:
		return &crashed{err, filepath.Dir(c.Module)}
	case !e.json:
		_, err = e.out.Write(out)
		return err
	}
	result := map[string]any{"stats": figures}
	switch {
	case json.Valid(out):
		result["output"] = json.RawMessage(out)
	case utf8.Valid(out):
		result["output"] = string(out)
	default:
		result["output_base64"] = out
	}
	e.print(result)
	return nil
}
