package runtime_test

import (
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// TestImportsAreNoExports: a function of the host that a module exports again is
// not taken for one of the guest's, and does not start it.
func TestImportsAreNoExports(t *testing.T) {
	reset := tinyFunction{module: "extism:host/env", name: "reset"}
	own := tinyFunction{name: "own", results: "i"}
	g := tiny{memory: true, imports: []tinyFunction{reset}, exports: []tinyFunction{own}}
	plain := g.build()
	if _, err := runtime.Check(plain, runtime.Limits{}); err != nil {
		t.Fatal(err)
	}
	exported := []byte(strings.Replace(string(plain), "\x03own\x00\x01", "\x03own\x00\x00", 1))
	code := strings.Index(string(plain), "\x0a\x06\x01") // the code section, before which a start section goes
	if code < 0 {
		t.Fatal("no code section where it was thought to be")
	}
	started := append(append(append([]byte{}, plain[:code]...), 8, 1, 0), plain[code:]...)
	for _, tt := range []struct {
		name, says string
		binary     []byte
	}{
		{"a hook", `export "own" is an import of the module`, exported},
		{"the start function", "the start function is an import of the module", started},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := runtime.Check(tt.binary, runtime.Limits{})
			if trellis.KindOf(err) != trellis.Invalid || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("err = %v, want one that says %q", err, tt.says)
			}
		})
	}
}
