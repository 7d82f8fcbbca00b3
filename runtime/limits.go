package runtime

import (
	"fmt"
	"time"

	"github.com/trellis-learning/trellis"
)

// Isolation says what a guest's state survives.
type Isolation int

// The kinds of isolation.
const (
	Pristine Isolation = iota // no call sees what another left behind
	Pinned                    // one instance for each Call.Key, which keeps its state
)

// String returns the name that manifests use.
func (i Isolation) String() string {
	switch i {
	case Pristine:
		return "pristine"
	case Pinned:
		return "pinned"
	}
	return fmt.Sprintf("isolation %d", int(i))
}

// Limits bounds what one call of a module may use. A zero field takes the default
// named beside it.
type Limits struct {
	Memory    int           // bytes of linear memory, in whole pages of 64 KiB: 16 MiB
	Output    int           // bytes of the answer: 1 MiB
	HostCalls int           // host operations: 100; a few further ones are answered with Exhausted, then the guest is ended
	Log       int           // bytes of log: 16 KiB, and at most 500 lines; the rest is dropped, which the log says once
	Fuel      uint64        // units of work: worth 100 ms here. With more than is worth 1 ms, the guest yields: see the package comment
	Time      time.Duration // wall time, looked at when the guest asks for a host operation or yields: 250 ms
	Instances int           // calls at a time, and instances that are kept: 8
	Isolation Isolation     // Pristine
}

const (
	pageSize   = 64 << 10
	maxMemory  = 1 << 30
	maxNesting = 3

	usualStretch = 100 * time.Millisecond
	// No guest that does not yield runs longer than this without a look at the
	// clock, because the garbage collector of the whole process waits for it. (One
	// that misses the processor's caches may take some times what its fuel is worth.)
	longestStretch = time.Millisecond
	// startWork is what fuel a guest may use to start is worth.
	startWork = 250 * time.Millisecond
)

// withDefaults fills in what is zero and refuses what makes no sense. The fuel
// depends on the machine: fuelled fills it in.
func (l Limits) withDefaults() (Limits, error) {
	for _, n := range []struct {
		name  string
		value *int
		usual int
		most  int
	}{
		{"memory", &l.Memory, 16 << 20, maxMemory},
		{"output", &l.Output, 1 << 20, maxMemory},
		{"host calls", &l.HostCalls, 100, 1 << 20},
		{"log", &l.Log, 16 << 10, 16 << 20},
		{"instances", &l.Instances, 8, 1024},
	} {
		switch {
		case *n.value < 0 || *n.value > n.most:
			return l, trellis.Errorf(trellis.Invalid, "limit of %s %d is not within 1 to %d", n.name, *n.value, n.most)
		case *n.value == 0:
			*n.value = n.usual
		}
	}
	if l.Memory < pageSize {
		return l, trellis.Errorf(trellis.Invalid, "limit of memory %d is less than a page of %d bytes", l.Memory, pageSize)
	}
	l.Memory = l.Memory / pageSize * pageSize
	if l.Time < 0 {
		return l, trellis.Errorf(trellis.Invalid, "limit of time %v is negative", l.Time)
	}
	if l.Time == 0 {
		l.Time = 250 * time.Millisecond
	}
	if l.Isolation != Pristine && l.Isolation != Pinned {
		return l, trellis.Errorf(trellis.Invalid, "no such isolation: %d", int(l.Isolation))
	}
	return l, nil
}
