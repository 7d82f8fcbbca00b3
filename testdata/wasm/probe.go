package wasm

import _ "embed" // the modules

// ProbeCPP is hostapi/guest/testdata/probe-cpp.
//
//go:embed probe-cpp.wasm
var ProbeCPP []byte

// ProbeRust is hostapi/guest/testdata/probe-rust.
//
//go:embed probe-rust.wasm
var ProbeRust []byte

// ProbeAS is hostapi/guest/testdata/probe-as.
//
//go:embed probe-as.wasm
var ProbeAS []byte
