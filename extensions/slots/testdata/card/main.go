// A card with a number of its own and a chart, for measuring; the same as ../card.c,
// which is in C.
package main

import (
	"strconv"

	"github.com/trellis-learning/trellis/hostapi/guest"
)

func main() {}

//go:wasmexport card
func card(ptr, size uint32) uint64 { return guest.Slot(ptr, size, show) }

//go:wasmexport again
func again(ptr, size uint32) uint64 {
	return guest.Action(ptr, size, func(guest.Act) (guest.Reply, error) { return guest.Say("Counted.", guest.OK), nil })
}

func show(guest.Place) (guest.Node, error) {
	note, err := guest.GetNote("n")
	if err != nil {
		return nil, err
	}
	return guest.Card("Today",
		guest.Text("Enrolled: ", guest.Bold(strconv.FormatInt(note.Version, 10))),
		guest.Bars("Most came on Saturday", "People", []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}, []float64{3, 1, 4, 1, 5, 9, 2}),
		guest.Button("Count again", "again")), nil
}
