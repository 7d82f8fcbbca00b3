package extensions

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// When a breaker opens, for how long, and when it gives up.
const (
	failuresToOpen    = 5
	firstOpen         = time.Second
	longestOpen       = 5 * time.Minute
	openingsToTakeOff = 5
)

// breakers stop calling what fails again and again: one for each hook of an
// installation, on this node. Each hook has its own, because otherwise one that
// works would again and again excuse one that never does; in the end the whole
// installation is suspended. A breaker never opens a door: a filter whose
// extension is not called still says that it could not decide.
type breakers struct {
	mu  sync.Mutex
	all map[string]*breaker
}

type breaker struct {
	failures int       // in a row
	openings int       // in a row
	faults   int       // openings in a row that the extension alone is to blame for
	since    time.Time // when it opened, the first time in a row
	until    time.Time
	probing  bool
	reason   string
}

func (x *breaker) open() bool { return x.failures >= failuresToOpen }

// admit lets a call through, or says why not. When a breaker was open long enough
// one call goes through to see, and is a probe.
func (b *breakers) admit(key, extension string) (probe bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.all[key]
	if x == nil || !x.open() {
		return false, nil
	}
	if time.Until(x.until) > 0 || x.probing {
		return false, notCalled(x.until, trellis.Errorf(trellis.Unavailable, "the extension %s failed %d times in a row and is left alone for a while; the last time: %s", extension, x.failures, x.reason))
	}
	x.probing = true
	return true, nil
}

// succeeded closes a breaker, or counts anew. A call that was under way when the
// breaker opened does not close it: only a probe does.
func (b *breakers) succeeded(key string, probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if x := b.all[key]; x != nil && (probe || !x.open()) {
		delete(b.all, key)
	}
}

// cancelled says that a call came to no verdict.
func (b *breakers) cancelled(key string, probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if x := b.all[key]; x != nil && probe {
		x.probing = false
	}
}

// failed counts a failure. It reports whether the extension is to be suspended,
// and why. Failures of calls that were under way when the breaker opened do not
// open it again: many at once are one opening.
//
// Too little time opens a breaker but suspends nobody. What a guest computes is
// bounded by its fuel, so its time is spent on what it asks of us and of others,
// and a slow disk shall not switch off what works. Nor does what people make fail in
// a page (spares): one of them must not take it away from all.
func (b *breakers) failed(key string, probe, spares bool, err error) (reason string, suspend bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		b.all = map[string]*breaker{}
	}
	x := b.all[key]
	if x == nil {
		x = &breaker{}
		b.all[key] = x
	}
	opened := x.open()
	x.failures++
	x.reason = err.Error()
	if !x.open() || opened && !probe {
		return "", false
	}
	x.probing = false
	if x.openings++; x.openings == 1 {
		x.since = time.Now()
	}
	x.until = time.Now().Add(min(firstOpen<<min(x.openings-1, 16), longestOpen))
	if spares || errors.Is(err, runtime.ErrTime) {
		x.faults = 0
		return "", false
	}
	if x.faults++; x.faults < openingsToTakeOff {
		return "", false
	}
	delete(b.all, key) // begun anew when somebody enables it again
	return fmt.Sprintf("it failed %d times in a row; the last time: %s", x.failures, x.reason), true
}

// state says how a breaker stands: failures in a row, whether it is open, since
// when and until when, and what went wrong the last time.
func (b *breakers) state(key string) breaker {
	b.mu.Lock()
	defer b.mu.Unlock()
	if x := b.all[key]; x != nil {
		return *x
	}
	return breaker{}
}

// tryNow lets the next call through a breaker that is open, as its time had come.
func (b *breakers) tryNow(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if x := b.all[key]; x != nil && x.open() {
		x.until = time.Now()
	}
}

// forget closes the breakers whose names begin with a prefix.
func (b *breakers) forget(prefix string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.all, func(key string, _ *breaker) bool { return strings.HasPrefix(key, prefix) })
}
