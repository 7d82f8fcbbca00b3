package guest

import "math"

// Column is a column of a table.
type Column struct {
	Title  string
	Number bool // numbers stand at the end of their cells
}

// TableNode is a table: see [Table].
type TableNode struct {
	caption string
	columns []Column
	rows    [][]Cell
}

// Table is a table. The caption says what it shows, for those who do not see it.
func Table(caption string, columns ...Column) TableNode {
	if len(columns) > maxColumns {
		columns = columns[:maxColumns]
	}
	return TableNode{caption: caption, columns: columns}
}

const maxColumns = 20

// Row adds a row. Its first cell is its heading; cells that are missing are empty.
func (n TableNode) Row(cells ...Cell) TableNode {
	n.rows = append(n.rows[:len(n.rows):len(n.rows)], cells)
	return n
}

// Rows adds rows.
func (n TableNode) Rows(rows [][]Cell) TableNode {
	n.rows = append(n.rows[:len(n.rows):len(n.rows)], rows...)
	return n
}

func (n TableNode) write(j *jsonOut) {
	columns := n.columns
	if len(columns) == 0 {
		columns = []Column{{}}
	}
	j.node("table")
	j.said("caption", n.caption)
	j.array("columns", len(columns), func(i int) {
		j.b = append(j.b, '{')
		j.key("title")
		j.text(columns[i].Title)
		if columns[i].Number {
			j.key("align")
			j.text("end")
		}
		j.end()
	})
	j.array("rows", len(n.rows), func(r int) {
		row := n.rows[r]
		j.items(len(columns), func(i int) {
			if i < len(row) && row[i] != nil {
				row[i].write(j)
			} else {
				j.text("")
			}
		})
	})
	j.end()
}

// Series is a row of points of a chart.
type Series struct {
	Name   string
	Values []float64
}

// Chart is a picture of up to three series with up to 200 points each; what is
// more is not shown. What is missing of a series, or is no number, is 0.
type Chart struct {
	Title  string   // what can be seen in it, as a sentence: Most enrol on Mondays.
	Line   bool     // a line; else bars
	Labels []string // the name of each point
	Series []Series
}

// Bars is a chart of one series, in bars.
func Bars(title, name string, labels []string, values []float64) Chart {
	return Chart{Title: title, Labels: labels, Series: []Series{{name, values}}}
}

func (c Chart) write(j *jsonOut) {
	const maxPoints, maxSeries = 200, 3
	labels, series := c.Labels[:min(len(c.Labels), maxPoints)], c.Series[:min(len(c.Series), maxSeries)]
	if len(series) == 0 {
		series = []Series{{Name: c.Title}}
	}
	j.node("chart")
	j.key("type")
	if c.Line {
		j.text("line")
	} else {
		j.text("bar")
	}
	j.said("title", c.Title)
	j.array("labels", len(labels), func(i int) { j.text(labels[i]) })
	j.array("series", len(series), func(k int) {
		s := series[k]
		j.b = append(j.b, '{')
		j.said("name", s.Name)
		j.array("values", len(labels), func(i int) {
			x := 0.0
			if i < len(s.Values) && !math.IsInf(s.Values[i], 0) {
				x = s.Values[i]
			}
			j.number(x)
		})
		j.end()
	})
	j.end()
}
