package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
)

type extShowCmd struct{ where }

func (c *extShowCmd) Run(e *env) error {
	var d extensions.Detail
	if err := c.do(e.ctx, "GET", c.path("/detail"), params("course", c.Course), nil, &d); err != nil {
		return err
	}
	clashes := c.clashes(e)
	e.show(d, func(w io.Writer) {
		describe(w, d.Extension)
		writeClashes(w, clashes)
		if d.Suspended != nil {
			fmt.Fprintf(w, "Suspended since %s\n", when(*d.Suspended))
		}
		if d.Errors > 0 {
			fmt.Fprintf(w, "Errors in 24 hours: %s; the last: %s\n", countOf(d.Errors), d.LastError)
		}
		fmt.Fprintln(w, "Hooks:")
		for _, h := range d.Hooks {
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", h.Kind, h.On, h.Export, standing(h))
		}
		if len(d.Wanted) > 0 {
			fmt.Fprintln(w, "Secrets:")
		}
		for _, s := range d.Wanted {
			state := "not set"
			if s.Set != nil {
				state = "set " + when(*s.Set)
			}
			fmt.Fprintf(w, "  %s\t%s\t%s\n", s.Name, s.Title, state)
		}
		fmt.Fprintln(w, "Versions:")
		for _, v := range d.Versions {
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", v.Version, v.State, when(v.Installed), signedBy(v.Signer))
		}
		if d.Next != nil {
			fmt.Fprintf(w, "Version %s changes:\n", d.Next.To)
			changes(w, *d.Next)
		}
		fmt.Fprintf(w, "\nNext: trellis ext errors %s%s; trellis ext usage %s%s\n", c.ID, courseFlag(c.Course), c.ID, courseFlag(c.Course))
	})
	return nil
}

// standing says how a hook does.
func standing(h extensions.HookState) string {
	if h.State == "open" && h.Until != nil && time.Now().Before(*h.Until) {
		return fmt.Sprintf("left alone until %s: %s", when(*h.Until), h.Reason)
	}
	if h.Failures > 0 {
		return fmt.Sprintf("failed %d times in a row: %s", h.Failures, h.Reason)
	}
	return "works"
}

// fullLog is how many lines the log of an extension keeps.
const fullLog = 1000

// countOf says how many errors there were, as far as the log goes back.
func countOf(errors int) string {
	if errors >= fullLog {
		return "1,000 or more"
	}
	return fmt.Sprint(errors)
}

// resting says what of an extension is left alone, until when and why.
func resting(r extensions.Resting) string {
	text := fmt.Sprintf("Left alone until %s: ", when(r.Until))
	if !time.Now().Before(r.Until) {
		text = "Was left alone, is tried again when it is asked next: "
	}
	text += fmt.Sprintf("%s, which failed %d times in a row: %s", r.On, r.Failures, r.Reason)
	if r.Hooks > 1 {
		text += fmt.Sprintf(" (one of %d that are left alone)", r.Hooks)
	}
	return text
}

func signedBy(signer string) string {
	if signer == "" {
		return "not signed"
	}
	return "signed with " + signer
}

// changes writes what a version changes.
func changes(w io.Writer, d bundle.Diff) {
	for _, s := range d.New {
		fmt.Fprintf(w, "  + %s\n", s.Text)
	}
	for _, s := range d.Gone {
		fmt.Fprintf(w, "  - %s\n", s.Text)
	}
	for _, s := range append(append([]string{}, d.Settings...), d.Limits...) {
		fmt.Fprintf(w, "  ~ %s\n", s)
	}
	if len(d.New)+len(d.Gone)+len(d.Settings)+len(d.Limits) == 0 {
		fmt.Fprintln(w, "  no rights, no settings, no limits")
	}
}

type extErrorsCmd struct{ where }

func (c *extErrorsCmd) Run(e *env) error {
	var list extensions.List[extensions.Failure]
	if err := c.do(e.ctx, "GET", c.path("/errors"), params("course", c.Course), nil, &list); err != nil {
		return err
	}
	e.show(list, func(w io.Writer) {
		if len(list.Items) == 0 {
			fmt.Fprintln(w, "Nothing went wrong, as far as its log goes back.")
		}
		for _, f := range list.Items {
			fmt.Fprintf(w, "%d\t%s – %s\t%s\t%s\t%s\n", f.Count, when(f.First), when(f.Last), f.Hook, f.Message, strings.Join(f.Traces[:min(1, len(f.Traces))], ""))
		}
		if len(list.Items) > 0 && len(list.Items[0].Traces) > 0 {
			fmt.Fprintf(w, "\nNext: trellis ext logs %s%s -trace %s\n", c.ID, courseFlag(c.Course), list.Items[0].Traces[0])
		}
	})
	return nil
}

type extUsageCmd struct{ where }

func (c *extUsageCmd) Run(e *env) error {
	var u extensions.Usage
	if err := c.do(e.ctx, "GET", c.path("/usage"), params("course", c.Course), nil, &u); err != nil {
		return err
	}
	e.show(u, func(w io.Writer) {
		fmt.Fprintf(w, "Counted on this node since %s, 24 hours back at most.\n", when(u.Since))
		if len(u.Hooks) == 0 {
			fmt.Fprintln(w, "It was not called.")
		}
		for _, h := range u.Hooks {
			var all extensions.UsageBucket
			for _, b := range h.Calls {
				all.Calls, all.Errors, all.Fuel, all.Took = all.Calls+b.Calls, all.Errors+b.Errors, all.Fuel+b.Fuel, all.Took+b.Took
				all.Longest = max(all.Longest, b.Longest)
			}
			fmt.Fprintf(w, "%s\t%s\t%d calls\t%d errors\tfuel %d\tmean %v\tlongest %v\n", h.Kind, h.Export, all.Calls, all.Errors, all.Fuel,
				(all.Took / time.Duration(max(all.Calls, 1))).Round(time.Microsecond), all.Longest.Round(time.Microsecond))
		}
	})
	return nil
}

type extRetryCmd struct{ where }

func (c *extRetryCmd) Run(e *env) error {
	return c.act(e, "POST", "/retry", "It is called again at once; if it fails again, it is left alone again. Next: trellis ext errors "+c.ID+courseFlag(c.Course))
}
