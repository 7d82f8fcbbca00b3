package slots

import "sync"

// rooms are what sections are written in before they stand in their place: used again
// and again, because the collector would otherwise have most of its work with them.
type rooms struct{ pool sync.Pool }

// Bounds of a room, in bytes.
const (
	usualRoom = 8 << 10
	mostRoom  = 64 << 10 // larger ones are not kept
)

// take returns an empty room. Who takes it gives it back, or leaves it to the
// collector.
func (r *rooms) take() []byte {
	if b, ok := r.pool.Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, usualRoom)
}

// give takes a room back, in which nobody may read or write any more.
func (r *rooms) give(b []byte) {
	if cap(b) > 0 && cap(b) <= mostRoom {
		r.pool.Put(&b)
	}
}
