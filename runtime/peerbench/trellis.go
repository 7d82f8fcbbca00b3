package main

import (
	"context"
	"math"
	"strconv"

	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// trellisPeers is our runtime in each of its modes and conventions.
func trellisPeers() group {
	c, as, goGuest := (*bench).moduleC, (*bench).moduleAS, (*bench).moduleGo
	pinned := runtime.Limits{Isolation: runtime.Pinned}
	yields := runtime.Limits{Isolation: runtime.Pinned, Fuel: math.MaxInt64}
	const overC, overAS, overGo = "wazero/c/reused", "wazero/as/reused", "wazero/go/reused"
	return group{"Trellis: fuel, memory, time, call depth and output limited", []peer{
		{"trellis/c/pinned", "C guest, pinned", overC, ours(c, pinned, sameKey)},
		{"trellis/c/pinned-yield", "C guest, pinned, yields", overC, ours(c, yields, sameKey)},
		{"trellis/c/pristine", "C guest, pristine", overC, ours(c, runtime.Limits{}, sameKey)},
		{"trellis/c/pristine-yield", "C guest, pristine, yields", overC, ours(c, runtime.Limits{Fuel: math.MaxInt64}, sameKey)},
		{"trellis/c/fresh", "C guest, fresh instance", overC, ours(c, pinned, newKey)},
		{"trellis/as/pinned", "AssemblyScript guest, pinned", overAS, ours(as, pinned, sameKey)},
		{"trellis/as/pristine", "AssemblyScript guest, pristine", overAS, ours(as, runtime.Limits{}, sameKey)},
		{"trellis/go/pinned", "Go guest, pinned", overGo, ours(goGuest, pinned, sameKey)},
		{"trellis/go/pinned-yield", "Go guest, pinned, yields", overGo, ours(goGuest, yields, sameKey)},
		{"trellis/go/pristine", "Go guest, pristine", overGo, ours(goGuest, runtime.Limits{}, sameKey)},
		{"trellis/go/fresh", "Go guest, fresh instance", overGo, ours(goGuest, pinned, newKey)},
		{"trellis/command", "WASI command in C", overC, ours((*bench).moduleCommand, runtime.Limits{}, sameKey)},
		{"trellis/extism/pinned", "Extism plugin in C, pinned", overC, ours((*bench).moduleExtism, pinned, sameKey)},
		{"trellis/extism/pristine", "Extism plugin in C, pristine", overC, ours((*bench).moduleExtism, runtime.Limits{}, sameKey)},
		{"trellis/extism-go/pinned", "Extism plugin in Go, pinned", overGo, ours((*bench).moduleExtismGo, pinned, sameKey)},
		{"trellis/extism-go/pristine", "Extism plugin in Go, pristine", overGo, ours((*bench).moduleExtismGo, runtime.Limits{}, sameKey)},
	}}
}

func (b *bench) moduleCommand() ([]byte, error) { return wasm.JobCommand, nil }
func (b *bench) moduleExtism() ([]byte, error)  { return wasm.JobExtism, nil }

// sameKey and newKey say whose each call is. A pinned module has an instance for
// each key, so that one for each call is a fresh one for each call.
func sameKey() func() string { return func() string { return "bench" } }

func newKey() func() string {
	n := 0
	return func() string { n++; return strconv.Itoa(n) }
}

func ours(of source, l runtime.Limits, keys func() func() string) func(context.Context, *bench) (worker, error) {
	return func(ctx context.Context, b *bench) (worker, error) {
		binary, err := of(b)
		if err != nil {
			return worker{}, err
		}
		m, err := b.runtime.Compile(ctx, binary, l)
		if err != nil {
			return worker{}, err
		}
		key := keys()
		return worker{
			do: func(dst []byte) ([]byte, error) {
				out, _, err := m.Call(ctx, runtime.Call{Hook: "patch", In: wasm.JobInput, Dst: dst, Key: key()})
				return out, err
			},
			close: func() { _ = m.Close(ctx) },
		}, nil
	}
}
