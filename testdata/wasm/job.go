package wasm

import _ "embed" // the modules

// JobC is the job of every benchmark, runtime/peerbench/job, in C: its hook "patch"
// finds a field of JobInput and answers the whole with another value there.
//
//go:embed job-c.wasm
var JobC []byte

// JobAS is the same in AssemblyScript.
//
//go:embed job-as.wasm
var JobAS []byte

// JobCommand is the same in C, as a WASI command.
//
//go:embed job-wasi-c.wasm
var JobCommand []byte

// JobExtism is the same in C, as an Extism plugin.
//
//go:embed job-extism-c.wasm
var JobExtism []byte

// JobInput is what the job is given: a question about an enrolment.
//
//go:embed job.json
var JobInput []byte

// JobSpin is a guest whose hook "spin" never ends.
//
//go:embed job-spin.wasm
var JobSpin []byte

// JobCrowd is JobC, with a hook "wait" that also asks the host for "wait", and one,
// "spin", that never ends.
//
//go:embed job-crowd.wasm
var JobCrowd []byte
