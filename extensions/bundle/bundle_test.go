package bundle_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
)

const manifest = `{"id":"acme.x","version":"1.0.0","abi":1,"title":"X","filters":[{"on":"org.example.x.v1","call":"check"}]}`

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v (%s)", err, trellis.KindOf(err))
	}
}

// kind holds an error against what it is to be.
func kind(t testing.TB, what string, err error, want trellis.Kind, words ...string) {
	t.Helper()
	if got := trellis.KindOf(err); got != want {
		t.Errorf("%s: kind = %q, want %q (%v)", what, got, want, err)
	}
	for _, w := range words {
		if err != nil && !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %q does not say %q", what, err, w)
		}
	}
}

type entry struct {
	name, data string
	mode       os.FileMode
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(e.mode | 0o644)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(e.data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// change sets a little-endian number at an offset of every entry of the directory.
func change(raw []byte, offset int, value uint64, size int) []byte {
	raw = bytes.Clone(raw)
	for at := 0; ; {
		i := bytes.Index(raw[at:], []byte("PK\x01\x02"))
		if i < 0 {
			return raw
		}
		at += i + 4
		for k := range size {
			raw[at-4+offset+k] = byte(value >> (8 * k))
		}
	}
}

func flagged(raw []byte, bit uint64) []byte { return change(raw, 8, bit, 2) }
func method(raw []byte, n uint64) []byte    { return change(raw, 10, n, 2) }
func lie(raw []byte) []byte                 { return change(raw, 24, 100, 4) } // of the unpacked size

func read(raw []byte) (*bundle.Archive, error) {
	return bundle.Read(bytes.NewReader(raw), int64(len(raw)))
}

func TestRead(t *testing.T) {
	good := []entry{{name: "extension.json", data: manifest}, {name: "main.wasm", data: "\x00asm\x01\x00\x00\x00"}}
	with := func(more ...entry) []byte { return archive(t, append(append([]entry{}, good...), more...)...) }
	hordes := make([]entry, 9000)
	for i := range hordes {
		hordes[i] = entry{name: fmt.Sprintf("assets/%d", i)}
	}
	bombs := make([]entry, 80) // each within the ratio, as it has less than a mebibyte
	for i := range bombs {
		bombs[i] = entry{name: fmt.Sprintf("assets/%d", i), data: strings.Repeat("\x00", 1<<20)}
	}
	many := make([]entry, 2001)
	for i := range many {
		many[i] = entry{name: fmt.Sprintf("assets/%d", i)}
	}
	for _, tt := range []struct {
		name string
		raw  []byte
		want string // of the error; "" for none
	}{
		{"good", with(entry{name: "assets/logo.svg", data: "<svg/>"}, entry{name: "README.md", data: "x"}), ""},
		{"not a zip", []byte("hello"), "not a zip file"},
		{"empty", nil, "not a zip file"},
		{"climbs out", with(entry{name: "assets/../../x"}), "is not allowed"},
		{"absolute", with(entry{name: "/etc/passwd"}), "is not allowed"},
		{"backslash", with(entry{name: `assets\x`}), "is not allowed"},
		{"drive", with(entry{name: "c:x"}), "is not allowed"},
		{"control", with(entry{name: "assets/\x01"}), "not printable"},
		{"control of the upper half", with(entry{name: "assets/\u009b31m"}), "not printable"},
		{"text backwards", with(entry{name: "assets/\u202egnp.exe"}), "not printable"},
		{"symlink", with(entry{name: "assets/x", data: "/etc/passwd", mode: os.ModeSymlink}), "not a plain file"},
		{"twice", with(entry{name: "assets/x"}, entry{name: "assets/X"}), "twice"},
		{"stranger", with(entry{name: "run.sh"}), "does not belong into a bundle"},
		{"bomb", with(entry{name: "assets/x", data: strings.Repeat("\x00", 8<<20)}), "unpacks to more than 100 times"},
		{"too many", with(many...), "has 2003 entries"},
		{"very many", with(hordes...), "more than 2000 entries"},
		{"bomb of many", with(bombs...), "unpacks to more than"},
		{"lies about its size", lie(with(entry{name: "assets/x", data: strings.Repeat("\x00", 8<<20)})), "cannot be unpacked"},
		{"without its beginning", archive(t, good...)[20:], "cannot be unpacked"},
		{"cut", with()[:len(with())-30], "not a zip file"},
		{"encrypted", flagged(with(), 1), "is encrypted"},
		{"unknown method", method(with(), 99), "cannot be unpacked"},
		{"device", with(entry{name: "assets/x", mode: os.ModeDevice}), "not a plain file"},
		{"pipe", with(entry{name: "assets/x", mode: os.ModeNamedPipe}), "not a plain file"},
		{"empty name", with(entry{name: ""}), "is not allowed"},
		{"dot", with(entry{name: "assets/./x"}), "is not allowed"},
		{"twice the manifest", with(entry{name: "extension.json", data: manifest}), "twice"},
		{"the manifest in other letters", with(entry{name: "Extension.json", data: "{}"}), "does not belong into a bundle"},
		{"assets as a file", with(entry{name: "assets", data: "x"}), "does not belong into a bundle"},
		{"directory", with(entry{name: "assets/", mode: os.ModeDir | 0o755}, entry{name: "assets/a/", mode: os.ModeDir | 0o755}), ""},
		{"directory that climbs out", with(entry{name: "assets/../", mode: os.ModeDir | 0o755}), "is not allowed"},
		{"directory of a stranger", with(entry{name: "bin/", mode: os.ModeDir | 0o755}), "does not belong into a bundle"},
		{"long name", with(entry{name: "assets/" + strings.Repeat("x", 200)}), "is not allowed"},
		{"no UTF-8", with(entry{name: "assets/\xff"}), "not printable"},
		{"bad signature file", with(entry{name: "signature.json", data: `{"publisher":"acme","kee":"x"}`}), "signature.json"},
		{"no manifest", archive(t, good[1]), "has no extension.json"},
		{"no module", archive(t, good[0]), "has no main.wasm"},
		{"no wasm", archive(t, good[0], entry{name: "main.wasm", data: "hello"}), "not a WebAssembly module"},
		{"unknown key", archive(t, entry{name: "extension.json", data: strings.Replace(manifest, `"call"`, `"cal"`, 1)}, good[1]), "filters[0].cal: unknown key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := read(tt.raw)
			switch {
			case tt.want == "" && err != nil:
				t.Fatal(err)
			case tt.want == "":
				if b.Manifest.ID != "acme.x" || len(b.Digest) != 64 {
					t.Errorf("bundle %+v", b.Manifest)
				}
			case err == nil || !strings.Contains(err.Error(), tt.want) || trellis.KindOf(err) != trellis.Invalid:
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestPackIsDeterministicAndSigned(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{"extension.json": manifest, "main.wasm": "\x00asm\x01\x00\x00\x00", "assets/a.txt": "a", "notes.txt": "left out"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var one, two bytes.Buffer
	b, err := bundle.Pack(dir, &one)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bundle.Pack(dir, &two); err != nil || !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Errorf("the same project gives other bytes (%v)", err)
	}
	raw, public, err := bundle.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := bundle.ParseKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	b.Sign(key)
	var signed bytes.Buffer
	if err := b.Write(&signed); err != nil {
		t.Fatal(err)
	}
	back, err := read(signed.Bytes())
	if err != nil || back.Digest != b.Digest {
		t.Fatalf("digest %v, %v", back, err)
	}
	if got, err := back.Verify(); err != nil || !got.Equal(public) {
		t.Errorf("verified %v, %v", got, err)
	}
	back.Digest = strings.Repeat("0", 64)
	if _, err := back.Verify(); trellis.KindOf(err) != trellis.Invalid {
		t.Errorf("a changed bundle verifies: %v", err)
	}
}

func TestManifestFaults(t *testing.T) {
	for _, tt := range []struct{ change, want string }{
		{`"id":"org.x"`, "the publisher org is reserved"}, {`"id":"acme"`, "must be publisher.name"}, {`"version":"1"`, "must be a semantic version"},
		{`"abi":2`, "must be 1"}, {`"title":""`, "title: must have 1 to 100"}, {`"title":"Invoice\u202efdp"`, "title: holds U+202E, which turns the order of what follows"}, {`"title":"Tr\u200bellis"`, "title: holds U+200B, which is not seen"},
		{`"title":" \u2800"`, "title: must have 1 to 100 characters that one sees"}, {`"description":"a\u0007"`, "description: holds U+0007"}, {`"homepage":"https://a.example/\u2067b"`, "homepage: begins a change of direction that never ends"},
		{`"secrets":[{"name":"key","title":"K\u00adey"}]`, "secrets[0].title: holds U+00AD"}, {`"slots":[{"slot":"course.sidebar.v1","call":"show","title":"\u202eX"}]`, "slots[0].title: holds U+202E"},
		{`"settings":{"type":"object","properties":{"a":{"type":"integer","title":"Days\u202e"}}}`, "settings: a: title: holds U+202E"},
		{`"settings":{"type":"object","properties":{"a":{"type":"integer","description":"One.\n\u202eTwo."}}}`, "settings: a: description: holds U+202E"},
		{`"settings":{"type":"object","properties":{"a":{"type":"string","oneOf":[{"const":"x","title":"\u200bX"}]}}}`, "settings: a: oneOf: holds U+200B"},
		{`"settings":{"type":"object","properties":{"a":{"type":"string","enum":["x\u2060"]}}}`, "settings: a: enum: holds U+2060"},
		{`"settings":{"type":"object","properties":{"a\u202e":{"type":"string"}}}`, "settings: properties: holds U+202E"},
		{`"permissions":["kv","kv"]`, "stands here twice"},
		{`"permissions":["tokens:write"]`, "is for people"}, {`"permissions":["nonsense"]`, "there is no permission"}, {`"permissions":["http:localhost:80"]`, "there is no permission"},
		{`"isolation":"shared"`, "pristine or pinned"}, {`"limits":{"memory":"1GB"}`, "1MiB to 64MiB"}, {`"slots":[{}]`, "slots[0].slot: must be"}, {`"blocks":[{}]`, "not supported by this version"},
		{`"settings":{"type":"object","$ref":"#"}`, "unknown field"}, {`"settings":{"type":"array"}`, "the settings are an object"},
		{`"schedules":[{"name":"n","cron":"* * *","call":"x"}]`, "must be minute, hour"}, {`"filters":[]`, "takes part in nothing"},
		{`"title":"a","title":"b"`, "stands here twice"},
	} {
		key, _, _ := strings.Cut(tt.change, ":")
		var m map[string]json.RawMessage
		if err := json.Unmarshal([]byte(manifest), &m); err != nil {
			t.Fatal(err)
		}
		delete(m, strings.Trim(key, `"`))
		rest, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		_, err = bundle.ReadManifest([]byte("{" + tt.change + "," + string(rest[1:])))
		if err == nil || !strings.Contains(err.Error(), tt.want) || trellis.KindOf(err) != trellis.Invalid {
			t.Errorf("%s: %v, want %q", tt.change, err, tt.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	good := []entry{{name: "extension.json", data: manifest}, {name: "main.wasm", data: "\x00asm\x01\x00\x00\x00"}}
	whole := archive(f, append(good, entry{name: "assets/a/logo.svg", data: "<svg/>"}, entry{name: "assets/b/", mode: os.ModeDir | 0o755},
		entry{name: "signature.json", data: `{"publisher":"acme","key":"","sig":""}`})...)
	f.Add(archive(f, good...))
	f.Add(whole)
	f.Add(lie(whole))
	f.Add(flagged(whole, 1))
	f.Add(method(whole, 99))
	f.Add(change(whole, 20, 1<<32-1, 4)) // the packed size
	f.Add(change(whole, 42, 1<<32-1, 4)) // where the entry begins
	f.Add(whole[:len(whole)-20])
	f.Add(append([]byte("MZ"), whole...))
	f.Add([]byte("PK\x05\x06\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := read(raw)
		if err != nil {
			if trellis.KindOf(err) != trellis.Invalid {
				t.Errorf("kind %q: %v", trellis.KindOf(err), err)
			}
			return
		}
		for name := range b.Files {
			if !filepath.IsLocal(name) || strings.ContainsAny(name, "\\\x00\n\u202e") {
				t.Errorf("accepted the path %q", name)
			}
		}
		var again bytes.Buffer
		if err := b.Write(&again); err != nil {
			t.Fatal(err)
		}
		if back, err := read(again.Bytes()); err != nil || back.Digest != b.Digest {
			t.Errorf("written and read again it is %v, %v", back, err)
		}
	})
}

func FuzzReadManifest(f *testing.F) {
	f.Add([]byte(manifest))
	f.Add([]byte(`{"settings":{"type":"object","properties":{"a":{"type":"string","pattern":"("}}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := bundle.ReadManifest(raw)
		if err != nil && trellis.KindOf(err) != trellis.Invalid {
			t.Errorf("kind %q: %v", trellis.KindOf(err), err)
		}
		if err == nil {
			_ = m.Sentences(bundle.Known{})
		}
	})
}
