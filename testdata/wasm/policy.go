package wasm

import _ "embed" // the modules

// PolicyCPP is examples/enrollment-policy-cpp.
//
//go:embed enrollment-policy-cpp.wasm
var PolicyCPP []byte

// PolicyRust is examples/enrollment-policy-rust.
//
//go:embed enrollment-policy-rust.wasm
var PolicyRust []byte

// PolicyAS is examples/enrollment-policy-as.
//
//go:embed enrollment-policy-as.wasm
var PolicyAS []byte

// PolicyCommand is examples/enrollment-policy-command.
//
//go:embed enrollment-policy-command.wasm
var PolicyCommand []byte

// PolicyExtismC is examples/enrollment-policy-extism-c.
//
//go:embed enrollment-policy-extism-c.wasm
var PolicyExtismC []byte

// PolicyExtismAS is examples/enrollment-policy-extism-as.
//
//go:embed enrollment-policy-extism-as.wasm
var PolicyExtismAS []byte
