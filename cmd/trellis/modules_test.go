package main

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// program is a WASI command that does nothing, in blocks nested n deep, with a memory
// of so many pages.
func program(n, pages int) []byte {
	body := append([]byte{0}, bytes.Repeat([]byte{0x02, 0x40}, n)...)
	body = append(body, bytes.Repeat([]byte{0x0b}, n+1)...)
	out := []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00")
	for _, s := range []struct {
		id      byte
		content []byte
	}{
		{5, binary.AppendUvarint([]byte{1, 0}, uint64(pages))},
		{7, []byte("\x02\x06memory\x02\x00\x06_start\x00\x00")},
		{10, append(binary.AppendUvarint([]byte{1}, uint64(len(body))), body...)},
	} {
		out = append(binary.AppendUvarint(append(out, s.id), uint64(len(s.content))), s.content...)
	}
	return out
}

// Whoever exceeds a limit that a server may raise reads by how much, and how it is
// raised there and here; the bundle is made all the same.
func TestLimitsOfModules(t *testing.T) {
	s := newShell(t)
	s.write("extension.json", `{"id":"acme.deep","version":"1.0.0","abi":1,"title":"Deep","jobs":[{"name":"tidy","call":"tidy"}]}`)
	s.write("main.wasm", string(program(2400, 1)))
	const (
		over  = "blocks are nested 2400 deep, deeper than the limit of 2000; an operator raises it with modules.nesting in trellis.toml"
		refus = "A server refuses this module as long as that is not done: "
		here  = "Next: TRELLIS_MODULES_NESTING=2400 before this command takes it here, for trying; on a server an operator sets modules.nesting"
	)
	for _, tt := range []struct {
		name   string
		args   []string
		raised string // in the environment
		status int
		says   []string
		silent string // does not say this
	}{
		{"inspect", []string{"ext", "inspect", "."}, "", 0, []string{refus, over}, ""},
		{"inspect, raised", []string{"ext", "inspect", "."}, "2400", 0, nil, refus},
		{"pack", []string{"ext", "pack", "."}, "", 0, []string{refus, over, "acme.deep-1.0.0.trellis"}, ""},
		{"pack, raised", []string{"ext", "pack", "."}, "3000", 0, []string{"acme.deep-1.0.0.trellis"}, refus},
		{"ext run", []string{"ext", "run", ".", "-hook", "tidy"}, "", 1, []string{over, here}, ""},
		{"ext run, raised", []string{"ext", "run", ".", "-hook", "tidy"}, "2400", 0, []string{"tidy answered"}, refus},
		{"run", []string{"run", "main.wasm", "tidy"}, "", 1, []string{over, here}, ""},
		{"run, not raised enough", []string{"run", "main.wasm", "tidy"}, "2399", 1, []string{"deeper than the limit of 2399"}, ""},
		{"run, raised", []string{"run", "main.wasm", "tidy"}, "2400", 0, nil, over},
		{"bench", []string{"bench", "main.wasm", "tidy", "-time", "1ms"}, "", 1, []string{over, here}, ""},
		{"bench, raised", []string{"bench", "main.wasm", "tidy", "-time", "1ms"}, "2400", 0, []string{"pristine"}, over},
		{"no number", []string{"run", "main.wasm", "tidy"}, "deep", 1, []string{"TRELLIS_MODULES_NESTING is a number"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := s.with("TRELLIS_MODULES_NESTING="+tt.raised).run("", tt.args...)
			if r.status != tt.status {
				t.Errorf("status %d, want %d\n%s%s", r.status, tt.status, r.out, r.errs)
			}
			for _, text := range tt.says {
				if !strings.Contains(r.out+r.errs, text) {
					t.Errorf("it does not say %q:\n%s%s", text, r.out, r.errs)
				}
			}
			if tt.silent != "" && strings.Contains(r.out+r.errs, tt.silent) {
				t.Errorf("it says %q", tt.silent)
			}
		})
	}
}

