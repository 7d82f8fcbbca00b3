//go:build wasip1

// The job as an Extism plugin, with the PDK for Go:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w' -o job-extism-go.wasm ./job/extism-go
package main

import (
	"github.com/extism/go-pdk"

	"github.com/trellis-learning/trellis/runtime/peerbench/job"
)

// What runs here is part of the image that each call begins with, and is paid for
// once; job/go does the same. Other hosts run it when they load the plugin.
func init() {
	_, _ = job.Decode([]byte(`{"settings":{},"data":{"user":{},"mode":"a"}}`)) // finds out how the types are read
}

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
