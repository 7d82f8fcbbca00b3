package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	extism "github.com/extism/go-sdk"

	"github.com/trellis-learning/trellis/testdata/wasm"
)

// extismPeers is what others run the same Extism plugins with.
func extismPeers() group {
	c, goGuest := (*bench).moduleExtism, (*bench).moduleExtismGo
	const floor = "trellis/extism/pristine"
	return group{"Extism", []peer{
		{"extism/go-sdk/c", "go-sdk, plugin in C, reused", floor, goSDK(c, 0)},
		{"extism/go-sdk/c/timeout", "go-sdk, plugin in C, reused, timeout", floor, goSDK(c, patience)},
		{"extism/go-sdk/go", "go-sdk, plugin in Go, reused", "trellis/extism-go/pristine", goSDK(goGuest, 0)},
		{"extism/rust/c", "Rust crate, plugin in C, reused", floor, rust("extism", "c-reused")},
		{"extism/rust/c/timeout", "Rust crate, plugin in C, reused, timeout", floor, rust("extism", "c-reused-timeout")},
		{"extism/rust/c/fuel", "Rust crate, plugin in C, reused, fuel", floor, rust("extism", "c-reused-fuel")},
	}}
}

func goSDK(of source, timeout time.Duration) func(context.Context, *bench) (worker, error) {
	return func(ctx context.Context, b *bench) (worker, error) {
		binary, err := of(b)
		if err != nil {
			return worker{}, err
		}
		manifest := extism.Manifest{Wasm: []extism.Wasm{extism.WasmData{Data: binary}}, Timeout: uint64(timeout.Milliseconds())}
		plugin, err := extism.NewPlugin(ctx, manifest, extism.PluginConfig{EnableWasi: true}, nil)
		if err != nil {
			return worker{}, err
		}
		return worker{
			do: func(dst []byte) ([]byte, error) {
				status, out, err := plugin.Call("patch", wasm.JobInput)
				if err == nil && status != 0 {
					err = fmt.Errorf("status %d", status)
				}
				return append(dst, out...), err
			},
			close: func() { _ = errors.Join(plugin.Close(ctx)) },
		}, nil
	}
}
