package learning

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"
)

// How many logins may fail within failureWindow before further ones are put off:
// for one name from one network, for one name from anywhere, which anybody could
// else use up to keep somebody out, and from one address, which a whole school may
// share.
const (
	failuresOfName     = 10
	failuresEverywhere = 100
	failuresOfAddress  = 100
	failureWindow      = 15 * time.Minute
)

// throttle counts attempts that failed, by subject, on this node. An attempt
// counts as failed until it is known to have succeeded: a thousand at once get no
// farther than a thousand in a row. It is safe for concurrent use.
type throttle struct {
	mu     sync.Mutex
	counts map[[sha256.Size]byte]*attempts // by hash: a name can be long, and is personal
}

type attempts struct {
	failed, pending int
	since           time.Time // of the first that failed
}

// maxThrottled bounds the memory of a throttle. Beyond it the subject whose
// failures began first is forgotten.
const maxThrottled = 100_000

type subject struct {
	name string
	most int
}

// begin says how long to wait before the next attempt of the subjects; 0 lets it
// begin. Then settle must be called with how it ended.
func (t *throttle) begin(subjects ...subject) (wait time.Duration, settle func(attemptEnd)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]*attempts, len(subjects))
	keys := make([][sha256.Size]byte, len(subjects))
	for i, s := range subjects {
		keys[i] = sha256.Sum256([]byte(s.name))
		a, ok := t.counts[keys[i]]
		if !ok {
			continue
		}
		if a.failed > 0 && time.Since(a.since) > failureWindow {
			a.failed = 0
		}
		all[i] = a
		switch {
		case a.failed >= s.most:
			wait = max(wait, time.Until(a.since.Add(failureWindow)), time.Millisecond)
		case a.failed+a.pending >= s.most:
			wait = max(wait, time.Second) // the others' attempts will soon have ended
		}
	}
	if wait > 0 {
		return wait, nil
	}
	for i, a := range all {
		if a == nil {
			a = t.add(keys[i])
			all[i] = a
		}
		a.pending++
	}
	return 0, func(end attemptEnd) { t.settle(keys, all, end) }
}

// attemptEnd is how an attempt ended.
type attemptEnd int

const (
	undecided attemptEnd = iota // it says nothing of the password
	succeeded
	failed
)

func (t *throttle) settle(keys [][sha256.Size]byte, all []*attempts, end attemptEnd) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, a := range all {
		a.pending--
		switch {
		case end == failed:
			if a.failed == 0 {
				a.since = time.Now()
			}
			a.failed++
		case end == succeeded && i == 0:
			a.failed = 0 // of the first subject, the name; whoever owns one account could else guess at others for ever
		}
		if a.failed == 0 && a.pending == 0 {
			delete(t.counts, keys[i])
		}
	}
}

func (t *throttle) add(key [sha256.Size]byte) *attempts {
	if t.counts == nil {
		t.counts = map[[sha256.Size]byte]*attempts{}
	}
	if len(t.counts) >= maxThrottled {
		t.evict()
	}
	a := &attempts{}
	t.counts[key] = a
	return a
}

// evict drops what has run out, or else the subject whose failures began first.
func (t *throttle) evict() {
	var oldest [sha256.Size]byte
	var since time.Time
	for key, a := range t.counts {
		switch {
		case a.pending > 0:
		case time.Since(a.since) > failureWindow:
			delete(t.counts, key)
		case since.IsZero() || a.since.Before(since):
			oldest, since = key, a.since
		}
	}
	if len(t.counts) >= maxThrottled {
		delete(t.counts, oldest)
	}
}

// network is what of an address one party is likely to own: all of an IPv4
// address, the first half of an IPv6 one.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	p, err := ip.Prefix(64)
	if err != nil {
		return address
	}
	return p.String()
}
