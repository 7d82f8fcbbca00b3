package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/internal/testkit"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// modules writes the modules of these tests and returns their directory.
func modules(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string][]byte{"c.wasm": wasm.JobC, "command.wasm": wasm.JobCommand, "spin.wasm": wasm.JobSpin, "in.json": wasm.JobInput, "none.wasm": []byte("\x00asm"),
		"escape.wasm": testkit.Guest(map[string]func(*testkit.Code){"a\x1b[31mred": func(c *testkit.Code) { c.Answer("{}") }})} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestBench: every mode that a module can be called in is measured, and only those.
func TestBench(t *testing.T) {
	dir := modules(t)
	for _, tt := range []struct {
		name, module, convention string
		modes                    []string
	}{
		{"trellis/1", "c.wasm", "trellis/1", []string{"pinned", "pristine", "fresh"}},
		{"a command keeps nothing", "command.wasm", "command", []string{"pristine"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := []string{"bench", filepath.Join(dir, tt.module), "patch", "-input", "@" + filepath.Join(dir, "in.json"), "-time", "20ms"}
			status, out, errs := here(t, append(args, "-json")...)
			if status != 0 {
				t.Fatalf("status %d\n%s%s", status, out, errs)
			}
			var got benchmark
			if err := json.Unmarshal([]byte(out), &got); err != nil {
				t.Fatal(err)
			}
			var modes []string
			for _, m := range got.Modes {
				modes = append(modes, m.Name)
				if m.Fault != "" || m.Calls == 0 || m.Median <= 0 || m.P99 < m.Median || m.Rate <= 0 || m.Memory == 0 {
					t.Errorf("%+v", m)
				}
				if m.Fuel == 0 || m.Fuel != got.Modes[0].Fuel {
					t.Errorf("%s used %d units of fuel, %s %d", m.Name, m.Fuel, got.Modes[0].Name, got.Modes[0].Fuel)
				}
			}
			if !slices.Equal(modes, tt.modes) || got.Convention != tt.convention {
				t.Errorf("%s has the modes %v, want %s with %v", got.Convention, modes, tt.convention, tt.modes)
			}
			if got.Input != len(wasm.JobInput) || got.Output != len(wasm.JobInput) || got.Compile <= 0 || got.Load <= 0 || got.First <= 0 || len(got.Advice) == 0 {
				t.Errorf("%+v", got)
			}
			_, text, _ := here(t, args...)
			for _, want := range append(tt.modes, "Loading from the cache", "fuel that it has by default") {
				if !strings.Contains(text, want) {
					t.Errorf("the table lacks %q:\n%s", want, text)
				}
			}
		})
	}
}

// TestBenchRefuses: what cannot be measured is said, and what to do.
func TestBenchRefuses(t *testing.T) {
	dir := modules(t)
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		want   []string
	}{
		{"no such hook", []string{"c.wasm", "pach"}, 1, []string{"no export pach", "the exports are: patch"}},
		{"an export that commands a terminal", []string{"escape.wasm", "patch"}, 1, []string{`"a\x1b[31mred"`}},
		{"no module", []string{"none.wasm", "patch"}, 1, []string{"Next: trellis bench --help"}},
		{"no such file", []string{"nothing.wasm", "patch"}, 2, []string{"there is no file"}},
		{"no time", []string{"c.wasm", "patch", "-time", "0s"}, 1, []string{"-time 0s"}},
		{"an input that the hook does not take", []string{"command.wasm", "patch", "-input", "{}"}, 1, []string{"Next: trellis run", "-input"}},
		{"a hook that never ends", []string{"spin.wasm", "spin"}, 1, []string{"out of fuel", "Next: do less in one call"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"bench", filepath.Join(dir, tt.args[0])}, tt.args[1:]...)
			status, out, errs := here(t, args...)
			if status != tt.status || out != "" {
				t.Errorf("status %d, want %d, and nothing on standard output:\n%s", status, tt.status, out)
			}
			for _, want := range tt.want {
				if !strings.Contains(errs, want) {
					t.Errorf("it does not say %q:\n%s", want, errs)
				}
			}
		})
	}
}
