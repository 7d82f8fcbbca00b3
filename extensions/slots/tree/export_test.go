package tree

import "encoding/json"

// Document is the schema as the tables say it now.
func Document() ([]byte, error) { return json.MarshalIndent(document(), "", "  ") }

// Address is what a link leads to.
func Address(link, base string) (string, error) { return address(link, base) }

// Axis is the axis of a chart.
func Axis(low, high float64, line, whole bool) (from, to, step float64) {
	return axis(low, high, line, whole)
}

// Ticks are the numbers of an axis.
func Ticks(from, to, step float64) []string { return ticks(from, to, step) }
