package main

import (
	"fmt"
	"strings"
)

// aim is one thing that must show.
type aim struct {
	Title    string  `json:"title"`
	Measured float64 `json:"measured"`
	Bound    float64 `json:"bound"`
	AtLeast  bool    `json:"at_least"` // otherwise: at most
	Unit     string  `json:"unit"`
	Low      float64 `json:"low,omitempty"` // half of the pairs lie between low and high
	High     float64 `json:"high,omitempty"`
	Median   float64 `json:"median,omitempty"` // where the worst counts
	Status   string  `json:"status"`           // ok, missed, not built
	Why      string  `json:"why,omitempty"`
}

// The outcomes of an aim.
const (
	statusOK       = "ok"
	statusFailed   = "missed"
	statusNotBuilt = "not built"
)

// judge compares what was measured with what it must be. What was left out by
// -only is no aim of that run.
func (r *report) judge(all bool) {
	for _, a := range aims() {
		got, why := r.value(a.of)
		var p pair
		if a.over != "" && why == "" {
			p, why = r.pair(a.of, a.over)
			got = p.Ratio
		}
		if why == absent && !all {
			continue
		}
		j := aim{Title: a.title, Bound: a.bound, AtLeast: a.atLeast, Unit: a.unit, Low: p.Low, High: p.High, Why: why}
		if of, ok := strings.CutPrefix(a.of, worst); ok && why == "" {
			j.Median, _ = r.value(of)
		}
		switch j.Measured = got; {
		case why != "":
			j.Status, j.Measured = statusNotBuilt, 0
		case a.atLeast && j.Measured >= a.bound, !a.atLeast && j.Measured <= a.bound:
			j.Status = statusOK
		default:
			j.Status = statusFailed
		}
		r.Aims = append(r.Aims, j)
	}
}

const absent = "not measured in this run"

// pair is what two peers were side by side.
func (r *report) pair(of, over string) (p pair, why string) {
	for _, p := range r.Pairs {
		if p.Of == of && p.Over == over {
			return p, ""
		}
	}
	_, why = r.value(over)
	return pair{}, why
}

// unsure is how far apart the middle half of the pairs may lie, for their median
// to be believed.
const unsure = 1.25

// outcome is how the table says what became of an aim.
func (a aim) outcome() string {
	text := a.Status
	if a.Status == statusFailed {
		text = "MISSED"
	}
	if a.Low > 0 && a.High/a.Low > unsure {
		text += fmt.Sprintf(", unsure: %s to %s", quantity(a.Low, a.Unit), quantity(a.High, a.Unit))
	}
	if a.Median > 0 {
		text += fmt.Sprintf(", the worst of all; median %s", quantity(a.Median, a.Unit))
	}
	return text
}

// What stands before the name of a peer, or of a figure, whose allocations, or whose
// worst value, are meant.
const (
	allocsOf = "allocs:"
	worst    = "worst:"
)

// value is the figure of that name: the time of a peer, its allocations, or what
// was measured alone. why says why there is none.
func (r *report) value(name string) (v float64, why string) {
	name, allocs := strings.CutPrefix(name, allocsOf)
	name, atWorst := strings.CutPrefix(name, worst)
	for _, f := range r.Peers {
		switch {
		case f.Name != name:
		case f.Missing != "":
			return 0, f.Missing
		case allocs:
			return float64(f.Allocs), ""
		default:
			return f.Nanoseconds, ""
		}
	}
	for _, f := range r.Alone {
		if f.Name == name && atWorst {
			return f.Worst, f.Missing
		}
		if f.Name == name {
			return f.Value, f.Missing
		}
	}
	return 0, absent
}

// wanted is an aim before it was measured: of, divided by over.
type wanted struct {
	title    string
	of, over string
	atLeast  bool
	bound    float64
	unit     string
}

// aims is what the engine promises.
func aims() []wanted {
	const most, least = false, true
	return []wanted{
		{"C guest, pinned, against wazero without limits", "trellis/c/pinned-trap", "wazero/c/reused", most, 1.2, "×"},
		{"C guest, pinned, yields, against the same", "trellis/c/pinned", "wazero/c/reused", most, 1.4, "×"},
		{"C guest, pristine, against wazero reused", "trellis/c/pristine", "wazero/c/reused", most, 6, "×"},
		{"AssemblyScript guest, pristine, against wazero reused", "trellis/as/pristine", "wazero/as/reused", most, 4, "×"},
		{"C guest, pristine, against wasmtime's pool with fuel", "trellis/c/pristine", "wasmtime/c/pooled-fuel", most, .8, "×"},
		{"Go guest, pristine, against wasmtime's pool with fuel", "trellis/go/pristine", "wasmtime/go/pooled-fuel", most, .4, "×"},
		{"C guest, pinned, against wasmtime reused with fuel", "trellis/c/pinned", "wasmtime/c/reused-fuel", most, 2, "×"},
		{"Extism plugin, pristine, against the Rust crate, timeout", "trellis/extism/pristine", "extism/rust/c/timeout", most, 1, "×"},
		{"go-sdk with a timeout, against an Extism plugin, pinned", "extism/go-sdk/c/timeout", "trellis/extism/pinned", least, 20, "×"},
		{"go-sdk with a timeout, against the same, pristine", "extism/go-sdk/c/timeout", "trellis/extism/pristine", least, 12, "×"},
		{"a gRPC plugin, against a C guest, pristine", "hashicorp", "trellis/c/pristine", least, 25, "×"},
		{"a webhook, against a C guest, pristine", "webhook", "trellis/c/pristine", least, 15, "×"},
		{"Go guest: fresh on wazero, against pristine", "wazero/go/fresh", "trellis/go/pristine", least, 25, "×"},
		{"a spinning guest is stopped, after its deadline", worst + "spin/stop", "", most, 20, "ms"},
		{"the longest pause of the collector meanwhile", worst + "spin/gc", "", most, 10, "ms"},
		{"1,000 idle instances, C, pristine: resident memory each", "density/c", "", most, 64, "KiB"},
		{"1,000 idle instances, Go, pristine: resident memory each", "density/go", "", most, 1.2 * 1024, "KiB"},
		{"another tenant's median in a flood of cheap calls", "flood/cheap", "", most, 2, "×"},
		{"another tenant's median in a flood of calls of 20 ms", "flood/dear", "", most, 2, "×"},
		{"another tenant's median in a flood that calls the host", "flood/host", "", most, 2, "×"},
		{"the same at one module: a flood of cheap calls", "flood/cheap-shared", "", most, 2, "×"},
		{"the same at one module: a flood of calls of 20 ms", "flood/dear-shared", "", most, 2, "×"},
		{"the same at one module: a flood that calls the host", "flood/host-shared", "", most, 2, "×"},
		{"C guest, loaded from the cache", "load/c", "", most, 1, "ms"},
		{"Go guest, loaded from the cache", "load/go", "", most, 60, "ms"},
		{"allocations of a warm call, C, pinned", allocsOf + "trellis/c/pinned", "", most, 0, ""},
		{"allocations of a warm call, C, pristine", allocsOf + "trellis/c/pristine", "", most, 0, ""},
	}
}

// reached says whether no aim was missed.
func (r *report) reached() bool {
	for _, a := range r.Aims {
		if a.Status == statusFailed {
			return false
		}
	}
	return true
}

// bound is how the table writes what is aimed at.
func (a aim) bound() string {
	sign := "≤"
	if a.AtLeast {
		sign = "≥"
	}
	return fmt.Sprintf("%s %s", sign, quantity(a.Bound, a.Unit))
}
