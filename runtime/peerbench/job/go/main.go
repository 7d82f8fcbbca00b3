//go:build wasip1

// The job as a guest of trellis/1 in Go, with no library of ours:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w' -o job-go.wasm ./job/go
package main

import (
	"unsafe"

	"github.com/trellis-learning/trellis/runtime/peerbench/job"
)

// The input, and the last answer, which stays until the next call.
var input, output []byte

//go:wasmexport trellis_alloc
func alloc(n uint32) uint32 {
	if int(n) > len(input) || input == nil {
		_, _ = job.Decode([]byte(`{"settings":{},"data":{"user":{},"mode":"a"}}`)) // finds out how the types are read, once
		input = make([]byte, max(n, 1024))
	}
	return uint32(uintptr(unsafe.Pointer(&input[0])))
}

//go:wasmexport patch
func patch(_, n uint32) uint64 {
	var err error
	if output, err = job.Decode(input[:n]); err != nil {
		panic(err)
	}
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(output))))<<32 | uint64(len(output))
}

func main() {}
