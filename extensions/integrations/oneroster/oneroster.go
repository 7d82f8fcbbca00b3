// Package oneroster reads and writes OneRoster zips: the bulk and delta CSV files
// of OneRoster 1.1 and 1.2 (1EdTech, "CSV Tables" 1.1.1 and "CSV Binding" 1.2.1)
// in which schools hand over their people, courses, enrolments and grades.
//
// [Open] checks the archive and its manifest, [Archive.Plan] says which files are
// to be read in which order, [Archive.Rows] streams the rows of one, and a [Row]
// becomes what its file is about: a [User], a [Class], an [Enrollment]. Memory does
// not grow with the number of rows. [Writer] goes the other way.
//
// Real files are nearly conformant. By default what can be understood is
// understood, and a [Warning] says what was wrong with it; what cannot is a [Fault]
// of that row, and the others are read. With Config.Strict every departure from
// the specification is a fault.
//
// What a file means for Trellis is decided in plan.go, by functions without
// effects; the job that applies it counts every row in a [Report].
package oneroster

import (
	"fmt"

	"github.com/trellis-learning/trellis"
)

// The versions of OneRoster that are read.
const (
	V11 = "1.1"
	V12 = "1.2"
)

// Mode says what a file of an archive holds.
type Mode string

// The modes of a file (manifest.csv).
const (
	Bulk   Mode = "bulk"   // everything there is
	Delta  Mode = "delta"  // what changed
	Absent Mode = "absent" // the file is not there
)

// Config says how an archive is read. The zero value reads leniently.
type Config struct {
	// Strict makes a fault of everything that departs from the specification.
	Strict bool
	// Passwords keeps the column password of users.csv. Otherwise it is not
	// even looked at, and [User.Password] is empty.
	Passwords bool
	// MaxSize bounds the unpacked size of the whole archive in bytes. The
	// default is 1 GiB; more than 4 GiB is cut to that.
	MaxSize int64
	// MaxEntries bounds the entries of the archive. The default is 1000.
	MaxEntries int
	// MaxRows bounds the data rows of the whole archive, because an import remembers
	// each that it keeps: ten million, the default, need 300 MB. The largest
	// districts have half as many.
	MaxRows int
	// MaxRatio bounds how many times larger than packed an entry may be, if it
	// unpacks to more than 1 MiB. The default is 200.
	MaxRatio int
}

const (
	defaultMaxSize    = 1 << 30
	largestMaxSize    = 4 << 30
	defaultMaxEntries = 1000
	defaultMaxRatio   = 200
	defaultMaxRows    = 10_000_000
)

func (c Config) withDefaults() Config {
	if c.MaxSize <= 0 {
		c.MaxSize = defaultMaxSize
	}
	c.MaxSize = min(c.MaxSize, largestMaxSize)
	if c.MaxEntries <= 0 {
		c.MaxEntries = defaultMaxEntries
	}
	if c.MaxRows <= 0 {
		c.MaxRows = defaultMaxRows
	}
	if c.MaxRatio <= 0 {
		c.MaxRatio = defaultMaxRatio
	}
	return c
}

// Fault is what makes a row unusable. It is an error of kind [trellis.Invalid].
// Its message never repeats a password, an address or a telephone number.
type Fault struct {
	File    string `json:"file"`             // "users.csv"
	Row     int    `json:"row"`              // as [Row.Number]
	Column  string `json:"column,omitempty"` // as the specification writes it; empty for the row as a whole
	Message string `json:"message"`
}

// Error says where the fault is and what it is.
func (f *Fault) Error() string {
	if f.Column == "" {
		return fmt.Sprintf("%s row %d: %s", f.File, f.Row, f.Message)
	}
	return fmt.Sprintf("%s row %d, %s: %s", f.File, f.Row, f.Column, f.Message)
}

// Unwrap gives the fault its kind.
func (f *Fault) Unwrap() error { return trellis.Errorf(trellis.Invalid, "%s", f.Message) }

// Warning is something that was wrong and yet understood, or the reason why rows
// were skipped. Alike ones of one file and column are counted, not repeated.
type Warning struct {
	File    string `json:"file"`
	Row     int    `json:"row"` // the first one; 0 for the file as a whole
	Column  string `json:"column,omitempty"`
	Message string `json:"message"`
	Count   int    `json:"count"` // how often
}

// Password is a text that is never printed, encoded or logged.
type Password string

// String hides the text.
func (Password) String() string { return "[secret]" }

// GoString hides the text.
func (Password) GoString() string { return "[secret]" }

// MarshalText hides the text.
func (Password) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }
