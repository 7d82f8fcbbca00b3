package store

import "github.com/trellis-learning/trellis"

// ring has the latest events of the log in memory, with consecutive positions.
// Slices of it may be read while it grows: what was added is never written again.
type ring struct {
	events []trellis.Event
	last   uint64 // position of the last of them
	size   int    // how many are kept at least, unless they are too heavy
	weight int    // bytes of all of them, roughly
}

// maxRingWeight bounds the memory of a ring.
const maxRingWeight = 8 << 20

func weight(e trellis.Event) int {
	return 320 + len(e.Data) + len(e.ID) + len(e.Source) + len(e.Type) + len(e.Subject) + len(e.Tenant) + len(e.Actor) + len(e.Person) +
		len(e.Course) + len(e.Key) + len(e.Trace) + len(e.Cause)
}

// add appends events with consecutive positions. If they do not follow the last
// one, another handle has committed in between, and what there was is forgotten.
func (r *ring) add(events []trellis.Event) {
	if events[0].Position != r.last+1 {
		r.clear()
	}
	r.events = append(r.events, events...)
	r.last = events[len(events)-1].Position
	for _, e := range events {
		r.weight += weight(e)
	}
	if len(r.events) <= 2*r.size && r.weight <= maxRingWeight {
		return
	}
	// Let go of many at once, not of one at a time.
	keep, heavy := 0, 0
	for ; keep < min(r.size, len(r.events)); keep++ {
		w := weight(r.events[len(r.events)-1-keep])
		if heavy+w > maxRingWeight/2 {
			break
		}
		heavy += w
	}
	r.events = append(make([]trellis.Event, 0, 2*keep), r.events[len(r.events)-keep:]...)
	r.weight = heavy
}

func (r *ring) clear() { r.events, r.weight = nil, 0 }

// after returns the events after a position, at most limit, and whether they are
// here.
func (r *ring) after(position uint64, limit int) ([]trellis.Event, bool) {
	n := uint64(len(r.events))
	if n == 0 || position < r.last-n || position >= r.last {
		return nil, false
	}
	from := int(position - (r.last - n))
	part := r.events[from:min(len(r.events), from+limit)]
	return part[:len(part):len(part)], true
}
