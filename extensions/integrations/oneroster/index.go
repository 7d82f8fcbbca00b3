package oneroster

import (
	"cmp"
	"crypto/sha256"
	"maps"
	"slices"
)

// Index remembers which rows an import has seen, by file and sourcedId, to find
// those that are there twice and to know what became of a person or class. It
// keeps some 50 bytes for a row, not its text. After a crash it is made again by
// reading the rows that were done.
//
// An Index is not safe for concurrent use.
type Index struct {
	rows map[[16]byte]indexed
}

type indexed struct {
	row      uint32
	standing Standing
}

// NewIndex returns an empty index.
func NewIndex() *Index { return &Index{rows: map[[16]byte]indexed{}} }

// Add notes that a row of a file has this sourcedId. If an earlier one had it,
// Add returns that row's number and false, and changes nothing.
func (x *Index) Add(file, sourcedID string, row int) (earlier int, first bool) {
	key := indexKey(file, sourcedID)
	if present, ok := x.rows[key]; ok {
		return int(present.row), false
	}
	x.rows[key] = indexed{row: uint32(row), standing: Unknown}
	return row, true
}

// Set notes what became of what a row is about.
func (x *Index) Set(file, sourcedID string, s Standing) {
	key := indexKey(file, sourcedID)
	present := x.rows[key]
	present.standing = s
	x.rows[key] = present
}

// Standing returns what [Index.Set] noted, or Unknown. What the archive does not
// name may still be in the tenant; that is for the caller to look up.
func (x *Index) Standing(file, sourcedID string) Standing {
	return x.rows[indexKey(file, sourcedID)].standing
}

// Len returns how many rows the index remembers.
func (x *Index) Len() int { return len(x.rows) }

// indexKey is 128 bits of a digest that nobody can make collide on purpose.
func indexKey(file, sourcedID string) (key [16]byte) {
	b := make([]byte, 0, 128)
	b = append(b, file...)
	b = append(b, 0)
	b = append(b, sourcedID...)
	sum := sha256.Sum256(b)
	copy(key[:], sum[:])
	return key
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
