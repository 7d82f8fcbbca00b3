package examples_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
	"github.com/trellis-learning/trellis/runtime"
)

// TestPolicyBundles: each policy is a bundle that runs on a platform, within the
// limits that its manifest has.
func TestPolicyBundles(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	modules := everyPolicy(t)
	delete(modules, "go") // TestGoExamples has it on a platform
	for name, module := range modules {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			manifest, err := os.ReadFile(filepath.Join(policyDir(name), "extension.json"))
			if err != nil {
				t.Fatal(err)
			}
			for file, raw := range map[string][]byte{"extension.json": manifest, "main.wasm": module} {
				if err := os.WriteFile(filepath.Join(dir, file), raw, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var zip bytes.Buffer
			b, err := bundle.Pack(dir, &zip)
			if err != nil {
				t.Fatal(err)
			}
			ctx := p.Tenant(t, "in-"+name)
			p.Install(t, ctx, zip.Bytes(), "", map[string]any{"closed_courses": []string{"course-v1:A+Closed*"}, "upgrade_mode": map[string]any{"audit": "verified"}})
			id, _ := p.Person(t, ctx, "ada")
			closed, open := p.Course(t, ctx, "course-v1:A+Closed+1"), p.Course(t, ctx, "course-v1:A+Open+1")
			_, err = p.Learning.Enroll(ctx, learning.Enroll{Person: id, Course: closed, Mode: "audit"})
			if trellis.KindOf(err) != trellis.Refused || !strings.Contains(err.Error(), "Enrolment in course-v1:A+Closed+1 is closed.") {
				t.Errorf("enrol in a closed course: %v", err)
			}
			e, err := p.Learning.Enroll(ctx, learning.Enroll{Person: id, Course: open, Mode: "audit"})
			if err != nil || e.Mode != "verified" {
				t.Errorf("enrol in an open course: mode %q, %v", e.Mode, err)
			}
			cost(t, b)
		})
	}
}

// cost logs how large a policy is, and what one call of it takes.
func cost(t *testing.T, b *bundle.Archive) {
	t.Helper()
	limits, err := b.Manifest.RuntimeLimits()
	if err != nil {
		t.Fatal(err)
	}
	r, err := runtime.New(t.Context(), runtime.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context())
	m, err := r.Compile(t.Context(), b.Module, limits)
	if err != nil {
		t.Fatal(err)
	}
	in := question(`{"closed_courses":["d"],"upgrade_mode":{"audit":"verified"}}`, ada, `"c"`, `"audit"`)
	out, stats, err := m.Call(t.Context(), runtime.Call{Hook: "check", In: []byte(in), Key: "test"})
	if err != nil || string(out) != `{"patch":{"mode":"verified"}}` {
		t.Errorf("answer %s, %v", out, err)
	}
	t.Logf("%d bytes, %d units of fuel, %d KiB of memory", len(b.Module), stats.Fuel, stats.Memory>>10)
}
