package oneroster

import (
	"fmt"
	"slices"
	"strings"
)

// header is the first row of a file, matched with the columns of its table.
type header struct {
	file     string
	table    table
	version  string
	delta    bool
	cfg      Config
	width    int
	cells    []string       // as they stand
	position map[string]int // of the cell, by the column's proper name
	columns  map[string]column
	warnings []Fault // each concerns every row of the file
	broken   string  // why no row of the file can be read, if so
}

// newHeader matches cells with the columns of t.
func newHeader(t table, m Manifest, cfg Config, rec record) *header {
	h := &header{
		file: t.name + ".csv", table: t, version: m.Version, delta: m.Files[t.name] == Delta, cfg: cfg,
		width: len(rec.cells), cells: rec.cells, position: map[string]int{}, columns: map[string]column{},
	}
	if rec.fault != "" {
		h.broken = "the header cannot be read: " + rec.fault
	}
	for _, note := range rec.notes {
		h.warn("", "header: "+note)
	}
	known := map[string]string{}
	for _, c := range t.columns {
		known[folded(c.name)] = c.name
		h.columns[c.name] = c
	}
	inVersion := t.in(h.version)
	last := -1
	for i, cell := range rec.cells {
		name, ok := known[folded(cell)]
		switch {
		case len(t.columns) == 0:
			continue
		case strings.HasPrefix(cell, "metadata.") && len(cell) > len("metadata."):
			last = len(inVersion) // extensions stand on the right
			continue
		case !ok:
			if strings.TrimSpace(cell) != "" {
				h.warn(shown(cell), "the column is unknown and was not read")
			} else {
				h.warn("", "a column has no name and was not read")
			}
			continue
		}
		if name != cell {
			h.warn(name, fmt.Sprintf("the column is written %q", shown(cell)))
		}
		if _, twice := h.position[name]; twice {
			h.warn(name, "the column is there twice; the first counts")
			continue
		}
		h.position[name] = i
		at := slices.IndexFunc(inVersion, func(c column) bool { return c.name == name })
		switch {
		case at < 0:
			h.warn(name, "the column is not of OneRoster "+h.version)
		case inVersion[at].since == V12: // its place changed between 1.2 and 1.2.1
		case at < last:
			h.warn(name, "the column is not where it belongs")
		default:
			last = at
		}
	}
	for _, c := range inVersion {
		if _, ok := h.position[c.name]; !ok && c.since != V12 {
			h.warn(c.name, "the column is missing")
		}
	}
	return h
}

func (h *header) warn(column, message string) {
	const most = 200 // a header may have thousands of cells
	if len(h.warnings) < most {
		h.warnings = append(h.warnings, Fault{File: h.file, Row: 1, Column: column, Message: message})
	}
}

// folded is a name as it is compared: without case, spaces and punctuation.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, name)
}

// shown is a name that came from outside, cut to a length that can be shown.
func shown(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
