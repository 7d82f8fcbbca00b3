package oneroster

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
)

const (
	// MaxListed is how many refused and how many invalid rows a report names.
	// Those beyond are counted in [Report.More].
	MaxListed = 10_000
	// maxWarnings is how many different warnings a report keeps.
	maxWarnings = 1000
)

// Outcome is what became of a row that was neither refused nor invalid.
type Outcome string

// The outcomes.
const (
	Created   Outcome = "created"
	Changed   Outcome = "changed"
	Removed   Outcome = "removed"
	Unchanged Outcome = "unchanged"
	Skipped   Outcome = "skipped" // nothing is kept of it
)

// Refusal is a row that a filter refused.
type Refusal struct {
	File      string `json:"file"`
	Row       int    `json:"row"`
	Extension string `json:"extension"` // ID of the extension that refused
	Filter    string `json:"filter"`    // type of the filter
	Message   string `json:"message"`   // the extension's own
}

// Counts says what became of the rows of one file. Rows is the sum of the others.
type Counts struct {
	Rows      int `json:"rows"`
	Created   int `json:"created"`
	Changed   int `json:"changed"`
	Removed   int `json:"removed"`
	Unchanged int `json:"unchanged"`
	Skipped   int `json:"skipped"`
	Refused   int `json:"refused"`
	Invalid   int `json:"invalid"`
}

func (c Counts) sum() int {
	return c.Created + c.Changed + c.Removed + c.Unchanged + c.Skipped + c.Refused + c.Invalid
}

func (c Counts) plus(o Counts) Counts {
	return Counts{
		c.Rows + o.Rows, c.Created + o.Created, c.Changed + o.Changed, c.Removed + o.Removed,
		c.Unchanged + o.Unchanged, c.Skipped + o.Skipped, c.Refused + o.Refused, c.Invalid + o.Invalid,
	}
}

// More counts the rows that a report has no room to name.
type More struct {
	Refused  int `json:"refused,omitempty"`
	Invalid  int `json:"invalid,omitempty"`
	Warnings int `json:"warnings,omitempty"`
}

// Report says what became of every data row of every file that the manifest
// lists. The zero Report is empty and ready. Its size is bounded, whatever the
// archive holds. It is not safe for concurrent use.
type Report struct {
	Job       string            `json:"job"`
	DryRun    bool              `json:"dry_run,omitempty"` // nothing was changed
	Rows      int               `json:"rows"`
	Created   int               `json:"created"`
	Changed   int               `json:"changed"`
	Removed   int               `json:"removed"`
	Unchanged int               `json:"unchanged"`
	Skipped   int               `json:"skipped"`
	Refused   []Refusal         `json:"refused"`
	Invalid   []Fault           `json:"invalid"`
	Warnings  []Warning         `json:"warnings,omitempty"`
	More      More              `json:"more,omitzero"`
	Files     map[string]Counts `json:"files"` // by name, "users.csv"

	known map[Warning]int // where in Warnings one is, but for Row and Count; may be stale
}

// File makes sure that the report has a line for a file, even if it has no rows.
func (r *Report) File(name string) { r.count(name, func(*Counts) {}) }

// Count adds one row of a file that came out so.
func (r *Report) Count(file string, o Outcome) {
	var whole *int
	r.count(file, func(c *Counts) {
		c.Rows++
		switch o {
		case Created:
			c.Created, whole = c.Created+1, &r.Created
		case Changed:
			c.Changed, whole = c.Changed+1, &r.Changed
		case Removed:
			c.Removed, whole = c.Removed+1, &r.Removed
		case Unchanged:
			c.Unchanged, whole = c.Unchanged+1, &r.Unchanged
		default:
			c.Skipped, whole = c.Skipped+1, &r.Skipped
		}
	})
	r.Rows++
	*whole++
}

// Skip adds one row that was skipped for a reason that people should know.
func (r *Report) Skip(file string, row int, column, reason string) {
	r.Count(file, Skipped)
	r.Warn(Fault{File: file, Row: row, Column: column, Message: "skipped: " + reason})
}

// Refuse adds one row that a filter refused.
func (r *Report) Refuse(file string, row int, by trellis.Refusal) {
	r.count(file, func(c *Counts) { c.Rows++; c.Refused++ })
	r.Rows++
	r.list(Refusal{File: file, Row: row, Extension: by.Extension, Filter: by.Filter, Message: by.Message})
}

// Reject adds one row that cannot be used.
func (r *Report) Reject(f Fault) {
	r.count(f.File, func(c *Counts) { c.Rows++; c.Invalid++ })
	r.Rows++
	r.listFault(f)
}

// Warn adds warnings. They count no row.
func (r *Report) Warn(faults ...Fault) {
	for _, f := range faults {
		r.warn(Warning{f.File, f.Row, f.Column, f.Message, 1})
	}
}

// WarnArchive adds the warnings about the archive as a whole.
func (r *Report) WarnArchive(a *Archive) {
	for _, w := range a.Warnings {
		r.warn(w)
	}
}

// Add adds all of o to r, as if its rows came after those of r. The job of r stays.
func (r *Report) Add(o Report) {
	for _, name := range sortedKeys(o.Files) {
		r.count(name, func(c *Counts) { *c = c.plus(o.Files[name]) })
	}
	r.Rows += o.Rows
	r.Created += o.Created
	r.Changed += o.Changed
	r.Removed += o.Removed
	r.Unchanged += o.Unchanged
	r.Skipped += o.Skipped
	for _, x := range o.Refused {
		r.list(x)
	}
	for _, f := range o.Invalid {
		r.listFault(f)
	}
	for _, w := range o.Warnings {
		r.warn(w)
	}
	r.More.Refused += o.More.Refused
	r.More.Invalid += o.More.Invalid
	r.More.Warnings += o.More.Warnings
}

