//go:build !wasip1

package guest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/hostapi/guest"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestMessages: what the platform sends has the fields that the library reads.
func TestMessages(t *testing.T) {
	var fields func(reflect.Type) []string
	fields = func(typ reflect.Type) (names []string) {
		for i := range typ.NumField() {
			if f := typ.Field(i); f.Anonymous {
				names = append(names, fields(f.Type)...)
			} else {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	for _, tt := range []struct{ platform, guest reflect.Type }{
		{reflect.TypeFor[extensions.Question](), reflect.TypeFor[guest.Question]()},
		{reflect.TypeFor[extensions.Told](), reflect.TypeFor[guest.Event]()},
		{reflect.TypeFor[extensions.Task](), reflect.TypeFor[guest.Task]()},
		{reflect.TypeFor[extensions.Answer](), reflect.TypeFor[guest.Answer]()},
		{reflect.TypeFor[slots.Person](), reflect.TypeFor[guest.Viewer]()},
		{reflect.TypeFor[slots.Asked](), reflect.TypeFor[guest.Place]()},
		{reflect.TypeFor[slots.Acted](), reflect.TypeFor[guest.Act]()},
	} {
		if got, want := fields(tt.guest), fields(tt.platform); !slices.Equal(got, want) {
			t.Errorf("%s has the fields %v, the platform %v", tt.guest, got, want)
		}
	}
}

// probe is the module of testdata/probe.
func probe(t *testing.T) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "main.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", out, "./testdata/probe")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the probe: %v\n%s", err, msg)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return module
}

// note returns what the probe of a tenant keeps under a key, "" for nothing, and
// whom the note is about.
func note(t *testing.T, p *testkit.Platform, ctx context.Context, key string) (value, person string) {
	t.Helper()
	x, err := p.Registry.Get(ctx, "probe.guest", extensions.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	err = p.DB.Read(ctx, func(tx *store.Tx) error {
		if tx.QueryRow(ctx, `SELECT value, person FROM extension_kv WHERE tenant = ? AND installation = ? AND key = ?`,
			trellis.ActorFrom(ctx).Tenant, x.Installation, key).Scan(&value, &person) != nil {
			value, person = "", ""
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return value, person
}

// TestInTheSandbox runs the library where it is meant to be: in a module, on a
// real platform, once with and once without being granted personal data.
func TestInTheSandbox(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED the guest library in the sandbox: -short")
	}
	module := probe(t)
	p := testkit.Start(t, app.Config{})
	for _, tt := range []struct {
		tenant   string
		personal []string
		pii      string // what is seen of Ada
		filter   string
	}{
		{"blind", nil, `{"username":"","email":"","name":""}`, `name="" email=""`},
		{"seeing", []string{"pii:name", "pii:email"}, `{"username":"","email":"ada@example.org","name":"Ada"}`, `name="Ada" email="ada@example.org"`},
	} {
		t.Run(tt.tenant, func(t *testing.T) {
			ctx := p.Tenant(t, tt.tenant)
			p.Install(t, ctx, testkit.Bundle(t, map[string]any{
				"id": "probe.guest", "version": "1.0.0", "abi": 1, "title": "Probe",
				"permissions": append([]string{"kv", "jobs", "users:read", "events:emit"}, tt.personal...),
				"filters":     []any{map[string]any{"on": "org.openedx.learning.course.enrollment.started.v1", "call": "check"}},
				"events":      []any{map[string]any{"on": "org.openedx.learning.course.enrollment.created.v1", "call": "hear"}},
				"jobs":        []any{map[string]any{"name": "count", "call": "count"}},
			}, module), "", nil)
			course := p.Course(t, ctx, "course-v1:A+B+C")
			ada, _ := p.Person(t, ctx, "ada")

			_, err := p.Learning.Enroll(ctx, learning.Enroll{Person: ada, Course: course, Mode: "personal"})
			if trellis.KindOf(err) != trellis.Refused || !strings.Contains(err.Error(), tt.filter) {
				t.Errorf("the filter says %v, want %s", err, tt.filter)
			}
			const started = "org.openedx.learning.course.enrollment.started.v1"
			filter := p.Registry.Filters(ctx, started, course)[0]
			for _, want := range []string{"set=denied", "delete=denied", "emit=denied", "enqueue=denied", "fetch=denied", "get=", "unknown=not_found"} {
				what, _, _ := strings.Cut(want, "=")
				var out []byte
				_, err := filter.Call(ctx, extensions.Call{
					In:   fmt.Appendf(nil, `{"type":%q,"data":{"mode":"try %s"}}`, started, what),
					Read: func(answer []byte) error { out = append(out, answer...); return nil },
				})
				if err != nil || !strings.Contains(string(out), `"message":"`+want+`"`) {
					t.Errorf("a filter tries: %s, %v, want %s", out, err, want)
				}
			}

			if _, err := p.Learning.Enroll(ctx, learning.Enroll{Person: ada, Course: course, Mode: "audit"}); err != nil {
				t.Fatal(err)
			}
			testkit.Eventually(t, "the subscriber's report and the job's", func() bool {
				report, _ := note(t, p, ctx, "report")
				counted, _ := note(t, p, ctx, "counted")
				return report != "" && counted != ""
			})
			report, person := note(t, p, ctx, "report")
			wantReport := `{"again":"conflict","asked":` + tt.pii + `,"event":` + tt.pii + `,"forged":"denied","grew":true,"invalid":"invalid","missing":"not_found","stale":"conflict","value":"two","words":true}`
			if !sameJSON(t, report, wantReport) || person != ada {
				t.Errorf("the subscriber reports, of %s,\n     %s\nwant %s", person, report, wantReport)
			}
			// Each call begins afresh: what is to be kept goes through the state.
			if counted, _ := note(t, p, ctx, "counted"); !sameJSON(t, counted, `{"calls":3,"seen":[false,false,false]}`) {
				t.Errorf("the job kept %s", counted)
			}
		})
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		t.Errorf("no JSON: %s or %s", a, b)
	}
	return reflect.DeepEqual(x, y)
}
