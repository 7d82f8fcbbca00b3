//go:build wasip1

// The job as an Extism plugin, with the PDK for Go:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w' -o job-extism-go.wasm ./job/extism-go
package main

import (
	"github.com/extism/go-pdk"

	"github.com/trellis-learning/trellis/runtime/peerbench/job"
)

//go:wasmexport patch
func patch() int32 {
	out, err := job.Decode(pdk.Input())
	if err != nil {
		pdk.SetError(err)
		return 1
	}
	pdk.Output(out)
	return 0
}

func main() {}
