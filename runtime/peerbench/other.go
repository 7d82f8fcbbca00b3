package main

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"

	"github.com/dop251/goja"
	starjson "go.starlark.net/lib/json"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/trellis-learning/trellis/runtime/peerbench/rpc"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// otherPeers is what else programs in Go are extended with.
func otherPeers() group {
	const floor = "trellis/c/pristine"
	return group{"Other ways to extend a program in Go", []peer{
		{"knqyf263", "knqyf263/go-plugin, Go guest, reused", "trellis/go/pristine", knqyf263},
		{"goja", "goja, JavaScript, reused", floor, javaScript},
		{"starlark", "Starlark, reused", floor, starlarkScript},
		{"hashicorp", "hashicorp/go-plugin, gRPC, another process", floor, hashicorp},
		{"webhook", "webhook, HTTP, another process", floor, webhook},
	}}
}

// knqyf263 is plugins in WebAssembly with messages in protocol buffers.
func knqyf263(ctx context.Context, b *bench) (worker, error) {
	path, err := b.file("rpc-go", (*bench).moduleRPCGo)
	if err != nil {
		return worker{}, err
	}
	p, err := rpc.NewJobPlugin(ctx)
	if err != nil {
		return worker{}, err
	}
	plugin, err := p.Load(ctx, path)
	if err != nil {
		return worker{}, err
	}
	return worker{
		do: func(dst []byte) ([]byte, error) {
			out, err := plugin.Patch(ctx, &rpc.Text{Json: wasm.JobInput})
			if err != nil {
				return dst, err
			}
			return append(dst, out.Json...), nil
		},
		close: func() { _ = plugin.Close(ctx) },
	}, nil
}

//go:embed job/script.js
var scriptJS string

// javaScript is a script in an interpreter written in Go.
func javaScript(context.Context, *bench) (worker, error) {
	vm := goja.New()
	if _, err := vm.RunString(scriptJS); err != nil {
		return worker{}, err
	}
	patch, ok := goja.AssertFunction(vm.Get("patch"))
	if !ok {
		return worker{}, errors.New("the script has no function patch")
	}
	return worker{do: func(dst []byte) ([]byte, error) {
		v, err := patch(goja.Undefined(), vm.ToValue(string(wasm.JobInput)))
		if err != nil {
			return dst, err
		}
		return append(dst, v.String()...), nil
	}}, nil
}

//go:embed job/script.star
var scriptStar string

// starlarkScript is the same in another language of its own.
func starlarkScript(context.Context, *bench) (worker, error) {
	thread := &starlark.Thread{Name: "bench"}
	globals, err := starlark.ExecFileOptions(&syntax.FileOptions{}, thread, "script.star", scriptStar, starlark.StringDict{"json": starjson.Module})
	if err != nil {
		return worker{}, err
	}
	return worker{sorts: true, do: func(dst []byte) ([]byte, error) {
		v, err := starlark.Call(thread, globals["patch"], starlark.Tuple{starlark.String(wasm.JobInput)}, nil)
		if err != nil {
			return dst, err
		}
		text, ok := starlark.AsString(v)
		if !ok {
			return dst, fmt.Errorf("it answered a %s", v.Type())
		}
		return append(dst, text...), nil
	}}, nil
}
