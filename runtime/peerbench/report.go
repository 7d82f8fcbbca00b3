package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	goruntime "runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// report is what one run found out.
type report struct {
	Time     time.Time         `json:"time"`
	Commit   string            `json:"commit"`
	Machine  map[string]string `json:"machine"`
	Versions map[string]string `json:"versions"`
	Rounds   int               `json:"rounds"`
	Peers    []figures         `json:"peers"`
	Pairs    []pair            `json:"pairs"`
	Alone    []figure          `json:"alone"`
	Aims     []aim             `json:"aims"`
}

// figures is what was measured of one peer.
type figures struct {
	Name        string    `json:"name"`
	Group       string    `json:"group"`
	Title       string    `json:"title"`
	Nanoseconds float64   `json:"ns"` // of a job: the median of the rounds
	Rounds      []float64 `json:"rounds_ns,omitempty"`
	Middle      float64   `json:"middle_ns"` // the same of the middle batch of each round
	Varies      bool      `json:"varies"`    // calls differ by what belongs to their cost: the time is that of the middle batch
	Allocs      uint64    `json:"allocs"`
	Bytes       uint64    `json:"bytes"`
	Elsewhere   bool      `json:"elsewhere"` // timed in another process: nothing is known of its allocations
	Missing     string    `json:"missing,omitempty"`

	floor string
}

func (f *figures) fill(r *running) {
	f.Nanoseconds, f.Rounds, f.Allocs, f.Bytes, f.Elsewhere = median(r.rounds), r.rounds, r.allocs, r.bytes, r.repeat != nil
	f.Middle, f.Varies = median(r.middles), r.varies()
}

// over is how the times of two peers compare, both estimated in the same way.
func (f figures) over(floor figures) float64 {
	if f.Varies || floor.Varies {
		return f.Middle / floor.Middle
	}
	return f.Nanoseconds / floor.Nanoseconds
}

// spread is by how much the rounds lie around their median: half of them do.
func (f figures) spread() float64 {
	off := make([]float64, len(f.Rounds))
	for i, ns := range f.Rounds {
		off[i] = max(ns-f.Nanoseconds, f.Nanoseconds-ns)
	}
	return median(off) / f.Nanoseconds
}

func (r *report) print(out io.Writer) {
	fmt.Fprintf(out, "\n%s, %s cores, %s; commit %s\n", r.Machine["cpu"], r.Machine["cores"], r.Machine["system"], r.Commit)
	if len(r.Peers) > 0 {
		r.printPeers(out)
	}
	if len(r.Alone) > 0 {
		t := table{columns: []string{"", "median", "worst"}, left: map[int]bool{0: true}}
		t.head("Trellis by itself")
		for _, f := range r.Alone {
			if f.Missing != "" {
				t.note("  "+f.Title, f.Missing)
				continue
			}
			t.row("  "+f.Title, quantity(f.Value, f.Unit), quantity(f.Worst, f.Unit))
		}
		t.print(out)
	}
	if len(r.Aims) > 0 {
		t := table{columns: []string{"", "aim", "measured", ""}, left: map[int]bool{0: true, 3: true}}
		t.head("It must show; ratios are medians of pairs, measured side by side")
		for _, a := range r.Aims {
			measured := ""
			if a.Status != statusNotBuilt {
				measured = quantity(a.Measured, a.Unit)
			}
			t.row("  "+a.Title, a.bound(), measured, a.outcome())
		}
		t.print(out)
	}
	r.printMissing(out)
}

