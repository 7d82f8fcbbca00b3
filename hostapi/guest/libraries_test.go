//go:build !wasip1

package guest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// notes is a host that takes notes, or refuses them.
type notes struct {
	asked []string
	err   error
}

func (n *notes) Call(_ context.Context, operation string, in []byte) ([]byte, error) {
	n.asked = append(n.asked, operation+" "+string(in))
	return []byte(`{"version":7}`), n.err
}

// TestLibraries: what the libraries for other languages offer does the same in each.
func TestLibraries(t *testing.T) {
	for name, module := range map[string][]byte{"C++": wasm.ProbeCPP, "Rust": wasm.ProbeRust, "AssemblyScript": wasm.ProbeAS} {
		t.Run(name, func(t *testing.T) { library(t, module) })
	}
}

func library(t *testing.T, module []byte) {
	host := &notes{}
	r, err := runtime.New(t.Context(), runtime.Config{Host: host})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context())
	const (
		told = `{"id":"e\"1","person":"p","attempt":2,"data":{"n":[1, "\u00e9"]}}`
		kept = `kv.set {"key":"e\"1","value":[1, "\u00e9"],"attempt":2,"person":"p","list":[true,null,{"a":-1}]}`
	)
	wordy := strings.Repeat("é", 498) + "…"
	for _, isolation := range []runtime.Isolation{runtime.Pristine, runtime.Pinned} {
		m, err := r.Compile(t.Context(), module, runtime.Limits{Memory: 2 << 20, Isolation: isolation, Time: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name, hook, in, want string
			err                  error // of the host
			kind                 trellis.Kind
			says                 string // in the error
			log, asked           string
		}{
			{name: "pass", hook: "check", in: `{"data":{"mode":"x"}}`, want: `{}`},
			{name: "change and stop", hook: "check", in: `{"data":{"mode":"change"}}`, want: `{"patch":{"mode":"audit","was":"change"},"stop":true}`},
			{name: "redirect", hook: "check", in: `{"data":{"mode":"redirect"}}`, want: `{"refuse":{"code":"elsewhere","message":"Not here.","effect":{"kind":"redirect","redirect":"/courses"}}}`},
			{name: "no JSON", hook: "check", in: `{"data":`, kind: trellis.Invalid, says: "not JSON"},
			{name: "nothing", hook: "hear", in: ``, kind: trellis.Invalid, says: "not JSON"},
			{name: "heard", hook: "hear", in: told, want: `{}`, log: "version 7", asked: kept},
			{name: "refused by the platform", hook: "hear", in: told, err: trellis.Errorf(trellis.Conflict, "the note \"é\" has changed"), kind: trellis.Conflict, says: `the note "é" has changed`, asked: kept},
			{name: "not now", hook: "hear", in: told, err: trellis.Errorf(trellis.Unavailable, "a secret"), kind: trellis.Unavailable, asked: kept},
			{name: "again", hook: "count", in: `{"state":1}`, want: `{"again":2}`},
			{name: "begin", hook: "count", in: `{}`, want: `{"again":1}`},
			{name: "done", hook: "count", in: `{"state":2}`, want: `{}`},
			{name: "failed", hook: "count", in: `{"state":3}`, kind: trellis.Conflict, says: "enough"},
			{name: "crash", hook: "crash", in: `{}`, kind: trellis.Unavailable, log: "it was asked to"},
			{name: "a long message", hook: "wordy", in: `{}`, kind: trellis.Denied, says: wordy},
		} {
			t.Run(tt.name, func(t *testing.T) {
				host.asked, host.err = nil, tt.err
				var said []string
				out, _, err := m.Call(t.Context(), runtime.Call{Hook: tt.hook, In: []byte(tt.in), Key: "test", Log: func(_ int, line string) { said = append(said, line) }})
				if got := trellis.KindOf(err); string(out) != tt.want || got != tt.kind {
					t.Errorf("answer %s, %v, want %s, %q", out, err, tt.want, tt.kind)
				}
				if err != nil && !strings.HasSuffix(err.Error(), tt.says) {
					t.Errorf("it says %v, want …%s", err, tt.says)
				}
				if log := strings.Join(said, "\n"); !strings.Contains(log, tt.log) || (log == "") != (tt.log == "") {
					t.Errorf("the log says %q, want %q", log, tt.log)
				}
				if asked := strings.Join(host.asked, "\n"); asked != tt.asked {
					t.Errorf("asked for %s, want %s", asked, tt.asked)
				}
			})
		}
		look := func(in string) string {
			out, _, err := m.Call(t.Context(), runtime.Call{Hook: "look", In: []byte(in), Key: "test"})
			if err != nil {
				t.Fatal(err)
			}
			return string(out)
		}
		first, second := look(`[1, {"a": "😀"}]`), look(`[1, {"a": "😀"}]`)
		if !strings.HasPrefix(first, `{"now":true,"echo":[1, {"a": "😀"}],"random":[`) || !strings.HasSuffix(first, `,null]}`) || first == second {
			t.Errorf("it looks like %s, and then %s", first, second)
		}
		// A hundred calls that each read a hundred kilobytes fit into two megabytes.
		long := `{"a":["` + strings.Repeat("x", 100_000) + `"]}`
		for range 100 {
			look(long)
		}
	}
}
