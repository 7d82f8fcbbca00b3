//go:build race

package runtime_test

// raced says that the race detector is on, which itself uses more memory than a
// child that compiles may have.
const raced = true
