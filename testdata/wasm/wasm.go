// Package wasm holds built modules of examples in C, C++, Rust and AssemblyScript.
// They are small, and committed, so that nobody needs a compiler for these to run the
// demo or the tests; .ci/wasm builds them.
package wasm

import _ "embed" // the modules

// EnrollmentPolicy is examples/enrollment-policy-c.
//
//go:embed enrollment-policy.wasm
var EnrollmentPolicy []byte

// Welcome is examples/welcome-c.
//
//go:embed welcome.wasm
var Welcome []byte

// LiveCard is examples/live-card-c.
//
//go:embed live-card.wasm
var LiveCard []byte

// Countdown is examples/countdown-rust.
//
//go:embed countdown.wasm
var Countdown []byte
