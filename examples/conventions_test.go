package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// A filter may be a module of any calling convention.
func TestConventions(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED the conventions on a platform: -short")
	}
	p := testkit.Start(t, app.Config{})
	for _, tt := range []struct {
		name   string
		module []byte
	}{
		{"command", goModule(t, "./testdata/command")},
		{"extism", goModule(t, "./testdata/extism", "-buildmode=c-shared")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := p.Tenant(t, tt.name)
			p.Install(t, ctx, testkit.Bundle(t, map[string]any{
				"id": "acme." + tt.name, "version": "1.0.0", "abi": 1, "title": "Modes",
				"settings": map[string]any{"type": "object", "properties": map[string]any{"refused": map[string]any{"type": "string", "title": "Mode"}}},
				"filters":  []any{map[string]any{"on": "org.openedx.learning.course.enrollment.started.v1", "call": "check", "on_error": "refuse"}},
			}, tt.module), "", map[string]any{"refused": "honor"})
			course := p.Course(t, ctx, "course-v1:A+C+1")
			id, _ := p.Person(t, ctx, "ada")
			_, err := p.Learning.Enroll(ctx, learning.Enroll{Person: id, Course: course, Mode: "honor"})
			if trellis.KindOf(err) != trellis.Refused || !strings.Contains(err.Error(), "The mode honor is refused.") {
				t.Errorf("enrol in honor: %v", err)
			}
			if _, err := p.Learning.Enroll(ctx, learning.Enroll{Person: id, Course: course, Mode: "audit"}); err != nil {
				t.Errorf("enrol in audit: %v", err)
			}
		})
	}
}

// goModule builds a program in Go for WASI.
func goModule(t *testing.T, source string, flags ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "main.wasm")
	cmd := exec.Command("go", slices.Concat([]string{"build", "-ldflags=-s -w", "-o", out}, flags, []string{source})...)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", source, err, msg)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return module
}
