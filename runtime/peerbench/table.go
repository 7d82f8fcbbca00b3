package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table is rows in columns, gathered under heads.
type table struct {
	columns []string
	left    map[int]bool // columns that are flush left
	rows    [][]string   // one cell: a head; two: a row that has only a note
}

func (t *table) head(title string)       { t.rows = append(t.rows, []string{title}) }
func (t *table) note(title, note string) { t.rows = append(t.rows, []string{title, note}) }
func (t *table) row(cells ...string)     { t.rows = append(t.rows, cells) }

// noteWidth is how much of a note is shown; what follows the table says the rest.
const noteWidth = 60

func (t *table) print(out io.Writer) {
	widths := make([]int, len(t.columns))
	for _, row := range append(t.rows, t.columns) {
		if len(row) < len(t.columns) {
			continue
		}
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	line := func(cells []string) string {
		var b strings.Builder
		for i, cell := range cells {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			switch {
			case t.left[i]:
				b.WriteString(cell + pad + "  ")
			default:
				b.WriteString(pad + cell + "  ")
			}
		}
		return strings.TrimRight(b.String(), " ")
	}
	fmt.Fprintf(out, "\n%s\n", line(t.columns))
	for i, row := range t.rows {
		switch len(row) {
		case 1:
			if i > 0 {
				fmt.Fprintln(out)
			}
			fmt.Fprintln(out, row[0])
		case 2:
			note := []rune(row[1])
			if len(note) > noteWidth {
				note = append(note[:noteWidth-1], '…')
			}
			fmt.Fprintf(out, "%-*s  %s\n", widths[0], row[0], string(note))
		default:
			fmt.Fprintln(out, line(row))
		}
	}
}