// What no server can be told to take is refused from the beginning.
func TestTooLargeForAnyServer(t *testing.T) {
	s := newShell(t)
	s.write("extension.json", `{"id":"acme.deep","version":"1.0.0","abi":1,"title":"Deep","jobs":[{"name":"tidy","call":"tidy"}]}`)
	s.write("main.wasm", string(program(50_001, 1)))
	for _, args := range [][]string{{"ext", "pack", "."}, {"run", "main.wasm", "tidy"}} {
		s.fails(1, "blocks are nested 50001 deep, deeper than the limit of", args...)
		s.fails(1, "no server can be told to take more than 50000", args...)
	}
}

// A module that begins with more memory than usual runs where it is given more.
func TestMemoryOfModules(t *testing.T) {
	s := newShell(t)
	s.write("main.wasm", string(program(1, 400)))
	s.write("extension.json", `{"id":"acme.large","version":"1.0.0","abi":1,"title":"Large","jobs":[{"name":"tidy","call":"tidy"}]}`)
	for _, args := range [][]string{{"run", "main.wasm", "tidy"}, {"bench", "main.wasm", "tidy", "-time", "1ms"}, {"ext", "pack", "."}} {
		r := s.run("", args...)
		if r.status != 1 || !strings.Contains(r.errs, "begins with 25600 KiB, which exceeds the limit of 16384 KiB") || !strings.Contains(r.errs, `"limits": {"memory": "25MiB"}; for a module alone, -memory 25MiB`) {
			t.Errorf("trellis %s: status %d\n%s", strings.Join(args, " "), r.status, r.errs)
		}
	}
	s.ok("run", "main.wasm", "tidy", "-memory", "32MiB")
	s.ok("bench", "main.wasm", "tidy", "-time", "1ms", "-memory", "32MiB")
	s.fails(1, "-memory: must be 1MiB to 64MiB", "run", "main.wasm", "tidy", "-memory", "1GiB")
}

// TestLimitsOfDemo: a demo says how its limits are raised, and takes more once they are;
// what a usual server would refuse of a manifest is told when the bundle is made.
func TestLimitsOfDemo(t *testing.T) {
	s := demo(t)
	s.write("extension.json", `{"id":"acme.deep","version":"1.0.0","abi":1,"title":"Deep","jobs":[{"name":"tidy","call":"tidy"}]}`)
	s.write("main.wasm", string(program(2400, 1)))
	s.ok("ext", "pack", ".")
	s.fails(1, "deeper than the limit of 2000; whoever runs this demo raises it with TRELLIS_MODULES_NESTING in its environment", "ext", "install", "acme.deep-1.0.0.trellis")
	if r := s.run("", "ext", "install", "acme.deep-1.0.0.trellis"); !strings.Contains(r.errs, "\nNext: have the limit raised; or make the module smaller, trellis ext test DIR") {
		t.Errorf("refused: %s", r.errs)
	}

	s.write("extension.json", `{"id":"acme.long","version":"1.0.0","abi":1,"title":"Long","limits":{"work":"5m"},"jobs":[{"name":"tidy","call":"tidy"}]}`)
	s.write("main.wasm", string(program(1, 1)))
	const over = "A server refuses this bundle as long as that is not done: limits.work: 5m0s exceeds the limit of 1m0s; an operator raises it with modules.work"
	for _, command := range []string{"test", "pack"} {
		if r := s.run("", "ext", command, "."); r.status != 0 || !strings.Contains(r.errs, over) {
			t.Errorf("ext %s: %+v", command, r)
		}
		if r := s.with("TRELLIS_MODULES_WORK=5m").run("", "ext", command, "."); r.status != 0 || strings.Contains(r.errs, "limits.work") {
			t.Errorf("ext %s, raised: %+v", command, r)
		}
	}
	if r := s.run("", "ext", "install", "acme.long-1.0.0.trellis"); r.status != 1 || !strings.Contains(r.errs, "TRELLIS_MODULES_WORK") || !strings.Contains(r.errs, "\nNext: ask for less in limits.work") {
		t.Errorf("refused: %+v", r)
	}

	raised := demo(t, "TRELLIS_MODULES_WORK=5m")
	raised.ok("ext", "install", s.dir+"/acme.long-1.0.0.trellis")
}
