// An Extism plugin without a library: it asks the kernel for its input by words,
// reads a setting as Extism's configuration, and notes how often it was asked.
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o main.wasm .
package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
)

//go:wasmimport extism:host/env input_length
func inputLength() uint64

//go:wasmimport extism:host/env input_load_u8
func inputLoad(at uint64) uint32

//go:wasmimport extism:host/env alloc
func alloc(n uint64) uint64

//go:wasmimport extism:host/env length
func length(at uint64) uint64

//go:wasmimport extism:host/env load_u8
func load(at uint64) uint32

//go:wasmimport extism:host/env store_u8
func store(at uint64, v uint32)

//go:wasmimport extism:host/env store_u64
func storeWord(at, v uint64)

//go:wasmimport extism:host/env output_set
func outputSet(at, n uint64)

//go:wasmimport extism:host/env error_set
func errorSet(at uint64)

//go:wasmimport extism:host/env config_get
func configGet(name uint64) uint64

//go:wasmimport extism:host/env log_info
func logInfo(at uint64)

//go:wasmimport extism:host/user trellis_call
func trellisCall(name, in uint64) uint64

//go:wasmimport extism:host/user trellis_error
func trellisError() int32

func main() {}

func put(text string) uint64 {
	at, rest := alloc(uint64(len(text))), []byte(text)
	for i := uint64(0); len(rest) > 0; i++ {
		if len(rest) >= 8 {
			storeWord(at+i, binary.LittleEndian.Uint64(rest))
			i, rest = i+7, rest[8:]
			continue
		}
		store(at+i, uint32(rest[0]))
		rest = rest[1:]
	}
	return at
}

func get(at uint64) string {
	b := make([]byte, length(at))
	for i := range b {
		b[i] = byte(load(at + uint64(i)))
	}
	return string(b)
}

//go:wasmexport check
func check() int32 {
	in := make([]byte, inputLength())
	for i := range in {
		in[i] = byte(inputLoad(uint64(i)))
	}
	var question struct{ Data struct{ Mode string } }
	if err := json.Unmarshal(in, &question); err != nil {
		errorSet(put(err.Error()))
		return 1
	}
	logInfo(put("asked about " + question.Data.Mode))
	answer := `{}`
	if question.Data.Mode == get(configGet(put("refused"))) {
		answer = fmt.Sprintf(`{"refuse":{"code":"mode","message":"The mode %s is refused."}}`, question.Data.Mode)
	}
	if settings := trellisCall(put("config.get"), put(`{}`)); trellisError() != 0 || get(settings) == "" {
		errorSet(put("config.get: " + get(settings)))
		return 1
	}
	at := put(answer)
	outputSet(at, uint64(len(answer)))
	return 0
}
