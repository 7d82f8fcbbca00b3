package oneroster

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
)

// Row is one data row of a file. It may be kept; one goroutine may use it at a
// time.
type Row struct {
	File   string // "users.csv"
	Number int    // as a spreadsheet counts: the header is row 1
	Line   int    // as an editor counts; larger than Number once a value ran over lines
	// Warnings are what was wrong with the row and yet understood. Decoding the
	// row adds to them.
	Warnings []Fault

	header *header
	cells  []string
	fault  *Fault
}

// Err returns the [Fault] that makes the row unusable as a row of CSV, or nil.
// What it says may yet turn out to be wrong when it is decoded.
func (r *Row) Err() error {
	if r.fault == nil {
		return nil
	}
	return r.fault
}

// Rows streams the data rows of the file called name, such as "users". Rows that
// cannot be used are among them ([Row.Err]). A pair with an error is the last one:
// the archive is damaged ([trellis.Invalid]), has no such file ([trellis.NotFound])
// or ctx is done. Reading a file again gives the same rows.
func (a *Archive) Rows(ctx context.Context, name string) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		rc, err := a.open(name)
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = rc.Close() }() // nothing was written
		lines := newRecords(rc)
		first, err := lines.next(0)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			yield(nil, inFile(name, err))
			return
		}
		h := newHeader(tableOf(name), a.Manifest, a.cfg, first)
		for carry := slices.Clone(h.warnings); ; carry = nil {
			rec, err := lines.next(h.width)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(nil, inFile(name, err))
				return
			}
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(h.newRow(rec, carry), nil) {
				return
			}
		}
	}
}

func inFile(name string, err error) error {
	return trellis.Errorf(trellis.Invalid, "read %s.csv: %w", name, err)
}

// Count returns how many data rows the file called name has: as many as
// [Archive.Rows] gives, in a fraction of the time. More than Config.MaxRows are
// [trellis.Invalid].
func (a *Archive) Count(ctx context.Context, name string) (n int, err error) {
	rc, err := a.open(name)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rc.Close() }() // nothing was written
	lines := newRecords(rc)
	for width := 0; ; n++ {
		rec, err := lines.next(width)
		if errors.Is(err, io.EOF) {
			return max(n-1, 0), nil // without the header
		}
		if err != nil {
			return 0, inFile(name, err)
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if n == 0 {
			width = len(rec.cells)
		}
		if n > a.cfg.MaxRows {
			return 0, a.tooLong()
		}
	}
}

func (a *Archive) tooLong() error {
	return trellis.Errorf(trellis.Invalid, "the archive has more than %d rows: split it", a.cfg.MaxRows)
}

// newRow fits a record into the columns of h. The first row of a file carries the
// warnings about the header; in strict mode these are a fault of every row.
func (h *header) newRow(rec record, carry []Fault) *Row {
	r := &Row{File: h.file, Number: rec.number, Line: rec.line, header: h, cells: rec.cells}
	switch {
	case h.broken != "":
		r.fail("", h.broken)
	case h.cfg.Strict && len(h.warnings) > 0:
		r.fail(h.warnings[0].Column, "header: "+h.warnings[0].Message)
	case rec.fault != "":
		r.Warnings = carry
		r.fail("", rec.fault)
	default:
		r.Warnings = carry
		for _, note := range rec.notes {
			r.warn("", note)
		}
		r.fit()
	}
	if r.fault != nil {
		r.cells = nil // nobody reads them, and a password may be anywhere among them
	} else if at, ok := h.position["password"]; ok && !h.cfg.Passwords {
		r.cells[at] = ""
	}
	return r
}

// fit makes the cells as many as the columns, where that leaves no doubt which
// value belongs to which column.
func (r *Row) fit() {
	h := r.header
	if len(r.cells) > h.width {
		r.rejoin()
	}
	for len(r.cells) > h.width && strings.TrimSpace(r.cells[len(r.cells)-1]) == "" {
		r.cells = r.cells[:len(r.cells)-1]
		r.warn("", "there are more cells than columns, but the last are empty")
	}
	switch {
	case len(r.cells) > h.width:
		r.fail("", "there are more cells than columns")
	case len(r.cells) < h.width:
		r.warn("", "there are fewer cells than columns; the last were taken for empty")
		r.cells = append(r.cells, make([]string, h.width-len(r.cells))...)
	}
}

// rejoin puts together the column userIds, {LDAP:12},{LTI:15}, which many systems
// forget to quote.
func (r *Row) rejoin() {
	at, ok := r.header.position["userIds"]
	if !ok || at >= len(r.cells) {
		return
	}
	end := at
	for end < len(r.cells) && isUserID(r.cells[end]) {
		end++
	}
	if extra := len(r.cells) - r.header.width; end-at == extra+1 {
		r.cells = slices.Replace(r.cells, at, end, strings.Join(r.cells[at:end], ","))
		r.warn("userIds", "the list is not quoted")
	}
}

func isUserID(s string) bool {
	s = strings.TrimSpace(s)
	return strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") && strings.Contains(s, ":")
}

// fail makes the row unusable; the first reason counts.
func (r *Row) fail(column, message string) {
	if r.fault == nil {
		r.fault = &Fault{File: r.File, Row: r.Number, Column: column, Message: message}
	}
}

// warn notes what was understood all the same; in strict mode it is a fault.
func (r *Row) warn(column, message string) {
	if r.header.cfg.Strict {
		r.fail(column, message)
		return
	}
	w := Fault{File: r.File, Row: r.Number, Column: column, Message: message}
	if !slices.Contains(r.Warnings, w) {
		r.Warnings = append(r.Warnings, w)
	}
}
