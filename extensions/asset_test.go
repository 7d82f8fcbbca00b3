package extensions_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	goruntime "runtime"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/testkit"
)

func TestAsset(t *testing.T) {
	r := newRig(t, nil)
	a := admin(t, "a")
	raw, err := json.Marshal(manifestOf("acme.x", "1.0.0", nil))
	must(t, err)
	large := make([]byte, 4<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(large) // never fails
	b, err := bundle.Make(map[string][]byte{
		"extension.json": raw, "assets/a.svg": []byte("<svg/>"), "assets/b/c.png": []byte("picture"), "assets/large.bin": large,
		"main.wasm": testkit.Guest(map[string]func(*testkit.Code){"check": func(c *testkit.Code) { c.Answer("{}") }}),
	})
	must(t, err)
	var zip bytes.Buffer
	must(t, b.Write(&zip))
	if _, err := r.Asset(a, b.Digest, "a.svg"); trellis.KindOf(err) != trellis.NotFound {
		t.Errorf("before it is installed: %v", err)
	}
	r.install(t, a, zip.Bytes(), "")
	for name, want := range map[string]string{
		"a.svg": "<svg/>", "b/c.png": "picture",
		"": "", ".": "", "..": "", "/a.svg": "", "./a.svg": "", "b/../a.svg": "", "../main.wasm": "", "../extension.json": "", "../assets/a.svg": "", "b": "", "b/": "", "assets/a.svg": "", "A.SVG": "", "a.svg\x00": "",
	} {
		got, err := r.Asset(a, b.Digest, name)
		if string(got) != want || (trellis.KindOf(err) == trellis.NotFound) != (want == "") {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	r.enable(t, a, "acme.x", "", "")
	hook := r.Filters(a, asked.Name(), here)[0]
	for name, want := range map[string]bool{"a.svg": true, "b/c.png": true, "c.png": false, "b": false, "../main.wasm": false, "": false} {
		if hook.HasAsset(a, name) != want {
			t.Errorf("%q: has it: %v", name, !want)
		}
	}
	if _, err := r.Asset(a, b.Digest[1:]+"0", "a.svg"); trellis.KindOf(err) != trellis.NotFound {
		t.Errorf("another bundle: %v", err)
	}

	var before, after goruntime.MemStats // a page with many pictures unpacks the bundle once
	goruntime.ReadMemStats(&before)
	for range 100 {
		if _, err := r.Asset(a, b.Digest, "a.svg"); err != nil {
			t.Fatal(err)
		}
	}
	goruntime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > uint64(len(large)) {
		t.Errorf("100 files took %d MiB", got>>20)
	}

	must(t, r.Uninstall(a, "acme.x", extensions.Scope{}))
	if _, err := r.Asset(a, b.Digest, "a.svg"); trellis.KindOf(err) != trellis.NotFound {
		t.Errorf("after it is gone: %v", err)
	}
}
