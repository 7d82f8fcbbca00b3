package instrument

import (
	"fmt"
	"strings"
)

// kibibytes are those of a page of memory.
const kibibytes = 64

// The limits by the names that a [LimitError] gives them.
const (
	LimitModule      = "module"
	LimitLocals      = "locals"
	LimitBody        = "body"
	LimitNesting     = "nesting"
	LimitBranchTable = "branch table"
	LimitFunctions   = "functions"
	LimitTable       = "table"
	LimitSegments    = "segments"
	LimitMemory      = "memory"
)

// LimitError says that a module exceeds one of its [Limits], so that whoever sets
// these can say how to raise it. [Rewrite] returns it wrapped in where it found
// that.
type LimitError struct {
	Limit   string `json:"limit"`   // one of LimitModule and so on
	Found   int    `json:"found"`   // what the module has, at the first place that exceeds the limit; of LimitMemory KiB
	Allowed int    `json:"allowed"` // the limit
	Format  string `json:"format"`  // of the message, with a verb for each of the two numbers
}

// Error returns what is too large, and the limit.
func (e *LimitError) Error() string {
	if !strings.Contains(e.Format, "%") {
		return e.Format // by how much is not known
	}
	return fmt.Sprintf(e.Format, e.Found, e.Allowed)
}

// maxNesting is how deep blocks are followed to say how deep they are, where that
// is deeper than they may be.
const maxNesting = 65_536

// tooDeep notes that blocks are nested n deep. The function is read to its end
// all the same, to find out how deep it gets.
func (f *function) tooDeep(n, at int) {
	if f.deepest == 0 {
		f.deepAt = at
	}
	f.deepest = max(f.deepest, n)
	if n > maxNesting {
		f.r.exceeds(f.deepAt, LimitNesting, n, f.m.limits.Nesting, "blocks are nested %d deep or more, deeper than the limit of %d")
	}
}
