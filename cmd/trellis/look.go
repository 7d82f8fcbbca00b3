package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis/extensions/plugins"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
)

type traceCmd struct {
	remote
	ID string `arg:"" help:"The trace: what follows urn:trace: in an answer, or its header Trace-Id."`
}

func (c *traceCmd) Run(e *env) error {
	var t plugins.Trace
	if err := c.do(e.ctx, "GET", "/api/v1/traces/"+seg(strings.TrimPrefix(c.ID, "urn:trace:")), nil, nil, &t); err != nil {
		return err
	}
	e.show(t, func(w io.Writer) {
		if len(t.Steps) == 0 {
			fmt.Fprintln(w, "No extension took part.")
			return
		}
		for _, s := range t.Steps {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%v\tfuel %d\t%s\n", when(s.Started), s.Extension, s.Hook, s.Outcome, s.Duration, s.Fuel, s.Error)
		}
		fmt.Fprintf(w, "\nNext: trellis ext logs %s\n", toBlame(t.Steps))
	})
	return nil
}

// toBlame returns the extension whose log says most about how a request ended: that
// of the first step that failed, else of one that refused, else of the first.
func toBlame(steps []plugins.Step) string {
	for _, outcome := range []string{"failed", "refused"} {
		if i := slices.IndexFunc(steps, func(s plugins.Step) bool { return s.Outcome == outcome }); i >= 0 {
			return steps[i].Extension
		}
	}
	return steps[0].Extension
}

type auditCmd struct {
	remote
	Operation string `help:"Only this operation."`
	Outcome   string `help:"Only those that ended so: ok, denied, failed."`
	Actor     string `help:"Only those of this actor."`
	Before    string `help:"Older than this entry: the value of next in the page before."`
	Limit     int    `default:"50" help:"How many at most, up to 200."`
}

func (c *auditCmd) Run(e *env) error {
	var list learning.List[store.Entry]
	q := params("operation", c.Operation, "outcome", c.Outcome, "actor", c.Actor, "before", c.Before, "limit", fmt.Sprint(c.Limit))
	if err := c.do(e.ctx, "GET", "/api/v1/audit", q, nil, &list); err != nil {
		return err
	}
	e.show(list, func(w io.Writer) {
		if len(list.Items) == 0 {
			fmt.Fprintln(w, "Nobody did anything of it.")
		}
		for _, x := range list.Items {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", when(x.Time), x.Actor, x.Operation, x.Outcome, x.Target, x.Installation)
		}
		if list.Next != "" {
			fmt.Fprintf(w, "\nNext: trellis audit -before %s\n", list.Next)
		}
	})
	return nil
}

type catalogueCmd struct {
	remote
	All bool `help:"Also those that this version neither asks nor emits."`
}

func (c *catalogueCmd) Run(e *env) error {
	var all learning.Catalogue
	if err := c.do(e.ctx, "GET", "/api/v1/catalogue", nil, nil, &all); err != nil {
		return err
	}
	e.show(all, func(w io.Writer) {
		line := func(what, name, doc string, live bool) {
			state := "live"
			if !live {
				state = "not yet"
			}
			if live || c.All {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", what, state, name, doc)
			}
		}
		for _, f := range all.Filters {
			line("filter", f.Name, f.Doc, f.Live)
		}
		for _, ev := range all.Events {
			line("event", ev.Name, ev.Doc, ev.Live)
		}
		for _, s := range all.Slots {
			line("slot", s.Name, s.Doc, s.Live)
		}
		fmt.Fprintln(w, "\nNext: trellis ext new acme.first makes an extension that takes part; -json has the schemas of the data.")
	})
	return nil
}
