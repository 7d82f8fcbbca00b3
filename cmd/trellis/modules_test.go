package main

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// nested is a module with one function, whose blocks are nested n deep.
func nested(n int) []byte {
	body := append([]byte{0}, bytes.Repeat([]byte{0x02, 0x40}, n)...)
	body = append(body, bytes.Repeat([]byte{0x0b}, n+1)...)
	code := append(binary.AppendUvarint([]byte{1}, uint64(len(body))), body...)
	out := []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x0a")
	return append(binary.AppendUvarint(out, uint64(len(code))), code...)
}

// Whoever exceeds a limit reads by how much, and how an operator raises it.
func TestLimitsOfModules(t *testing.T) {
	s := newShell(t)
	s.write("extension.json", `{"id":"acme.deep","version":"1.0.0","abi":1,"title":"Deep","jobs":[{"name":"tidy","call":"tidy"}]}`)
	s.write("main.wasm", string(nested(2400)))
	for _, command := range []string{"inspect", "pack"} {
		s.fails(1, "blocks are nested 2400 deep, deeper than the limit of 2000; an operator raises it with modules.nesting in trellis.toml", "ext", command, ".")
	}
}
