package slots_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

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
	r := newRig(b, app.Config{})
	for i := range 20 {
		id := fmt.Sprintf("acme.card%d", i)
		r.Install(b, r.ctx, testkit.Bundle(b, map[string]any{"id": id, "version": "1.0.0", "abi": 1, "title": id, "permissions": []string{"kv"},
			"slots": []line{{"slot": side, "call": "card", "actions": []string{"again"}}}}, module), "", nil)
	}
	want := slots.Want{Slot: side}
	if got := string(r.Slots.Fill(r.learner, page(here), want)[side]); strings.Count(got, "<section") != 20 {
		b.Fatalf("not filled: %s", r.Slots.Fill(r.staff, page(here), want)[side])
	}
	b.ReportAllocs()
	for b.Loop() {
		r.Slots.Fill(r.learner, page(here), want)
	}
}
