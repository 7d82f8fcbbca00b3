//go:build !linux

package runtime

import (
	"errors"
)

// canMap says that memory images can be mapped copy-on-write. Here they are
// copied, which is slower for large guests.
const canMap = false

// mapping stands for the mapped memory of Linux; none is ever made here.
type mapping struct{}

// scanner finds written pages on Linux.
type scanner struct{}

func newScanner() *scanner   { return nil }
func (*scanner) works() bool { return false }
func (*scanner) close()      {}

func newMapping(uint64) *mapping                             { return nil }
func (*mapping) Reallocate(uint64) []byte                    { return nil }
func (*mapping) Free()                                       {}
func (*mapping) view(*image) bool                            { return false }
func (*mapping) mend(*image, *scanner, int) (int, int, bool) { return 0, 0, false }
func (*mapping) populate(int)                                {}
func (*mapping) forget(int) bool                             { return false }
func (*mapping) zero(int, int) bool                          { return false }
func (*image) put([]piece) error                             { return errors.ErrUnsupported }
func (*image) close()                                        {}
