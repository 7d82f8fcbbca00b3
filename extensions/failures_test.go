package extensions_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// crashing is a project whose module, in AssemblyScript with a source map beside
// it, divides by zero for three bytes.
func crashing(t testing.TB) (dir string) {
	t.Helper()
	dir = t.TempDir()
	from := filepath.Join("..", "runtime", "symbol", "testdata", "crash-as.wasm")
	for name, source := range map[string]string{"main.wasm": from, "main.wasm.map": from + ".map"} {
		data, err := os.ReadFile(source)
		must(t, err)
		if name == "main.wasm.map" { // as the compiler writes it
			data = bytes.Replace(data, []byte(`"mappings"`), []byte(`"sourcesContent":["the text of the source"],"mappings"`), 1)
		}
		must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	manifest := fmt.Sprintf(`{"id":"acme.x","version":"1.0.0","abi":1,"title":"X","filters":[{"on":%q,"call":"divide"}]}`, asked.Name())
	must(t, os.WriteFile(filepath.Join(dir, "extension.json"), []byte(manifest), 0o600))
	return dir
}

// TestCrashesSayWhere: the map in a bundle leads from a crash to the line, in the
// log, among the failures and in what the extension's page shows.
func TestCrashesSayWhere(t *testing.T) {
	r := newRig(t, nil)
	a := admin(t, "a")
	var zip bytes.Buffer
	b, err := bundle.Pack(crashing(t), &zip)
	must(t, err)
	if text := b.Files["main.wasm.map"]; len(text) == 0 || bytes.Contains(text, []byte("the text of")) {
		t.Errorf("the map in the bundle is %q", text)
	}
	r.install(t, a, zip.Bytes(), "")
	r.enable(t, a, "acme.x", "", "")
	for range 2 {
		_, err := r.Filters(a, asked.Name(), "")[0].Call(a, extensions.Call{In: []byte("abc")})
		kind(t, "a crash", err, trellis.Unavailable, "at crash/divide (crash.ts:17)")
	}
	list, err := r.Failures(a, "acme.x", extensions.Scope{})
	must(t, err)
	if len(list) != 1 || list[0].Count != 2 || len(list[0].Frames) == 0 || list[0].Frames[0].Place() != "crash.ts:17" {
		t.Errorf("failures %+v", list)
	}
	lines, err := r.Logs(a, extensions.LogQuery{ID: "acme.x", Level: "error"})
	must(t, err)
	if len(lines.Items) != 2 || len(lines.Items[0].Frames) == 0 || lines.Items[0].Frames[0].Function != "crash/divide" {
		t.Errorf("log %+v", lines)
	}
}

// TestAlikeFailures: numbers do not make another failure, places do.
func TestAlikeFailures(t *testing.T) {
	r := newRig(t, nil)
	a := admin(t, "a")
	x := r.install(t, a, pack(t, "acme.x", "1.0.0", nil), "")
	frames := func(list ...string) string {
		for i, f := range list {
			name, place, _ := strings.Cut(f, " ")
			file, line, _ := strings.Cut(place, ":")
			list[i] = fmt.Sprintf(`{"function":%q,"file":%q,"line":%s}`, name, file, line)
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	for i, l := range []struct{ message, frames, hook string }{
		{"hook check: trapped: integer divide by zero at f (a.c:7) < g (a.c:20)", frames("f a.c:7", "g a.c:20"), "check"},
		{"hook check: trapped: integer divide by zero at f (a.c:7) < h (a.c:90)", frames("f a.c:7", "h a.c:90"), "check"}, // another caller
		{"hook check: trapped: integer divide by zero at f (a.c:8) < g (a.c:20)", frames("f a.c:8", "g a.c:20"), "check"},
		{"hook check: trapped: out of bounds memory access at f (a.c:7)", frames("f a.c:7"), "check"},
		{"hook check: trapped: panic: index out of range [5] with length 3 at main.f (main.go:7)", frames("main.f main.go:7"), "check"},
		{"hook check: trapped: panic: index out of range [6] with length 4 at main.f (main.go:7)", frames("main.f main.go:7"), "check"},
		{"hook check: trapped: unreachable at function 12 (last log line: panicked at src/lib.rs:5:9)", "", "check"},
		{"hook check: trapped: unreachable at function 12 (last log line: panicked at src/lib.rs:6:9)", "", "check"},
		{"hook check: answered 17 bytes, of 0x1f", "", "check"},
		{"hook check: answered 18 bytes, of 0x2f", "", "check"},
		{"hook check: answered 18 bytes, of 0x2f", "", "other"},
	} {
		r.sql(t, a, `INSERT INTO extension_logs (tenant, installation, id, time, level, hook, message, trace, frames) VALUES ('a', ?, ?, ?, 'error', ?, ?, '', ?)`,
			x.Installation, fmt.Sprintf("%03d", i), 1000+i, l.hook, l.message, l.frames)
	}
	list, err := r.Failures(a, "acme.x", extensions.Scope{})
	must(t, err)
	var got []int
	for _, f := range slices.Backward(list) {
		got = append(got, f.Count)
	}
	if want := []int{2, 1, 1, 2, 1, 1, 2, 1}; !slices.Equal(got, want) {
		t.Errorf("put together as %v, want %v: %+v", got, want, list)
	}
}

// TestAnsweredErrors: an error that a guest answers with is in its log and its
// usage, unless it is a word of an action to the person who asked; and it opens no
// breaker.
func TestAnsweredErrors(t *testing.T) {
	fails := func(kind string) func(*testkit.Code) {
		return func(c *testkit.Code) { c.Fail(fmt.Sprintf(`{"kind":%q,"message":"no such shelf"}`, kind)) }
	}
	for _, tt := range []struct {
		name, hook, kind string
		level            string // of its line in the log
		errors           uint64
	}{
		{"a filter, internal", "check", "internal", "error", 6},
		{"a filter, refused", "check", "refused", "error", 6},
		{"what is shown", "card", "not_found", "error", 6},
		{"an action, internal", "vote", "internal", "error", 6},
		{"an action, to the person", "vote", "conflict", "info", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := slotRig(t)
			a := trellis.WithTrace(admin(t, "a"), trellis.Trace{ID: "some-trace"})
			answers := func(c *testkit.Code) { c.Answer("{}") }
			exports := map[string]func(*testkit.Code){"check": answers, "card": answers, "vote": answers}
			exports[tt.hook] = fails(tt.kind)
			r.install(t, a, pack(t, "acme.x", "1.0.0", map[string]any{"slots": []any{map[string]any{"slot": side, "call": "card", "actions": []string{"vote"}}}}, exports), "")
			r.enable(t, a, "acme.x", "", "")
			hook := r.Filters(a, asked.Name(), "")[0]
			if tt.hook != "check" {
				hook = r.Registry.Slots(a, side, "")[0]
			}
			if tt.hook == "vote" {
				hook, _ = hook.Action("vote")
			}
			for range 6 { // one more than would open a breaker
				_, err := hook.Call(a, extensions.Call{In: []byte("{}")})
				kind(t, "the answer", err, trellis.Kind(tt.kind), "no such shelf")
			}
			lines, err := r.Logs(a, extensions.LogQuery{ID: "acme.x", Trace: "some-trace"})
			must(t, err)
			want := "hook " + tt.hook + ": no such shelf (answered as " + tt.kind + ")"
			if len(lines.Items) != 6 || lines.Items[0].Message != want || lines.Items[0].Level != tt.level || lines.Items[0].Hook != tt.hook {
				t.Errorf("log %+v, want %q", lines.Items, want)
			}
			failures, err := r.Failures(a, "acme.x", extensions.Scope{})
			must(t, err)
			if got := len(failures) == 1 && failures[0].Count == 6; got != (tt.errors > 0) {
				t.Errorf("failures %+v", failures)
			}
			u, err := r.Usage(a, "acme.x", extensions.Scope{})
			must(t, err)
			var calls, errors uint64
			for _, b := range u.Hooks[0].Calls {
				calls, errors = calls+b.Calls, errors+b.Errors
			}
			if calls != 6 || errors != tt.errors {
				t.Errorf("%d errors in %d calls, want %d in 6", errors, calls, tt.errors)
			}
		})
	}
}

// TestNobodysAnswer: what a call came to before the guest had a say is not in its log.
func TestNobodysAnswer(t *testing.T) {
	r := newRig(t, nil)
	a := admin(t, "a")
	r.install(t, a, pack(t, "acme.x", "1.0.0", nil), "")
	r.enable(t, a, "acme.x", "", "")
	gone, cancel := context.WithCancel(a)
	cancel()
	_, err := r.Filters(a, asked.Name(), "")[0].Call(gone, extensions.Call{In: []byte("{}")})
	kind(t, "a caller who has gone", err, trellis.Unavailable)
	lines, err := r.Logs(a, extensions.LogQuery{ID: "acme.x"})
	must(t, err)
	if len(lines.Items) != 0 {
		t.Errorf("log %+v", lines.Items)
	}
}
