package extensions_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/testkit"
	"github.com/trellis-learning/trellis/runtime"
)

// hostile is a guest of trellis/1 written to do harm: a hook "check" that has these
// locals and this code, an _initialize and an allocator.
type hostile struct {
	pages                     int
	locals                    []byte // groups, as they are encoded
	check, initialize, allocs []byte // code, without its end
}

func (h hostile) build() []byte {
	sized := func(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }
	section := func(id byte, content ...byte) []byte { return append([]byte{id}, sized(content)...) }
	body := func(locals, code, usual []byte) []byte {
		if locals == nil {
			locals = []byte{0}
		}
		if code == nil {
			code = usual
		}
		return sized(append(append(bytes.Clone(locals), code...), 0x0b))
	}
	export := func(name string, kind, index byte) []byte { return append(sized([]byte(name)), kind, index) }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	return join([]byte("\x00asm\x01\x00\x00\x00"),
		section(1, 3, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 2, 0x7f, 0x7f, 1, 0x7e, 0x60, 0, 0),
		section(3, 3, 0, 1, 2),
		section(5, join([]byte{1, 0}, binary.AppendUvarint(nil, uint64(max(h.pages, 2))))...),
		section(7, join([]byte{4}, export("memory", 2, 0), export("trellis_alloc", 0, 0), export("check", 0, 1), export("_initialize", 0, 2))...),
		section(10, join([]byte{3}, body(nil, h.allocs, []byte{0x41, 16}), body(h.locals, h.check, []byte{0x42, 0}), body(nil, h.initialize, nil))...),
	)
}

// TestHostileBundles: what cannot be taken is refused with its cause, in a child
// that compiles as a server has one, and leaves nothing behind; what can be taken
// and does its harm later harms nobody else.
func TestHostileBundles(t *testing.T) {
	self, err := os.Executable()
	must(t, err)
	argv := []string{self, "compile-child", "-memory", "0"} // the race detector takes more than a child may have
	if emulator := os.Getenv("TRELLIS_EMULATOR"); emulator != "" {
		argv = append([]string{emulator}, argv...)
	}
	host := &lateHost{}
	rt, err := runtime.New(t.Context(), runtime.Config{Host: host, Compiler: argv, FuelPerSecond: 50_000_000}) // what spins has soon used what it may to start
	must(t, err)
	t.Cleanup(func() { must(t, rt.Close(context.Background())) })
	r := newRigOn(t, t.TempDir(), rt, host, nil)
	a := admin(t, "a")
	spin := []byte{0x03, 0x40, 0x0c, 0, 0x0b, 0x00}
	bundle := func(id string, h hostile) []byte {
		return testkit.Bundle(t, manifestOf(id, "1.0.0", nil), h.build())
	}
	plain := manifestOf("acme.bad", "1.0.0", nil)
	for _, tt := range []struct {
		name string
		zip  []byte
		want []string
	}{
		{"4,000,000,000 locals", bundle("acme.bad", hostile{locals: []byte{1, 0x80, 0xd0, 0xac, 0xf3, 0x0e, 0x7e}}), []string{"main.wasm", "locals and parameters exceed the limit of 5000"}},
		{"blocks in one another", bundle("acme.bad", hostile{check: append(bytes.Repeat([]byte{0x02, 0x40}, 20_000), bytes.Repeat([]byte{0x0b}, 20_000)...)}), []string{"main.wasm", "deeper than the limit"}},
		{"4 GiB of memory", bundle("acme.bad", hostile{pages: 65_536}), []string{"main.wasm", "4194304 KiB"}},
		{"what the engine refuses", bundle("acme.bad", hostile{check: []byte{0x41, 0}}), []string{"main.wasm"}},
		{"starts without end", bundle("acme.bad", hostile{initialize: spin}), []string{"out of fuel"}},
		{"crashes at the start", bundle("acme.bad", hostile{initialize: []byte{0x00}}), []string{"unreachable"}},
		{"recurses at the start", bundle("acme.bad", hostile{initialize: []byte{0x10, 2}}), []string{"call depth exceeded"}},
		{"allocates outside of its memory", bundle("acme.bad", hostile{allocs: []byte{0x41, 0x7f}}), []string{"outside of the memory"}},
		{"a bomb of zeros as the module", testkit.Bundle(t, plain, append([]byte("\x00asm\x01\x00\x00\x00\x00\xff\xff\xff\x1f"), make([]byte, 8<<20)...)), []string{"unpacks to more than 100 times"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := r.Install(a, tt.zip, extensions.Scope{})
			kind(t, "install", err, trellis.Invalid, tt.want...)
			if text := err.Error(); len(text) > 4000 || strings.ContainsAny(text, "\n\x1b") {
				t.Errorf("not fit to be shown: %.200q", text)
			}
		})
	}
	if n := r.count(t, a, "installations", "1 = 1") + r.count(t, a, "extension_versions", "1 = 1"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if got := files(t, r.dir+"/blobs"); len(got) != 0 {
		t.Errorf("blobs are left: %v", got)
	}

	b := admin(t, "b")
	for name, check := range map[string][]byte{"spin": spin, "crash": {0x00}, "recurse": {0x20, 0, 0x20, 1, 0x10, 1}, "lie": {0x42, 0x7f}} {
		id := "acme." + name
		r.install(t, a, bundle(id, hostile{check: check}), "")
		r.enable(t, a, id, "", "")
		if _, err := r.call(a, ""); trellis.KindOf(err) != trellis.Unavailable {
			t.Errorf("%s: %v, want it to be unavailable", name, err)
		}
		_, err := r.Disable(a, id, "")
		must(t, err)
	}
	r.install(t, b, pack(t, "acme.good", "1.0.0", nil), "")
	r.enable(t, b, "acme.good", "", "")
	if got, err := r.call(b, ""); err != nil || got != "{}" {
		t.Errorf("another tenant's extension: %s, %v", got, err)
	}
}
