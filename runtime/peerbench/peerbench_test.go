package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		want string // in what is said; "": it is taken
	}{
		{"nothing", nil, ""},
		{"some", []string{"-only", "^trellis/", "-rounds", "3"}, ""},
		{"no flag", []string{"trellis"}, "takes flags only"},
		{"no rounds", []string{"-rounds", "0"}, "at least 1"},
		{"no expression", []string{"-only", "("}, "-only"},
		{"another flag", []string{"-fast"}, "-fast"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var said bytes.Buffer
			_, err := parse(tt.args, &said)
			if (err == nil) != (tt.want == "") || !strings.Contains(said.String(), tt.want) {
				t.Errorf("err = %v, and it says %q; want %q", err, said.String(), tt.want)
			}
		})
	}
}

// TestNames: names are unique, and what aims and ratios speak of is measured.
func TestNames(t *testing.T) {
	known := []string{"spin/stop", "spin/gc", "load/c", "load/go", "density/c", "density/go"}
	for _, f := range floods() {
		known = append(known, "flood/"+f.name)
	}
	for _, g := range peers() {
		for _, p := range g.peers {
			if slices.Contains(known, p.name) {
				t.Errorf("there are two peers %s", p.name)
			}
			known = append(known, p.name)
		}
	}
	for _, g := range peers() {
		for _, p := range g.peers {
			if !slices.Contains(known, p.floor) {
				t.Errorf("%s is compared with %s, which is no peer", p.name, p.floor)
			}
		}
	}
	for _, a := range aims() {
		for _, name := range []string{a.of, a.over} {
			if name = strings.TrimPrefix(strings.TrimPrefix(name, allocsOf), worst); name != "" && !slices.Contains(known, name) {
				t.Errorf("%s: nothing is measured as %s", a.title, name)
			}
		}
	}
}

func TestJudge(t *testing.T) {
	r := report{
		Peers: []figures{
			{Name: "trellis/c/pinned", Nanoseconds: 1300}, {Name: "wazero/c/reused", Nanoseconds: 1000},
			{Name: "trellis/c/pristine", Nanoseconds: 2000, Allocs: 1}, {Name: "hashicorp", Nanoseconds: 90000},
			{Name: "wasmtime/c/pooled-fuel", Missing: "not built: like this"},
		},
		Pairs: []pair{
			{Of: "trellis/c/pinned", Over: "wazero/c/reused", Ratio: 1.5, Low: 1.4, High: 1.5},
			{Of: "trellis/c/pristine", Over: "wazero/c/reused", Ratio: 2, Low: 1, High: 3},
			{Of: "hashicorp", Over: "trellis/c/pristine", Ratio: 45, Low: 44, High: 46},
		},
		Alone: []figure{{Name: "density/c", Value: 60}, {Name: "load/go", Value: 61}, {Name: "spin/gc", Value: 9, Worst: 11}, {Name: "spin/stop", Value: 9, Worst: 19}},
	}
	r.judge(false)
	got := map[string]string{}
	for _, a := range r.Aims {
		got[a.Title] = a.outcome()
	}
	want := map[string]string{
		"C guest, pinned, yields, against the same":               "MISSED",
		"C guest, pristine, against wazero reused":                "ok, unsure: 1.00× to 3.00×",
		"C guest, pristine, against wasmtime's pool with fuel":    "not built",
		"a gRPC plugin, against a C guest, pristine":              "ok",
		"1,000 idle instances, C, pristine: resident memory each": "ok",
		"a spinning guest is stopped, after its deadline":         "ok, the worst of all; median 9.00 ms",
		"the longest pause of the collector meanwhile":            "MISSED, the worst of all; median 9.00 ms",
		"Go guest, loaded from the cache":                         "MISSED",
		"allocations of a warm call, C, pinned":                   "ok",
		"allocations of a warm call, C, pristine":                 "MISSED",
	}
	for title, outcome := range want {
		if got[title] != outcome {
			t.Errorf("%s: %q, want %q", title, got[title], outcome)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d aims, want those that were measured, %d: %v", len(got), len(want), got)
	}
	if r.reached() {
		t.Error("what was missed counts as reached")
	}
	var out bytes.Buffer
	r.print(&out)
	for _, say := range []string{"MISSED", "not built", "like this", "1.50×"} {
		if !strings.Contains(out.String(), say) {
			t.Errorf("the table does not say %q:\n%s", say, out.String())
		}
	}
	if r = (report{}); !r.reached() {
		t.Error("a run without aims misses some")
	}
}

// TestCheck: a peer whose answer is wrong, once or later, is not measured.
func TestCheck(t *testing.T) {
	b := &bench{progress: func(string, ...any) {}}
	right, err := nativePeers().peers[0].open(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for _, tt := range []struct {
		name string
		w    worker
		want string
	}{
		{"right", right, ""},
		{"wrong", worker{do: func(dst []byte) ([]byte, error) { return append(dst, "{}"...), nil }}, `it answered "{}"`},
		{"wrong the second time", worker{do: func(dst []byte) ([]byte, error) {
			if calls++; calls > 1 {
				return dst, nil
			}
			return right.do(dst)
		}}, "it answered"},
		{"failing", worker{do: func([]byte) ([]byte, error) { return nil, io.ErrUnexpectedEOF }}, io.ErrUnexpectedEOF.Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.w.check()
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
}

// TestMissingProgram: a peer that is not built is named with the recipe.
func TestMissingProgram(t *testing.T) {
	b := &bench{options: options{rust: map[string]string{"wasmtime": t.TempDir() + "/none"}}}
	_, err := rust("wasmtime", "c-reused")(context.Background(), b)
	if !errors.Is(err, errNotBuilt) || !strings.Contains(err.Error(), "just peers-rust") {
		t.Errorf("err = %v", err)
	}
}

func TestQuantity(t *testing.T) {
	for _, tt := range []struct {
		v    float64
		unit string
		want string
	}{
		{217.4, "ns", "217 ns"}, {1444, "ns", "1.44 µs"}, {28100, "ns", "28.1 µs"}, {6.5e6, "ns", "6.50 ms"},
		{64, "KiB", "64 KiB"}, {1228.8, "KiB", "1.20 MiB"}, {.8, "×", "0.80×"}, {25, "×", "25×"}, {0, "", "0"},
	} {
		if got := quantity(tt.v, tt.unit); got != tt.want {
			t.Errorf("%v %s is written %q, want %q", tt.v, tt.unit, got, tt.want)
		}
	}
}

// TestStoppedByTime: whatever else ends a guest that spins ends the run.
func TestStoppedByTime(t *testing.T) {
	if err := stoppedByTime(fmt.Errorf("hook spin: %w", runtime.ErrTime)); err != nil {
		t.Errorf("err = %v", err)
	}
	for _, end := range []error{nil, runtime.ErrFuel, runtime.ErrTrap, io.ErrUnexpectedEOF} {
		if err := stoppedByTime(end); err == nil || end != nil && !errors.Is(err, end) {
			t.Errorf("a guest that ended by %v: %v", end, err)
		}
	}
}

// TestDensity: what is measured is as many instances as were asked for.
func TestDensity(t *testing.T) {
	path := t.TempDir() + "/guest.wasm"
	if err := os.WriteFile(path, wasm.JobCrowd, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, isolation := range isolations() {
		var out bytes.Buffer
		if err := density([]string{path, "20", isolation.String()}, &out); err != nil {
			t.Errorf("%s: %v", isolation, err)
		}
		if n := len(strings.Fields(out.String())); n != 3 {
			t.Errorf("%s: it says %q", isolation, out.String())
		}
	}
}
