// A guest in Go, by hand: what hostapi/guest does for extensions. A test builds
// it by
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w' -o go.wasm ./testdata/goguest
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
	"unsafe"
)

var (
	in, out []byte
	calls   int
	started = strings.Repeat("x", 10) // Go initialises it in _initialize
)

//go:wasmimport trellis call
func hostCall(name unsafe.Pointer, nameLen uint32, in unsafe.Pointer, n uint32) uint64

//go:wasmexport trellis_alloc
func alloc(n uint32) unsafe.Pointer {
	if uint32(cap(in)) < n {
		in = make([]byte, n)
	}
	return unsafe.Pointer(unsafe.SliceData(in[:cap(in)]))
}

func answer() uint64 {
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(out))))<<32 | uint64(len(out))
}

// count answers with what Go's runtime, a map and a goroutine make of the input.
//
//go:wasmexport count
func count(ptr unsafe.Pointer, n uint32) uint64 {
	calls++
	var v map[string]any
	if err := json.Unmarshal(unsafe.Slice((*byte)(ptr), n), &v); err != nil {
		panic(err)
	}
	v["calls"], v["started"] = calls, len(started)
	done := make(chan bool)
	go func() { done <- time.Now().Year() > 2000 }()
	v["clock"] = <-done
	fmt.Println("counted", calls)
	out, _ = json.Marshal(v)
	return answer()
}

//go:wasmexport fail
func fail(ptr unsafe.Pointer, n uint32) uint64 { panic("this guest gives up") }

//go:wasmexport leave
func leave(ptr unsafe.Pointer, n uint32) uint64 { os.Exit(7); return 0 }

//go:wasmexport spin
func spin(ptr unsafe.Pointer, n uint32) uint64 {
	for {
		calls++
	}
}

// garbage makes some megabytes of it, so that memory grows.
//
//go:wasmexport garbage
func garbage(ptr unsafe.Pointer, n uint32) uint64 {
	total := 0
	for i := range 200 {
		total += len(strings.Repeat("x", 20_000+i))
	}
	out = fmt.Append(out[:0], total)
	return answer()
}

//go:wasmexport ask
func ask(ptr unsafe.Pointer, n uint32) uint64 {
	r := hostCall(ptr, n, nil, 0)
	out = fmt.Append(out[:0], r>>32)
	return answer()
}

func main() {}
