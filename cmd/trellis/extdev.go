package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/runtime"
)

type extNewCmd struct {
	ID    string `arg:"" help:"ID of the extension: publisher.name."`
	Dir   string `arg:"" optional:"" help:"Directory to make; the second half of the ID if absent."`
	Lang  string `default:"go" enum:"go,c" help:"Language: go or c."`
	Title string `help:"What it is called."`
}

func (c *extNewCmd) Run(e *env) error {
	if c.Dir == "" {
		_, c.Dir, _ = strings.Cut(c.ID, ".")
	}
	if err := extensions.NewProject(c.Dir, c.Lang, c.ID, c.Title); err != nil {
		return err
	}
	e.show(map[string]string{"dir": c.Dir}, func(w io.Writer) {
		fmt.Fprintf(w, `%s is an enrolment filter that works. Next:

  trellis ext test %s                 its tests, and whether everything fits together
  trellis ext build %s                main.wasm
  trellis ext run %s                  ask it about an enrolment, here and now
  trellis ext pack %s                 the bundle
  trellis ext install %s
  trellis ext enable %s
`, c.Dir, c.Dir, c.Dir, c.Dir, c.Dir, filepath.Join(c.Dir, c.ID+"-0.1.0.trellis"), c.ID)
	})
	return nil
}

type extBuildCmd struct {
	Dir string `arg:"" optional:"" default:"." help:"Directory of the project."`
}

func (c *extBuildCmd) Run(e *env) error {
	if err := build(e.ctx, c.Dir); err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(c.Dir, "main.wasm"))
	if err != nil {
		return err
	}
	e.say("%s (%d bytes)\n\nNext: trellis ext run %s, trellis ext pack %s", filepath.Join(c.Dir, "main.wasm"), info.Size(), c.Dir, c.Dir)
	return nil
}

// build builds main.wasm from main.go or main.c.
func build(ctx context.Context, dir string) error {
	var cmd *exec.Cmd
	switch {
	case exists(dir, "main.go"):
		cmd = exec.CommandContext(ctx, "go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", "main.wasm", ".")
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	case exists(dir, "main.c"):
		include := "."
		cmd = exec.CommandContext(ctx, "clang", "--target=wasm32", "-Os", "-nostdlib", "-fno-builtin", "-Wl,--no-entry", "-Wl,--strip-all",
			"-Wl,-z,stack-size=16384", "-I", include, "-o", "main.wasm", "main.c")
	default:
		return trellis.Errorf(trellis.Invalid, "%s has neither main.go nor main.c", dir)
	}
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return trellis.Errorf(trellis.Unavailable, "%s is not installed: trellis doctor says what is missing", cmd.Args[0])
	}
	if err != nil {
		return trellis.Errorf(trellis.Invalid, "%s:\n%s", strings.Join(cmd.Args[:2], " "), strings.TrimSpace(string(out)))
	}
	return nil
}

func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}

// check looks whether a bundle fits together, as installing it would.
func check(b *extensions.Bundle) error {
	limits, err := b.Manifest.RuntimeLimits()
	if err != nil {
		return err
	}
	info, err := runtime.Check(b.Module, limits)
	if err != nil {
		return err
	}
	return b.Manifest.CheckAgainst(info.Hooks, app.Known())
}

// load reads a bundle file, or packs a project.
func load(path string) (*extensions.Bundle, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return extensions.Pack(path, io.Discard)
	}
	return open(path)
}

type extInspectCmd struct {
	Path string `arg:"" default:"." help:"Bundle, or directory of a project."`
}

func (c *extInspectCmd) Run(e *env) error {
	b, err := load(c.Path)
	if err != nil {
		return err
	}
	limits, err := b.Manifest.RuntimeLimits()
	if err != nil {
		return err
	}
	info, err := runtime.Check(b.Module, limits)
	if err != nil {
		return err
	}
	fault := b.Manifest.CheckAgainst(info.Hooks, app.Known())
	signed := "unsigned"
	if b.Signature != nil {
		key, err := b.Verify()
		if err != nil {
			return err
		}
		signed = "signed with " + extensions.Fingerprint(key)
	}
	asks := b.Manifest.Sentences(app.Known())
	e.show(map[string]any{"manifest": b.Manifest, "digest": b.Digest, "signature": signed, "asks": asks, "module": info}, func(w io.Writer) {
		fmt.Fprintf(w, "%s  %s %s, %s\ndigest %s\n", b.Manifest.Title, b.Manifest.ID, b.Manifest.Version, signed, b.Digest)
		fmt.Fprintf(w, "module: %s, %d bytes, exports %s\n", info.Convention, len(b.Module), strings.Join(info.Hooks, ", "))
		if info.Fresh != "" {
			fmt.Fprintf(w, "slow: each call needs a new instance, because %s\n", info.Fresh)
		}
		fmt.Fprintln(w, "It asks for:")
		sentences(w, asks)
	})
	return fault
}

type extTestCmd struct {
	Dir string `arg:"" optional:"" default:"." help:"Directory of the project."`
}

func (c *extTestCmd) Run(e *env) error {
	if exists(c.Dir, "main.go") {
		cmd := exec.CommandContext(e.ctx, "go", "test", "./...")
		cmd.Dir, cmd.Stdout, cmd.Stderr = c.Dir, os.Stdout, os.Stderr
		if e.json {
			cmd.Stdout = os.Stderr
		}
		if err := cmd.Run(); err != nil {
			return trellis.Errorf(trellis.Invalid, "the project's tests fail")
		}
	}
	if err := build(e.ctx, c.Dir); err != nil {
		return err
	}
	b, err := extensions.Pack(c.Dir, io.Discard)
	if err != nil {
		return err
	}
	if err := check(b); err != nil {
		return err
	}
	e.say("Everything fits together. Next: trellis ext pack %s", c.Dir)
	return nil
}

