package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/trellis-learning/trellis/testdata/wasm"
)

// patience is the timeout of the peers that have one. None comes near it.
const patience = 5 * time.Second

// wazeroPeers is wazero with nothing around it. Reused, with its functions looked
// up once, it is the least that any host on it can need.
func wazeroPeers() group {
	c, as, goGuest := (*bench).moduleC, (*bench).moduleAS, (*bench).moduleGo
	return group{"wazero alone, nothing limited", []peer{
		{"wazero/c/reused", "C guest, reused", "wazero/c/reused", wazeroReused(c)},
		{"wazero/c/fresh", "C guest, fresh instance", "wazero/c/reused", wazeroFresh(c)},
		{"wazero/c/timeout", "C guest, reused, CloseOnContextDone", "wazero/c/reused", wazeroTimeout(c)},
		{"wazero/as/reused", "AssemblyScript guest, reused", "wazero/as/reused", wazeroReused(as)},
		{"wazero/go/reused", "Go guest, reused", "wazero/go/reused", wazeroReused(goGuest)},
		{"wazero/go/fresh", "Go guest, fresh instance", "wazero/go/reused", wazeroFresh(goGuest)},
	}}
}

type source func(*bench) ([]byte, error)

func (b *bench) moduleC() ([]byte, error)  { return wasm.JobC, nil }
func (b *bench) moduleAS() ([]byte, error) { return wasm.JobAS, nil }

// wazeroModule compiles a module of trellis/1 with wazero alone.
func wazeroModule(ctx context.Context, b *bench, of source, cfg wazero.RuntimeConfig) (wazero.Runtime, wazero.CompiledModule, error) {
	binary, err := of(b)
	if err != nil {
		return nil, nil, err
	}
	r := wazero.NewRuntimeWithConfig(ctx, cfg)
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, r); err != nil {
		return nil, nil, errors.Join(err, r.Close(ctx))
	}
	c, err := r.CompileModule(ctx, binary)
	if err != nil {
		return nil, nil, errors.Join(err, r.Close(ctx))
	}
	return r, c, nil
}

// bare calls a guest of trellis/1 with nothing between.
type bare struct {
	alloc, hook api.Function
	memory      api.Memory
	stack       [2]uint64
}

func instantiate(ctx context.Context, r wazero.Runtime, c wazero.CompiledModule) (api.Module, *bare, error) {
	mod, err := r.InstantiateModule(ctx, c, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil {
		return nil, nil, err
	}
	return mod, &bare{alloc: mod.ExportedFunction("trellis_alloc"), hook: mod.ExportedFunction("patch"), memory: mod.Memory()}, nil
}

func (g *bare) call(ctx context.Context, in, dst []byte) ([]byte, error) {
	g.stack[0] = uint64(len(in))
	if err := g.alloc.CallWithStack(ctx, g.stack[:1]); err != nil {
		return dst, err
	}
	ptr := g.stack[0]
	if !g.memory.Write(uint32(ptr), in) {
		return dst, fmt.Errorf("trellis_alloc returned %d", ptr)
	}
	g.stack[0], g.stack[1] = ptr, uint64(len(in))
	if err := g.hook.CallWithStack(ctx, g.stack[:]); err != nil {
		return dst, err
	}
	answer, ok := g.memory.Read(uint32(g.stack[0]>>32), uint32(g.stack[0]))
	if !ok {
		return dst, fmt.Errorf("the hook returned %#x", g.stack[0])
	}
	return append(dst, answer...), nil
}

func wazeroReused(of source) func(context.Context, *bench) (worker, error) {
	return func(ctx context.Context, b *bench) (worker, error) {
		r, c, err := wazeroModule(ctx, b, of, wazero.NewRuntimeConfig().WithCompilationCache(b.compiled))
		if err != nil {
			return worker{}, err
		}
		_, guest, err := instantiate(ctx, r, c)
		if err != nil {
			return worker{}, errors.Join(err, r.Close(ctx))
		}
		return worker{
			do:    func(dst []byte) ([]byte, error) { return guest.call(ctx, wasm.JobInput, dst) },
			close: func() { _ = r.Close(ctx) },
		}, nil
	}
}

// wazeroFresh makes an instance for each call, and closes it.
func wazeroFresh(of source) func(context.Context, *bench) (worker, error) {
	return func(ctx context.Context, b *bench) (worker, error) {
		r, c, err := wazeroModule(ctx, b, of, wazero.NewRuntimeConfig().WithCompilationCache(b.compiled))
		if err != nil {
			return worker{}, err
		}
		return worker{
			do: func(dst []byte) ([]byte, error) {
				mod, guest, err := instantiate(ctx, r, c)
				if err != nil {
					return dst, err
				}
				dst, err = guest.call(ctx, wasm.JobInput, dst)
				return dst, errors.Join(err, mod.Close(ctx))
			},
			close: func() { _ = r.Close(ctx) },
		}, nil
	}
}

// wazeroTimeout is wazero's own way to end a guest: a timeout for each call.
func wazeroTimeout(of source) func(context.Context, *bench) (worker, error) {
	return func(ctx context.Context, b *bench) (worker, error) {
		r, c, err := wazeroModule(ctx, b, of, wazero.NewRuntimeConfig().WithCloseOnContextDone(true))
		if err != nil {
			return worker{}, err
		}
		_, guest, err := instantiate(ctx, r, c)
		if err != nil {
			return worker{}, errors.Join(err, r.Close(ctx))
		}
		return worker{
			do: func(dst []byte) ([]byte, error) {
				limited, cancel := context.WithTimeout(ctx, patience)
				defer cancel()
				return guest.call(limited, wasm.JobInput, dst)
			},
			close: func() { _ = r.Close(ctx) },
		}, nil
	}
}