// printPeers prints what a call costs with each peer.
func (r *report) printPeers(out io.Writer) {
	fmt.Fprintf(out, "a call: the median of %d rounds, in which all take turns; the spread is that of half the rounds\n", r.Rounds)
	t := table{columns: []string{"", "a call", "spread", "calls/s", "ratio", "to", "allocs", "bytes"}, left: map[int]bool{0: true, 5: true}}
	group := ""
	for _, f := range r.Peers {
		if f.Group != group {
			group = f.Group
			t.head(group)
		}
		if f.Missing != "" {
			t.note("  "+f.Title, f.Missing)
			continue
		}
		ratio, to := "", ""
		for _, floor := range r.Peers {
			if floor.Name == f.floor && floor.Missing == "" {
				ratio, to = fmt.Sprintf("%.2f", f.over(floor)), f.floor
			}
		}
		allocs, bytes := fmt.Sprint(f.Allocs), fmt.Sprint(f.Bytes)
		if f.Elsewhere {
			allocs, bytes = "", ""
		}
		t.row("  "+f.Title, quantity(f.Nanoseconds, "ns"), fmt.Sprintf("±%.0f %%", 100*f.spread()), rate(f.Nanoseconds), ratio, to, allocs, bytes)
	}
	t.print(out)
	load, _ := strconv.ParseFloat(r.Machine["load"], 64)
	cores, _ := strconv.ParseFloat(r.Machine["cores"], 64)
	if spread := r.spread(); spread > busy || load > cores {
		fmt.Fprintf(out, "\nThis machine had other things to do (a load of %s on %s cores, spreads of %.0f %%): of the times above\nbelieve none by itself. Peers that wait for another process or leave garbage behind suffer most from that.\n",
			r.Machine["load"], r.Machine["cores"], 100*spread)
	}
}

// busy is the spread from which on the machine was not quiet.
const busy = .1

// spread is that of the middle peer.
func (r *report) spread() float64 {
	var all []float64
	for _, f := range r.Peers {
		if len(f.Rounds) > 1 {
			all = append(all, f.spread())
		}
	}
	return median(all)
}

// printMissing says, once for each reason, how what is not there is built.
func (r *report) printMissing(out io.Writer) {
	said := map[string]bool{}
	for _, f := range r.Peers {
		if f.Missing != "" && !said[f.Missing] {
			said[f.Missing] = true
			fmt.Fprintf(out, "%s: %s\n", f.Group, f.Missing)
		}
	}
}

// quantity writes a figure with three digits and the unit that suits it.
func quantity(v float64, unit string) string {
	switch {
	case unit == "ns" && v >= 1e6:
		v, unit = v/1e6, "ms"
	case unit == "ns" && v >= 1e3:
		v, unit = v/1e3, "µs"
	case unit == "KiB" && v >= 1024:
		v, unit = v/1024, "MiB"
	}
	digits := 2
	switch {
	case v == float64(int(v)) && (v >= 10 || unit == ""):
		digits = 0
	case v >= 100:
		digits = 0
	case v >= 10:
		digits = 1
	}
	if unit == "×" {
		return fmt.Sprintf("%.*f×", digits, v)
	}
	return strings.TrimSpace(fmt.Sprintf("%.*f %s", digits, v, unit))
}

// rate is how many calls a second that is, on one core.
func rate(ns float64) string {
	switch persecond := 1e9 / ns; {
	case persecond >= 1e6:
		return fmt.Sprintf("%.1f M", persecond/1e6)
	case persecond >= 1e4:
		return fmt.Sprintf("%.0f k", persecond/1e3)
	case persecond >= 1e3:
		return fmt.Sprintf("%.1f k", persecond/1e3)
	default:
		return fmt.Sprintf("%.0f", persecond)
	}
}

// machine says what this ran on.
func machine() map[string]string {
	m := map[string]string{
		"cpu": "an unnamed processor", "cores": fmt.Sprint(goruntime.NumCPU()),
		"system": goruntime.GOOS + "/" + goruntime.GOARCH, "go": goruntime.Version(),
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil { // before this run adds to it
		m["load"], _, _ = strings.Cut(string(load), " ")
	}
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
			m["cpu"] = strings.TrimSpace(v)
			break
		}
	}
	return m
}

// versions says which libraries this program was built with.
func versions() map[string]string {
	v := map[string]string{"go": goruntime.Version()}
	info, _ := debug.ReadBuildInfo()
	for _, name := range []string{
		"github.com/tetratelabs/wazero", "github.com/extism/go-sdk", "github.com/extism/go-pdk", "github.com/knqyf263/go-plugin",
		"github.com/hashicorp/go-plugin", "google.golang.org/grpc", "github.com/dop251/goja", "go.starlark.net",
	} {
		for _, d := range info.Deps {
			if d.Path == name {
				v[name] = d.Version
			}
		}
	}
	return v
}

// commit names what was measured, with a star if it was changed since.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty=*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