type extGuestCmd struct {
	Dir string `arg:"" optional:"" default:"." help:"Directory of the project."`
}

func (c *extGuestCmd) Run(e *env) error {
	if err := extensions.UpgradeGuest(c.Dir); err != nil {
		return err
	}
	e.say("The guest library in %s is that of this program.", c.Dir)
	return nil
}

type extRunCmd struct {
	Path     string `arg:"" default:"." help:"Bundle, or directory of a project that was built."`
	Hook     string `help:"Export to call; that of the first filter or event if absent."`
	Data     string `help:"The event's or filter's data: JSON, or @FILE; an enrolment if absent."`
	Settings string `help:"Settings: JSON, or @FILE."`
	Course   string `default:"course-v1:Demo+Welcome+2026" help:"Key of the course."`
}

func (c *extRunCmd) Run(e *env) error {
	b, err := load(c.Path)
	if err != nil {
		return err
	}
	if err := check(b); err != nil {
		return err
	}
	schema, err := extensions.ParseSettings(b.Manifest.Settings)
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if c.Settings != "" {
		if raw, err = jsonArgument(c.Settings); err != nil {
			return err
		}
	}
	settings, err := schema.Complete(raw)
	if err != nil {
		return err
	}
	data := json.RawMessage(fmt.Sprintf(`{"user":{"id":"0190b5a0-0000-7000-8000-000000000001","number":1,"is_active":true},"course_key":%q,"mode":"audit"}`, c.Course))
	if c.Data != "" {
		if data, err = jsonArgument(c.Data); err != nil {
			return err
		}
	}
	var in any
	hook := c.Hook
	switch m := b.Manifest; {
	case len(m.Filters) > 0 && (hook == "" || hook == m.Filters[0].Call):
		hook = m.Filters[0].Call
		in = extensions.Question{ID: trellis.NewID(), Type: m.Filters[0].On, Time: time.Now().UTC(), Tenant: "demo", Actor: "person:1", Course: c.Course, Settings: settings, Trace: trellis.NewTraceID(), Data: data}
	case len(m.Events) > 0 && (hook == "" || hook == m.Events[0].Call):
		hook = m.Events[0].Call
		in = extensions.Told{ID: trellis.NewID(), Source: "trellis", Type: m.Events[0].On, Tenant: "demo", Actor: "person:1", Person: "0190b5a0-0000-7000-8000-000000000001",
			Course: c.Course, Time: time.Now().UTC(), Position: 1, Attempt: 1, Settings: settings, Trace: trellis.NewTraceID(), Data: data}
	default:
		if hook == "" {
			return trellis.Errorf(trellis.Invalid, "say which export: -hook NAME")
		}
		in = extensions.Task{ID: trellis.NewID(), Name: hook, Time: time.Now().UTC(), Tenant: "demo", Settings: settings, Trace: trellis.NewTraceID()}
	}
	question, err := json.Marshal(in)
	if err != nil {
		return err
	}
	limits, err := b.Manifest.RuntimeLimits()
	if err != nil {
		return err
	}
	out, stats, err := call(e, b.Module, limits, hook, question)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s answered in %v, fuel %d:\n", hook, stats.Time.Round(time.Microsecond), stats.Fuel)
	_, err = fmt.Println(string(out))
	return err
}

// call runs one export here. Host operations answer that there is no platform.
func call(e *env, module []byte, limits runtime.Limits, hook string, in []byte) ([]byte, runtime.Stats, error) {
	r, err := runtime.New(e.ctx, runtime.Config{})
	if err != nil {
		return nil, runtime.Stats{}, err
	}
	defer func() { _ = r.Close(context.WithoutCancel(e.ctx)) }()
	m, err := r.Compile(e.ctx, module, limits)
	if err != nil {
		return nil, runtime.Stats{}, err
	}
	return m.Call(e.ctx, runtime.Call{Hook: hook, In: in, Key: "local", Log: func(level int, line string) {
		fmt.Fprintln(os.Stderr, "log:", line)
	}})
}

type runCmd struct {
	Module string   `arg:"" type:"existingfile" help:"WebAssembly module."`
	Export string   `arg:"" help:"Export to call."`
	Input  string   `help:"Input: a text, @FILE, or - for standard input."`
	Config []string `help:"KEY=VALUE for guests of other conventions; none of them is offered yet." hidden:""`
	Stats  bool     `help:"Print time, fuel and memory on standard error, as a line of JSON."`
}

func (c *runCmd) Run(e *env) error {
	module, err := os.ReadFile(c.Module)
	if err != nil {
		return err
	}
	in := []byte(c.Input)
	if c.Input == "-" {
		if in, err = io.ReadAll(os.Stdin); err != nil {
			return err
		}
	} else if name, ok := strings.CutPrefix(c.Input, "@"); ok {
		if in, err = os.ReadFile(name); err != nil {
			return err
		}
	}
	out, stats, err := call(e, module, runtime.Limits{}, c.Export, in)
	if c.Stats {
		raw, e := json.Marshal(map[string]any{"time_us": stats.Time.Microseconds(), "fuel": stats.Fuel, "memory": stats.Memory, "host_calls": stats.HostCalls})
		if e == nil {
			fmt.Fprintln(os.Stderr, string(raw))
		}
	}
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(out)
	return err
}
