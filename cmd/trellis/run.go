package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
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
	hook  string
	out   []byte
	stats runtime.Stats
	taken func([]byte) error // what the platform says to the answer; nil: it is not asked
}

// ask calls a hook of an extension as the platform would.
func (c *extRunCmd) ask(e *env, b *bundle.Archive) (a asked, err error) {
	schema, err := bundle.ParseSettings(b.Manifest.Settings)
	if err != nil {
		return a, err
	}
	var raw json.RawMessage
	if c.Settings != "" {
		if raw, err = jsonArgument("-settings", c.Settings); err != nil {
			return a, err
		}
	}
	settings, err := schema.Complete(raw)
	if err != nil {
		return a, err
	}
	data := json.RawMessage(fmt.Sprintf(`{"user":{"id":"0190b5a0-0000-7000-8000-000000000001","number":1,"is_active":true},"course_key":%q,"mode":"audit"}`, c.Course))
	if c.Data != "" {
		if data, err = jsonArgument("-data", c.Data); err != nil {
			return a, err
		}
	}
	var in any
	var taken func([]byte) error // what the platform says to the answer
	var work time.Duration       // that a schedule or a job may do
	hook, reads := c.Hook, false
	switch m := b.Manifest; {
	case len(m.Filters) > 0 && (hook == "" || hook == m.Filters[0].Call):
		hook, reads = m.Filters[0].Call, true
		in = extensions.Question{ID: trellis.NewID(), Type: m.Filters[0].On, Time: time.Now().UTC(), Tenant: "demo", Actor: "person:1", Course: c.Course, Settings: settings, Trace: trellis.NewTraceID(), Data: data}
	case len(m.Events) > 0 && (hook == "" || hook == m.Events[0].Call):
		hook = m.Events[0].Call
		in = extensions.Told{ID: trellis.NewID(), Source: "trellis", Type: m.Events[0].On, Tenant: "demo", Actor: "person:1", Person: "0190b5a0-0000-7000-8000-000000000001",
			Course: c.Course, Time: time.Now().UTC(), Position: 1, Attempt: 1, Settings: settings, Trace: trellis.NewTraceID(), Data: data}
	default:
		if hook, in, reads, taken = c.slotInput(m, settings, data); in != nil {
			break
		}
		if hook, in, work, err = c.taskInput(m, settings); err != nil {
			return a, err
		}
		if taken = readAgain; in != nil {
			break
		}
		if taken, hook = nil, c.Hook; hook == "" {
			return a, trellis.Errorf(trellis.Invalid, "say which export: -hook NAME")
		}
		in = extensions.Task{ID: trellis.NewID(), Name: hook, Time: time.Now().UTC(), Tenant: "demo", Settings: settings, Trace: trellis.NewTraceID()}
	}
	question, err := json.Marshal(in)
	if err != nil {
		return a, err
	}
	limits, err := b.Manifest.RuntimeLimits()
	if err != nil {
		return a, err
	}
	host := &local{settings: settings, extension: b.Manifest.ID, permissions: b.Manifest.Permissions, reads: reads, note: e.note, notes: map[string]extensions.Note{}}
	a.hook, a.taken = hook, taken
	if a.out, a.stats, err = call(e, b.Module, limits, work, hook, question, host); err != nil {
		return a, &crashed{err, projectAt(c.Path)}
	}
	return a, nil
}

// call runs one export here. With work, it may work for that long, as schedules and
// jobs of a platform do.
func call(e *env, module []byte, limits runtime.Limits, work time.Duration, hook string, in []byte, host *local) ([]byte, runtime.Stats, error) {
	r, err := engine(e.ctx, runtime.Config{Host: host})
	if err != nil {
		return nil, runtime.Stats{}, err
	}
	defer func() { _ = r.Close(context.WithoutCancel(e.ctx)) }()
	if work > 0 {
		limits.Time, limits.Fuel = work, uint64(work.Seconds()*float64(r.FuelPerSecond()))
	}
	m, err := r.Compile(e.ctx, module, limits)
	if err != nil {
		return nil, runtime.Stats{}, raisable(err)
	}
	if info := m.Info(); !slices.Contains(info.Hooks, hook) && !slices.Contains(info.Hooks, "*") {
		return nil, runtime.Stats{}, noSuchExport(hook, info)
	}
	return m.Call(e.ctx, runtime.Call{Hook: hook, In: in, Key: "local", Log: func(_ int, line string) { e.note("log: %s", line) }})
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
	out, stats, err := call(e, module, limits, work, c.Export, in, &local{settings: settings, note: e.note})
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
