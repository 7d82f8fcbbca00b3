package main

import (
	"context"

	"github.com/trellis-learning/trellis/runtime/peerbench/job"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// nativePeers is what the job costs without any border.
func nativePeers() group {
	return group{"Native Go, no sandbox", []peer{
		{"native/scan", "by hand", "wazero/c/reused", func(context.Context, *bench) (worker, error) {
			return worker{do: func(dst []byte) ([]byte, error) { return job.Scan(dst, wasm.JobInput) }}, nil
		}},
		{"native/json", "encoding/json", "wazero/c/reused", func(context.Context, *bench) (worker, error) {
			return worker{do: func(dst []byte) ([]byte, error) {
				out, err := job.Decode(wasm.JobInput)
				return append(dst, out...), err
			}}, nil
		}},
	}}
}
