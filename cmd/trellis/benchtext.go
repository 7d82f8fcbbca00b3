package main

import (
	"fmt"
	"io"
	"time"
)

// advise says what the figures mean, and what could be done about them.
func (r *benchmark) advise() {
	say := func(format string, args ...any) { r.Advice = append(r.Advice, fmt.Sprintf(format, args...)) }
	for _, m := range r.Modes {
		if m.Fault != "" {
			say("%s could not be measured: %s", m.Name, m.Fault)
		}
	}
	usual := r.mode("pristine")
	if usual == nil {
		return
	}
	switch {
	case r.Convention == "command":
		say("A WASI command begins anew with each call: what it does before it reads its input is part of every call.")
	case r.Fresh != "":
		say("No instance of this module can be put back, so each call gets a new one: %s.", r.Fresh)
	case r.Reset > usual.Median/2:
		say("Most of a call is putting the instance back, which depends on how much memory the guest has and writes. A guest with less memory costs less; one whose manifest says \"isolation\": \"pinned\" keeps its state and saves this.")
	default:
		say("Most of a call is the guest's own code: what saves time is to let it do less.")
	}
	if r.Usual > 0 && usual.Fuel > 0 {
		share := 100 * float64(usual.Fuel) / float64(r.Usual)
		switch {
		case share >= 30:
			say("A call uses %.0f %% of the fuel that it has by default: a larger input may be too much. The manifest's limit of time raises it, as far as the operator allows.", share)
		case share >= 1:
			say("A call uses %.0f %% of the fuel that it has by default.", share)
		default:
			say("A call uses less than 1 %% of the fuel that it has by default.")
		}
	}
	if usual.HostCalls > 0 {
		say("A call asks the host %d times. The answers here are those of trellis run and cost next to nothing; a platform's take as long as what they do.", usual.HostCalls)
	}
	if usual.P99 > 5*usual.Median {
		say("One call in a hundred took more than %d times the median: this machine had other things to do. Measure again when it is quiet.", int(usual.P99/usual.Median))
	}
}

// write prints the figures for people.
func (r *benchmark) write(w io.Writer) {
	fmt.Fprintf(w, "%s, hook %s: %s, %s of input, %s of answer\n\n", r.Module, r.Hook, r.Convention, amount(r.Input), amount(r.Output))
	fmt.Fprintln(w, "MODE\tMEDIAN\tP99\tCALLS/S\tFUEL\tMEMORY\t")
	for _, m := range r.Modes {
		if m.Fault != "" {
			fmt.Fprintf(w, "%s\t-\t-\t-\t-\t-\t%s\n", m.Name, modeText(m.Name))
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", m.Name, span(m.Median), span(m.P99), thousands(m.Rate), m.Fuel, amount(m.Memory), modeText(m.Name))
	}
	fmt.Fprintln(w)
	if r.Reset > 0 {
		fmt.Fprintf(w, "Putting an instance back\t%s\tpristine less pinned\n", span(r.Reset))
	}
	fmt.Fprintf(w, "Compiling\t%s\tonce, when it is installed\n", span(r.Compile))
	fmt.Fprintf(w, "Loading from the cache\t%s\tat each start of a server\n", span(r.Load))
	fmt.Fprintf(w, "The first call after that\t%s\t\n\n", span(r.First))
	for _, line := range r.Advice {
		fmt.Fprintln(w, line)
	}
}

func modeText(name string) string {
	return map[string]string{
		"pinned":   "one instance, which keeps its state",
		"pristine": "put back after each call: what extensions are, unless their manifest says pinned",
		"fresh":    "a new instance for each call, as after a trap",
	}[name]
}

// span is a duration in three digits.
func span(d time.Duration) string {
	unit, v := "ns", float64(d)
	switch {
	case d >= time.Second:
		unit, v = "s", v/1e9
	case d >= time.Millisecond:
		unit, v = "ms", v/1e6
	case d >= time.Microsecond:
		unit, v = "µs", v/1e3
	}
	return digits(v, unit == "ns") + " " + unit
}

func digits(v float64, whole bool) string {
	switch {
	case whole || v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// amount is a number of bytes as people read it.
func amount(n int) string {
	switch {
	case n >= 1<<20:
		return digits(float64(n)/(1<<20), n%(1<<20) == 0) + " MiB"
	case n >= 10<<10:
		return digits(float64(n)/(1<<10), n%(1<<10) == 0) + " KiB"
	}
	return fmt.Sprintf("%d bytes", n)
}

// thousands is a rate as people read it.
func thousands(v float64) string {
	switch {
	case v >= 1e6:
		return digits(v/1e6, false) + " M"
	case v >= 1e4:
		return fmt.Sprintf("%.0f k", v/1e3)
	}
	return fmt.Sprintf("%.0f", v)
}
