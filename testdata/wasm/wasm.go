// Package wasm holds the built modules of the examples in C. They are small, and
// committed, so that nobody needs a C compiler to run the demo or the tests.
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
