// Package examples holds one extension in each directory, with the command that
// builds it in its first comment. Those in C come with the program, built, so
// that the demo has something to show.
package examples

import _ "embed" // the manifests

// EnrollmentPolicy is the manifest of enrollment-policy-c.
//
//go:embed enrollment-policy-c/extension.json
var EnrollmentPolicy []byte

// Welcome is the manifest of welcome-c.
//
//go:embed welcome-c/extension.json
var Welcome []byte

// LiveCard is the manifest of live-card-c.
//
//go:embed live-card-c/extension.json
var LiveCard []byte
