package console

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
	"github.com/trellis-learning/trellis/internal/store"
)

func (p *Pages) auditPages() []frame.Page {
	read := "audit:read"
	return []frame.Page{
		{Method: "GET", Path: "/console/audit", Name: "console.audit", Summary: "Who did what in the tenant.", Permission: read, Platform: true, Handle: behind(read, p.audit)},
		{Method: "GET", Path: "/console/audit.csv", Name: "console.audit.csv", Summary: "The audit log of a filter, for a spreadsheet.", Permission: read, Platform: true, Stream: true, Handle: behind(read, p.auditSheet)},
	}
}

// auditRow is an entry with names.
type auditRow struct {
	store.Entry
	By, For who
	About   string
	Detail  string
	Short   string // trace
}

func auditOf(e store.Entry, n *names) auditRow {
	row := auditRow{Entry: e, By: n.of(e.Actor), For: n.of(e.OnBehalfOf), About: e.Target, Short: short(e.Trace)}
	if len(e.Detail) > 0 {
		row.Detail = indented(e.Detail)
	}
	if e.Installation != "" {
		by := n.extension(e.Installation)
		row.By, row.For = by, who{}
		if e.Actor != "" && !strings.HasPrefix(e.Actor, "extension:") {
			row.For = n.of(e.Actor)
		}
	}
	return row
}

type auditPage struct {
	bar
	Rows                    []auditRow
	Actor, Operation, Trace string
	Since, Until            string
	Outcomes, Extensions    []pickable
	Faults                  map[string]string
	Filtered                bool
	CSV                     string
	Next, Back              string
}

// auditQuery reads the filters of the audit log.
func auditQuery(q url.Values) (learning.ListAudit, []frame.Fault) {
	in := learning.ListAudit{Before: q.Get("before"), Operation: strings.TrimSpace(q.Get("operation")), Actor: strings.TrimSpace(q.Get("actor")), Outcome: q.Get("outcome"),
		Installation: q.Get("extension"), Trace: strings.TrimSpace(q.Get("trace"))}
	if in.Actor != "" && !strings.Contains(in.Actor, ":") {
		in.Actor = "person:" + in.Actor
	}
	var faults []frame.Fault
	var ok bool
	if in.Since, ok = dayOf(q.Get("since"), false); !ok {
		faults = append(faults, frame.Fault{Field: "since", Text: "Write the day like 2026-05-03."})
	}
	if in.Until, ok = dayOf(q.Get("until"), true); !ok {
		faults = append(faults, frame.Fault{Field: "until", Text: "Write the day like 2026-05-03."})
	}
	switch in.Outcome {
	case "", "ok", "denied", "failed":
	default:
		in.Outcome = ""
	}
	return in, faults
}

func (p *Pages) audit(r *frame.Request) error {
	q, err := r.Query()
	if err != nil {
		return err
	}
	in, faults := auditQuery(q)
	in.Limit = 50
	d := auditPage{bar: navigate(r, "/console/audit"), Actor: q.Get("actor"), Operation: in.Operation, Trace: in.Trace, Since: q.Get("since"), Until: q.Get("until"), Faults: map[string]string{},
		Outcomes: options(in.Outcome, "", "Any outcome", "ok", "Done", "denied", "Not allowed", "failed", "Not done"), CSV: with("/console/audit.csv", q, "before", ""),
		Filtered: in.Operation+in.Actor+in.Outcome+in.Installation+in.Trace+in.Since+in.Until != ""}
	n := p.names(r)
	if list, err := frame.Call[extensions.List[extensions.Extension]](r, "extensions.list", struct{}{}); err == nil {
		n.all = append([]extensions.Extension{}, list.Items...)
		pairs := []string{"", "Anybody"}
		for _, x := range list.Items {
			pairs = append(pairs, x.Installation, x.Title)
		}
		d.Extensions = options(in.Installation, pairs...)
	}
	status := http.StatusOK
	v := viewOf("Audit log")
	v.Lead, v.Code = "Who did what, or was not let, newest first.", []frame.Code{{CLI: "trellis audit", HTTP: "GET /api/v1/audit"}}
	if v.Faults = faults; len(faults) > 0 {
		status = http.StatusBadRequest
		for _, f := range faults {
			d.Faults[f.Field] = f.Text
		}
	} else {
		list, err := frame.Call[learning.List[store.Entry]](r, "audit.list", in)
		if err != nil {
			return err
		}
		for _, e := range list.Items {
			d.Rows = append(d.Rows, auditOf(e, n))
		}
		if list.Next != "" {
			d.Next = with("/console/audit", q, "before", list.Next)
		}
	}
	if in.Before != "" {
		d.Back = with("/console/audit", q, "before", "")
	}
	v.Data = d
	return r.ShowAs(status, "audit", v)
}

// auditSheet streams all of a filter.
func (p *Pages) auditSheet(r *frame.Request) error {
	q, err := r.Query()
	if err != nil {
		return err
	}
	in, faults := auditQuery(q)
	if len(faults) > 0 {
		return p.audit(r)
	}
	in.Limit = 200
	first, err := frame.Call[learning.List[store.Entry]](r, "audit.list", in) // what goes wrong here is answered as a problem
	if err != nil {
		return err
	}
	return r.Download("audit.csv", "text/csv; charset=utf-8", func(ctx context.Context, w *bufio.Writer) error {
		out := frame.NewSheet(w)
		out.Row("time", "actor", "on_behalf_of", "installation", "operation", "permission", "target", "outcome", "door", "trace", "detail")
		for list := first; ; {
			for _, e := range list.Items {
				out.Row(e.Time.UTC().Format(time.RFC3339), e.Actor, e.OnBehalfOf, e.Installation, e.Operation, e.Permission, e.Target, e.Outcome, e.Door, e.Trace, string(e.Detail))
			}
			if err := out.Flush(); err != nil {
				return err
			}
			if in.Before = list.Next; in.Before == "" {
				return w.Flush()
			}
			if list, err = frame.Call[learning.List[store.Entry]](r.With(ctx), "audit.list", in); err != nil {
				return err // cut off, so that nobody takes it for the whole
			}
		}
	})
}
