//go:build !wasip1

package guest_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
	"github.com/trellis-learning/trellis/hostapi/guest"
	"github.com/trellis-learning/trellis/runtime"
)

// TestUIInC builds what uses all of trellis_ui.h, and wants that the platform takes
// it and that it is what the library in Go writes.
func TestUIInC(t *testing.T) {
	module := probeC(t)
	if module == nil {
		t.Skip("SKIPPED the user interface in C: clang is absent")
	}
	m := started(t, module).m
	call := func(hook, text string) (string, error) {
		in, err := json.Marshal(map[string]string{"text": text})
		if err != nil {
			t.Fatal(err)
		}
		raw, _, err := m.Call(t.Context(), runtime.Call{Hook: hook, In: in, Key: "test"})
		return string(raw), err
	}
	s := schema(t)
	for _, text := range []string{"a", "", " \t", "<b>\"\\\n\x01ü\u2028", "javascript:alert(1)", strings.Repeat("x", 900)} {
		got, err := call("all", text)
		if err != nil {
			t.Fatal(err)
		}
		taken(t, s, []byte(got))
		if inC, inGo := canonical(t, []byte(got)), canonical(t, display(t, all(text))); inC != inGo {
			t.Errorf("%q in C is\n%s\nin Go\n%s", text, inC, inGo)
		}
	}
	for hook, want := range map[string]string{
		"nothing": "null", "say": `{"message":"Saved.","state":"warn","tree":{"kind":"card","title":"a","children":[]}}`,
		"say_only": `{"message":"–","state":"ok"}`, "away": `{"redirect":"/courses"}`,
		"open": `{"kind":"card","title":"a","children":[{"kind":"stack","children":["b"]}]}`,
	} {
		if got, err := call(hook, ""); err != nil || got != want {
			t.Errorf("%s answers %s, %v, want %s", hook, got, err, want)
		}
	}
	if got, err := call("fails", ""); err == nil {
		t.Errorf("what cannot call the platform answers %s", got)
	}
	if got, err := call("deep", ""); trellis.KindOf(err) != trellis.Unavailable && trellis.KindOf(err) != trellis.Internal {
		t.Errorf("a tree that is too deep: %s, %v (%s)", got, err, trellis.KindOf(err))
	}
}

// probeC builds what tries out trellis_ui.h: nil where there is no compiler.
func probeC(t *testing.T) []byte {
	t.Helper()
	if _, err := exec.LookPath("clang"); err != nil {
		return nil
	}
	out := filepath.Join(t.TempDir(), "ui.wasm")
	msg, err := exec.Command("clang", "--target=wasm32", "-Os", "-nostdlib", "-fno-builtin", "-Wall", "-Wno-unused-function", "-Werror", "-Wl,--no-entry", "-Wl,-z,stack-size=16384",
		"-I", "c", "-o", out, "testdata/ui.c").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return module
}

// all is what testdata/ui.c shows.
func all(s string) guest.Node {
	yes := []guest.Option{{Value: "y", Label: "Yes"}, {Value: "n", Label: s}}
	labels := []string{"Mon", s}
	return guest.Card(s, guest.Heading(9, s), guest.Text(s), guest.Text(s).Tone(guest.Warn), guest.Text(s),
		guest.Text("", guest.Plain(s), guest.Bold(s), guest.Emphasis(s), guest.Code(s), guest.Link(s, "/courses")),
		guest.Row(guest.Badge(s, guest.OK), guest.Badge(s, guest.Muted), guest.Badge(s, guest.Neutral)),
		guest.List(guest.Text(s), guest.Numbered(guest.Text(s))),
		guest.Progress(s, 3, 12), guest.Progress(s, -1e15, 0),
		guest.Chart{Title: s, Line: true, Labels: labels, Series: []guest.Series{{Name: s, Values: []float64{1, -2}}, {Name: "Out", Values: []float64{0, 3}}}},
		guest.Bars("Nothing", "In", nil, nil), guest.Details(s, guest.Stack()),
		guest.Button(s, "go"), guest.Button(s, "go").With("poll", s).With("n", "2"),
		guest.Form("vote", guest.TextField("a", s).Required().Value(s), guest.IntegerField("b", s).Between(1, 9), guest.Checkbox("c", s).Value("true"),
			guest.Radio("d", s, yes...).Required().Value("n"), guest.Select("e", s, yes...)).Submit(s).With("poll", s))
}

// canonical is a tree as the platform would write it.
func canonical(t *testing.T, raw []byte) string {
	t.Helper()
	n, err := tree.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	raw, err = json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
