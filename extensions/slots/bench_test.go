package slots_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// BenchmarkFill fills a page with twenty cards of as many extensions, warm: cards of
// testdata, each with a chart, a button and a note that it looks up.
func BenchmarkFill(b *testing.B) {
	for _, bb := range []struct {
		name  string
		build []string // what builds the module; its last argument is the output
	}{
		{"C", []string{"clang", "--target=wasm32", "-Os", "-nostdlib", "-fno-builtin", "-Wno-unused-function", "-Wl,--no-entry", "-Wl,-z,stack-size=16384", "-I", "../../hostapi/guest/c", "testdata/card.c", "-o"}},
		{"Go", []string{"go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o"}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			if _, err := exec.LookPath(bb.build[0]); err != nil {
				b.Skipf("SKIPPED the cards in %s: %s is absent", bb.name, bb.build[0])
			}
			out := filepath.Join(b.TempDir(), "card.wasm")
			args := append(bb.build[1:len(bb.build):len(bb.build)], out)
			if bb.name == "Go" {
				args = append(args, "./testdata/card")
			}
			cmd := exec.Command(bb.build[0], args...)
			cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
			if msg, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("%v\n%s", err, msg)
			}
			module, err := os.ReadFile(out)
			must(b, err)
			fill(b, module)
		})
	}
}

func fill(b *testing.B, module []byte) {
	b.Run("20 cards", func(b *testing.B) { fillWith(b, module, 20) })
	b.Run("18 cards, one that spins, one that crashes", func(b *testing.B) { fillWith(b, module, 18) })
}

// fillWith fills a place with so many good cards of twenty, and reports how long it
// takes: the median, the 99th percentile, the longest.
func fillWith(b *testing.B, module []byte, good int) {
	r := newRig(b, app.Config{})
	bad := map[int][]byte{
		18: testkit.Guest(guest{"card": func(c *testkit.Code) { c.Spin() }, "again": func(c *testkit.Code) { c.Answer("{}") }}),
		19: testkit.Guest(guest{"card": func(c *testkit.Code) { c.Trap() }, "again": func(c *testkit.Code) { c.Answer("{}") }}),
	}
	for i := range 20 {
		id, module := fmt.Sprintf("acme.card%d", i), module
		if i >= good {
			module = bad[i]
		}
		r.Install(b, r.ctx, testkit.Bundle(b, map[string]any{"id": id, "version": "1.0.0", "abi": 1, "title": id, "permissions": []string{"kv"},
			"slots": []line{{"slot": side, "call": "card", "actions": []string{"again"}}}}, module), "", nil)
	}
	want := slots.Want{Slot: side}
	for range 20 { // modules are loaded at their first call
		r.Slots.Fill(r.learner, page(here), want)
	}
	if got := string(r.Slots.Fill(r.learner, page(here), want)[side]); strings.Count(got, "<section") != good {
		b.Fatalf("not filled: %s", r.Slots.Fill(r.staff, page(here), want)[side])
	}
	b.ReportAllocs()
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		got := r.Slots.Fill(r.learner, page(here), want)[side]
		took = append(took, time.Since(began))
		if n := strings.Count(string(got), "<section"); n != good {
			b.Errorf("%d cards are shown", n)
		}
	}
	slices.Sort(took)
	for name, d := range map[string]time.Duration{"p50-ms": took[len(took)/2], "p99-ms": took[len(took)*99/100], "max-ms": took[len(took)-1]} {
		b.ReportMetric(float64(d.Microseconds())/1000, name)
	}
}
