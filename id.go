package trellis

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// ids hands out UUIDs of version 7 that grow even within a millisecond.
var ids struct {
	sync.Mutex
	ms      uint64
	counter uint32 // 26 bits: rand_a and the top of rand_b (RFC 9562, section 6.2, method 1)
}

// NewID returns a new identifier: a UUID of version 7 (RFC 9562, section 5.7).
// Of two identifiers made by one process, the later sorts after the earlier.
// It is safe for concurrent use.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand, Go 1.24)

	ids.Lock()
	if ms := uint64(time.Now().UnixMilli()); ms > ids.ms {
		ids.ms = ms
		ids.counter = binary.BigEndian.Uint32(b[8:]) & (1<<25 - 1) // half the range is left to grow
	} else if ids.counter++; ids.counter >= 1<<26 {
		ids.ms++ // a clock that stands still or goes back: borrow from the future
		ids.counter = 0
	}
	ms, n := ids.ms, ids.counter
	ids.Unlock()

	putMillis(&b, ms)
	b[6] = 0x70 | byte(n>>22)
	b[7] = byte(n >> 14)
	b[8] = 0x80 | byte(n>>8)&0x3f
	b[9] = byte(n)
	return format(b)
}

// DerivedID returns the identifier that parts determine: the same parts always
// give the same one. It has the time of the identifier from, so that it sorts
// near it, and is a UUID of version 8 (RFC 9562, section 5.8).
func DerivedID(from string, parts ...string) string {
	h := sha256.New()
	for _, p := range append([]string{from}, parts...) {
		_, _ = h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
		_, _ = h.Write([]byte(p))
	}
	var b [16]byte
	copy(b[:], h.Sum(nil))
	if ms, ok := millis(from); ok {
		putMillis(&b, ms)
	}
	b[6] = 0x80 | b[6]&0x0f
	b[8] = 0x80 | b[8]&0x3f
	return format(b)
}

// TimeOf returns when id was made, for an id of [NewID]; otherwise the zero Time.
func TimeOf(id string) time.Time {
	ms, ok := millis(id)
	if !ok {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms))
}

type seed struct {
	from  string
	parts []string
	n     atomic.Int64
}

// WithIDs returns a context under which [IDFrom] derives identifiers from from
// and parts, in the order of asking, instead of making new ones. A delivery
// that is repeated therefore asks for the same identifiers, and what they name
// is made once.
func WithIDs(ctx context.Context, from string, parts ...string) context.Context {
	return context.WithValue(ctx, seedKey, &seed{from: from, parts: parts})
}

// IDFrom returns the next derived identifier of ctx ([WithIDs]), or a new one.
func IDFrom(ctx context.Context) string {
	s, ok := ctx.Value(seedKey).(*seed)
	if !ok || s == nil {
		return NewID()
	}
	return DerivedID(s.from, append(s.parts[:len(s.parts):len(s.parts)], strconv.FormatInt(s.n.Add(1), 10))...)
}

// NewTraceID returns a new W3C trace ID: 32 hexadecimal digits.
func NewTraceID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func putMillis(b *[16]byte, ms uint64) {
	binary.BigEndian.PutUint16(b[:2], uint16(ms>>32))
	binary.BigEndian.PutUint32(b[2:6], uint32(ms))
}

// ValidID reports whether id has the form of [NewID] and [DerivedID]: a UUID in
// lower case, of version 7 or 8.
func ValidID(id string) bool {
	_, ok := millis(id)
	return ok
}

// millis returns the time that an identifier begins with, in milliseconds.
func millis(id string) (uint64, bool) {
	if len(id) != 36 {
		return 0, false
	}
	var ms uint64
	for i := range len(id) {
		c := id[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return 0, false
			}
			continue
		}
		var digit byte
		switch {
		case '0' <= c && c <= '9':
			digit = c - '0'
		case 'a' <= c && c <= 'f':
			digit = c - 'a' + 10
		default:
			return 0, false
		}
		if i < 13 {
			ms = ms<<4 | uint64(digit)
		}
	}
	version, variant := id[14], id[19]
	return ms, (version == '7' || version == '8') && (variant == '8' || variant == '9' || variant == 'a' || variant == 'b')
}

func format(b [16]byte) string {
	var s [36]byte
	hex.Encode(s[:8], b[:4])
	hex.Encode(s[9:13], b[4:6])
	hex.Encode(s[14:18], b[6:8])
	hex.Encode(s[19:23], b[8:10])
	hex.Encode(s[24:], b[10:])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}
