package extensions

import (
	"fmt"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
)

// When a breaker opens, for how long, and when it gives up.
const (
	failuresToOpen    = 5
	firstOpen         = time.Second
	longestOpen       = 5 * time.Minute
	openingsToTakeOff = 5
)

// breakers stop calling what fails again and again: one for each installation, on
// this node. A breaker never opens a door: a filter whose extension is not called
// still says that it could not decide.
type breakers struct {
	mu  sync.Mutex
	all map[string]*breaker
}

type breaker struct {
	failures int // in a row
	openings int // in a row
	until    time.Time
	probing  bool
	reason   string
}

// admit lets a call through, or says why not. When a breaker was open long
// enough one call goes through to see.
func (b *breakers) admit(key, extension string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.all[key]
	if x == nil || x.failures < failuresToOpen {
		return nil
	}
	if wait := time.Until(x.until); wait > 0 || x.probing {
		return trellis.Errorf(trellis.Unavailable, "the extension %s failed %d times in a row and is left alone for a while; the last time: %s", extension, x.failures, x.reason)
	}
	x.probing = true
	return nil
}

func (b *breakers) succeeded(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.all, key)
}

// cancelled says that a call came to no verdict.
func (b *breakers) cancelled(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if x := b.all[key]; x != nil {
		x.probing = false
	}
}

// failed counts a failure. It reports whether the extension is to be suspended,
// and why.
func (b *breakers) failed(key string, err error) (reason string, suspend bool) {
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
	x.failures++
	x.probing = false
	x.reason = err.Error()
	if x.failures < failuresToOpen {
		return "", false
	}
	x.openings++
	x.until = time.Now().Add(min(firstOpen<<min(x.openings-1, 16), longestOpen))
	if x.openings < openingsToTakeOff {
		return "", false
	}
	delete(b.all, key) // begun anew when somebody enables it again
	return fmt.Sprintf("it failed %d times in a row; the last time: %s", x.failures, x.reason), true
}
