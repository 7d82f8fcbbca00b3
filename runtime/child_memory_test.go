package runtime_test

import (
	"testing"

	"github.com/trellis-learning/trellis/runtime"
)

// The memory of the child that compiles is as the module is large, up to what its
// command says.
func TestChildMemory(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		name       string
		size       int
		most, want uint64
	}{
		{"a small module", 1000, 768 * mib, 384 * mib},
		{"PHP", 13 * mib, 768 * mib, 528 * mib},
		{"Ruby", 24 * mib, 768 * mib, 704 * mib},
		{"more than there may be", 60 * mib, 768 * mib, 768 * mib},
		{"an operator allows less", 13 * mib, 100 * mib, 100 * mib},
		{"an operator allows more", 60 * mib, 2048 * mib, 1280 * mib},
		{"no limit", 60 * mib, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := runtime.MemoryFor(tt.size, tt.most); got != tt.want {
				t.Errorf("%d MiB, want %d MiB", got/mib, tt.want/mib)
			}
		})
	}
}
