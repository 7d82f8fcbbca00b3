package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/trellis-learning/trellis/testdata/wasm"
)

// recipe builds the programs in Rust.
const recipe = "`just peers-rust` builds it, in some 25 minutes on two cores; without cargo, install it first: https://rustup.rs"

// wasmtimePeers is another runtime, as its own users would set it up.
func wasmtimePeers() group {
	const overC, overGo = "wazero/c/reused", "wazero/go/reused"
	return group{"wasmtime (Rust), timed in its own process", []peer{
		{"wasmtime/c/reused", "C guest, reused, nothing limited", overC, rust("wasmtime", "c-reused")},
		{"wasmtime/c/reused-fuel", "C guest, reused, fuel", overC, rust("wasmtime", "c-reused-fuel")},
		{"wasmtime/c/reused-epoch", "C guest, reused, epochs", overC, rust("wasmtime", "c-reused-epoch")},
		{"wasmtime/c/pooled-fuel", "C guest, fresh from the pool, fuel", overC, rust("wasmtime", "c-pooled-fuel")},
		{"wasmtime/c/pooled-epoch", "C guest, fresh from the pool, epochs", overC, rust("wasmtime", "c-pooled-epoch")},
		{"wasmtime/c/fresh-fuel", "C guest, fresh without pool, fuel", overC, rust("wasmtime", "c-fresh-fuel")},
		{"wasmtime/go/reused-fuel", "Go guest, reused, fuel", overGo, rust("wasmtime", "go-reused-fuel")},
		{"wasmtime/go/pooled-fuel", "Go guest, fresh from the pool, fuel", overGo, rust("wasmtime", "go-pooled-fuel")},
	}}
}

// program is a peer in Rust that runs: it does the job as often as it is told to,
// and says how long that took. It speaks in lines: "run NAME N" is answered by
// "NANOSECONDS", "answer NAME" by the answer in hexadecimal, and either by
// "error TEXT".
type program struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// program starts a peer in Rust, once.
func (b *bench) program(name string) (*program, error) {
	if p := b.programs[name]; p != nil {
		return p, nil
	}
	path := b.rust[name]
	if b.smoke {
		return nil, fmt.Errorf("%w: left out of -smoke", errNotBuilt)
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is not there. %s", errNotBuilt, path, recipe)
	}
	var args []string
	for _, m := range map[string][]struct {
		name string
		of   source
	}{
		"wasmtime": {{"c", (*bench).moduleC}, {"go", (*bench).moduleGo}},
		"extism":   {{"extism-c", (*bench).moduleExtism}},
	}[name] {
		file, err := b.file(m.name, m.of)
		if err != nil {
			return nil, err
		}
		args = append(args, file)
	}
	input := b.path("input")
	if err := os.WriteFile(input, wasm.JobInput, 0o644); err != nil {
		return nil, err
	}
	p := &program{cmd: exec.Command(path, append([]string{input}, args...)...)}
	p.cmd.Stderr = os.Stderr
	out, err1 := p.cmd.StdoutPipe()
	in, err2 := p.cmd.StdinPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.in, p.out = in, bufio.NewReader(out)
	b.programs[name] = p
	return p, nil
}

// stop ends the program: it ends with its input.
func (p *program) stop() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

func (p *program) ask(format string, args ...any) (string, error) {
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		return "", err
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("read its answer: %w", err)
	}
	line = strings.TrimSpace(line)
	if text, ok := strings.CutPrefix(line, "error "); ok {
		return "", errors.New(text)
	}
	return line, nil
}

// versions says what was compared: the libraries of this program, and what the
// programs in Rust that ran say of themselves.
func (b *bench) versions() map[string]string {
	v := versions()
	for name, p := range b.programs {
		version, err := p.ask("version")
		if err != nil {
			version = "unknown: built before it could say. " + recipe
		}
		v[name+" (Rust)"] = version
	}
	return v
}

// rust is one way in which a peer in Rust does the job.
func rust(name, way string) func(context.Context, *bench) (worker, error) {
	return func(_ context.Context, b *bench) (worker, error) {
		p, err := b.program(name)
		if err != nil {
			return worker{}, err
		}
		return worker{
			do: func(dst []byte) ([]byte, error) {
				line, err := p.ask("answer %s", way)
				if err != nil {
					return dst, err
				}
				answer, err := hex.DecodeString(line)
				return append(dst, answer...), err
			},
			repeat: func(n int) (time.Duration, error) {
				line, err := p.ask("run %s %d", way, n)
				if err != nil {
					return 0, err
				}
				ns, err := strconv.ParseInt(line, 10, 64)
				return time.Duration(ns), err
			},
		}, nil
	}
}