// tally returns r without the rows that it lists: it only counts them.
func (r Report) tally() Report {
	r.More.Refused += len(r.Refused)
	r.More.Invalid += len(r.Invalid)
	r.Refused, r.Invalid, r.known = nil, nil, nil
	r.Files, r.Warnings = maps.Clone(r.Files), slices.Clone(r.Warnings)
	return r
}

// recall lists rows that were only counted.
func (r *Report) recall(f findings) {
	r.Refused, r.Invalid = append(r.Refused, f.Refused...), append(r.Invalid, f.Invalid...)
	r.More.Refused -= len(f.Refused)
	r.More.Invalid -= len(f.Invalid)
}

func (r *Report) count(file string, add func(*Counts)) {
	if r.Files == nil {
		r.Files = map[string]Counts{}
	}
	c := r.Files[file]
	add(&c)
	r.Files[file] = c
}

func (r *Report) list(x Refusal) {
	if len(r.Refused) >= MaxListed {
		r.More.Refused++
		return
	}
	r.Refused = append(r.Refused, x)
}

func (r *Report) listFault(f Fault) {
	if len(r.Invalid) >= MaxListed {
		r.More.Invalid++
		return
	}
	r.Invalid = append(r.Invalid, f)
}

func (r *Report) warn(w Warning) {
	key := Warning{File: w.File, Column: w.Column, Message: w.Message}
	at, ok := r.known[key]
	if r.known == nil || ok && !r.holds(at, key) { // the report was decoded or copied
		r.known = make(map[Warning]int, len(r.Warnings))
		for i, have := range r.Warnings {
			r.known[Warning{File: have.File, Column: have.Column, Message: have.Message}] = i
		}
		at, ok = r.known[key]
	}
	switch {
	case ok:
		r.Warnings[at].Count += w.Count
	case len(r.Warnings) >= maxWarnings:
		r.More.Warnings += w.Count
	default:
		r.known[key] = len(r.Warnings)
		r.Warnings = append(r.Warnings, w)
	}
}

func (r *Report) holds(at int, key Warning) bool {
	return at < len(r.Warnings) && r.Warnings[at].File == key.File && r.Warnings[at].Column == key.Column && r.Warnings[at].Message == key.Message
}

// Total returns the counts of the whole.
func (r *Report) Total() Counts {
	return Counts{
		Rows: r.Rows, Created: r.Created, Changed: r.Changed, Removed: r.Removed, Unchanged: r.Unchanged, Skipped: r.Skipped,
		Refused: len(r.Refused) + r.More.Refused, Invalid: len(r.Invalid) + r.More.Invalid,
	}
}

// Check returns an error of kind [trellis.Internal] unless the report adds up, for
// each file and for the whole.
func (r *Report) Check() error {
	var all Counts
	var errs []error
	for _, name := range sortedKeys(r.Files) {
		c := r.Files[name]
		if c.Rows != c.sum() {
			errs = append(errs, trellis.Errorf(trellis.Internal, "%s has %d rows, and %d came out", name, c.Rows, c.sum()))
		}
		all = all.plus(c)
	}
	if whole := r.Total(); whole != all || whole.Rows != whole.sum() {
		errs = append(errs, trellis.Errorf(trellis.Internal, "the whole is %+v, and its files are %+v", whole, all))
	}
	return errors.Join(errs...)
}

// MarshalJSON writes empty lists as lists.
func (r Report) MarshalJSON() ([]byte, error) {
	type plain Report
	p := plain(r)
	if p.Refused == nil {
		p.Refused = []Refusal{}
	}
	if p.Invalid == nil {
		p.Invalid = []Fault{}
	}
	if p.Files == nil {
		p.Files = map[string]Counts{}
	}
	return json.Marshal(p)
}

// String says for people what the report says.
func (r Report) String() string {
	var b strings.Builder
	line := func(name string, c Counts) {
		fmt.Fprintf(&b, "%-22s %9d rows: %d created, %d changed, %d removed, %d unchanged, %d skipped, %d refused, %d invalid\n",
			name, c.Rows, c.Created, c.Changed, c.Removed, c.Unchanged, c.Skipped, c.Refused, c.Invalid)
	}
	line("all files", r.Total())
	for _, name := range sortedKeys(r.Files) {
		line(name, r.Files[name])
	}
	for _, x := range r.Refused {
		fmt.Fprintf(&b, "refused  %s row %d by %s: %s\n", x.File, x.Row, x.Extension, x.Message)
	}
	more(&b, r.More.Refused, "refused")
	for i := range r.Invalid {
		fmt.Fprintf(&b, "invalid  %s\n", r.Invalid[i].Error())
	}
	more(&b, r.More.Invalid, "invalid")
	for _, w := range r.Warnings {
		at := w.File
		if w.Row > 0 {
			at += fmt.Sprintf(" row %d", w.Row)
		}
		if w.Column != "" {
			at += ", " + w.Column
		}
		fmt.Fprintf(&b, "warning  %s: %s (%d times)\n", at, w.Message, w.Count)
	}
	more(&b, r.More.Warnings, "warning")
	return b.String()
}

func more(b *strings.Builder, n int, what string) {
	if n > 0 {
		fmt.Fprintf(b, "%-8s … and %d more\n", what, n)
	}
}
