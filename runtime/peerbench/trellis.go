package main

import (
	"context"
	"strconv"

	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// trellisPeers is our runtime in each of its modes and conventions.
func trellisPeers() group {
	c, as, goGuest := (*bench).moduleC, (*bench).moduleAS, (*bench).moduleGo
	pinned, pristine := runtime.Limits{Isolation: runtime.Pinned}, runtime.Limits{}
	const overC, overAS, overGo = "wazero/c/reused", "wazero/as/reused", "wazero/go/reused"
	return group{"Trellis, as the platform calls it: fuel, memory, time, call depth and output limited", []peer{
		{"trellis/c/pinned-trap", "C guest, pinned, little fuel: traps", overC, ours(c, little(pinned), sameKey)},
		{"trellis/c/pinned", "C guest, pinned", overC, ours(c, usual(pinned), sameKey)},
		{"trellis/c/pristine", "C guest, pristine", overC, ours(c, usual(pristine), sameKey)},
		{"trellis/c/pristine-trap", "C guest, pristine, little fuel: traps", overC, ours(c, little(pristine), sameKey)},
		{"trellis/c/fresh", "C guest, fresh instance", overC, ours(c, usual(pinned), newKey)},
		{"trellis/as/pinned", "AssemblyScript guest, pinned", overAS, ours(as, usual(pinned), sameKey)},
		{"trellis/as/pristine", "AssemblyScript guest, pristine", overAS, ours(as, usual(pristine), sameKey)},
		{"trellis/go/pinned", "Go guest, pinned", overGo, ours(goGuest, usual(pinned), sameKey)},
		{"trellis/go/pristine", "Go guest, pristine", overGo, ours(goGuest, usual(pristine), sameKey)},
		{"trellis/go/fresh", "Go guest, fresh instance", overGo, ours(goGuest, usual(pinned), newKey)},
		{"trellis/command", "WASI command in C", overC, ours((*bench).moduleCommand, usual(pristine), sameKey)},
		{"trellis/extism/pinned", "Extism plugin in C, pinned", overC, ours((*bench).moduleExtism, usual(pinned), sameKey)},
		{"trellis/extism/pristine", "Extism plugin in C, pristine", overC, ours((*bench).moduleExtism, usual(pristine), sameKey)},
		{"trellis/extism-go/pinned", "Extism plugin in Go, pinned", overGo, ours((*bench).moduleExtismGo, usual(pinned), sameKey)},
		{"trellis/extism-go/pristine", "Extism plugin in Go, pristine", overGo, ours((*bench).moduleExtismGo, usual(pristine), sameKey)},
	}}
}

// mode is how a module is run, which may depend on the speed of this machine.
type mode func(*runtime.Runtime) runtime.Limits

// usual is with the fuel that is usual, by which guests yield.
func usual(l runtime.Limits) mode { return func(*runtime.Runtime) runtime.Limits { return l } }

// little is with so little fuel, worth a millisecond, that guests trap and do not yield.
func little(l runtime.Limits) mode {
	return func(r *runtime.Runtime) runtime.Limits {
		l.Fuel = r.FuelPerSecond() / 1000
		return l
	}
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

// ours calls as the platform calls its extensions: untimed, that is, the guest's
// time begins when it first calls the host or yields.
func ours(of source, in mode, keys func() func() string) func(context.Context, *bench) (worker, error) {
	return func(ctx context.Context, b *bench) (worker, error) {
		binary, err := of(b)
		if err != nil {
			return worker{}, err
		}
		m, err := b.runtime.Compile(ctx, binary, in(b.runtime))
		if err != nil {
			return worker{}, err
		}
		key := keys()
		return worker{
			do: func(dst []byte) ([]byte, error) {
				out, _, err := m.Call(ctx, runtime.Call{Hook: "patch", In: wasm.JobInput, Dst: dst, Key: key(), Untimed: true})
				return out, err
			},
			close: func() { _ = m.Close(ctx) },
		}, nil
	}
}
