package oneroster

import (
	"cmp"
	"hash/maphash"
	"maps"
	"slices"
)

// Index remembers which rows an import has seen, by file and sourcedId, to find
// those that are there twice and to know what became of a person or class. It
// keeps some 27 bytes for a row, not its text. After a crash it is made again by
// reading the rows that were done.
//
// A sourcedId is known by a hash of 64 bits that differs from index to index, so
// nobody can make two collide. By chance two of a million do once in forty
// million imports; the later row is then taken for a repeat.
//
// An Index is not safe for concurrent use.
type Index struct {
	seed maphash.Seed
	rows map[uint64]uint32 // row and standing
}

const (
	standingBits = 3
	mostRow      = 1<<(32-standingBits) - 1
)

// NewIndex returns an empty index.
func NewIndex() *Index { return &Index{seed: maphash.MakeSeed(), rows: map[uint64]uint32{}} }

// Add notes that a row of a file has this sourcedId. If an earlier one had it,
// Add returns that row's number and false, and changes nothing.
func (x *Index) Add(file, sourcedID string, row int) (earlier int, first bool) {
	key := x.key(file, sourcedID)
	present := x.rows[key]
	if earlier := int(present >> standingBits); earlier > 0 {
		return earlier, false
	}
	x.rows[key] = uint32(min(row, mostRow))<<standingBits | present // Set may have come first
	return row, true
}

// Set notes what became of what a row is about.
func (x *Index) Set(file, sourcedID string, s Standing) {
	key := x.key(file, sourcedID)
	x.rows[key] = x.rows[key]>>standingBits<<standingBits | uint32(s)
}

// Standing returns what [Index.Set] noted, or Unknown. What the archive does not
// name may still be in the tenant; that is for the caller to look up.
func (x *Index) Standing(file, sourcedID string) Standing {
	return Standing(x.rows[x.key(file, sourcedID)] & (1<<standingBits - 1))
}

// Len returns how many rows the index remembers.
func (x *Index) Len() int { return len(x.rows) }

func (x *Index) key(file, sourcedID string) uint64 {
	var h maphash.Hash
	h.SetSeed(x.seed)
	_, _ = h.WriteString(file)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(sourcedID)
	return h.Sum64()
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
