package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/api"
	"github.com/trellis-learning/trellis/extensions/plugins"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
	"github.com/trellis-learning/trellis/internal/store"
)

func (p *Pages) eventPages() []frame.Page {
	read := "events:read"
	return []frame.Page{
		{Method: "GET", Path: "/console/events", Name: "console.events", Summary: "What happens, as it happens.", Permission: read, Handle: behind(read, p.events)},
		{Method: "GET", Path: "/console/events/:id", Name: "console.event", Summary: "An event: what it says, what led to it, and what it led to.", Permission: read, Handle: behind(read, p.event)},
		{Method: "GET", Path: "/console/traces/:id", Name: "console.trace", Summary: "All that belongs to one request.", Permission: "audit:read", Handle: behind("audit:read", p.trace)},
	}
}

type eventsPage struct {
	bar
	Events                      []trellis.Event
	Type, Course, Person, Trace string
	Faults                      map[string]string
	Tail                        string // path of the stream; "" where it cannot be narrowed so far
	Filtered                    bool
	Refresh, Older, Back        string
}

func (p *Pages) events(r *frame.Request) error {
	q, err := r.Query()
	if err != nil {
		return err
	}
	in := api.ListEvents{Newest: true, Limit: 100, Before: q.Get("before"), Type: strings.TrimSpace(q.Get("type")), Course: strings.TrimSpace(q.Get("course")),
		Person: strings.TrimSpace(q.Get("person")), Trace: strings.TrimSpace(q.Get("trace"))}
	d := eventsPage{bar: navigate(r, "/console/events"), Type: in.Type, Course: in.Course, Person: in.Person, Trace: in.Trace, Faults: map[string]string{},
		Filtered: in.Type+in.Course+in.Person+in.Trace != "", Refresh: with("/console/events", q, "before", "")}
	v := viewOf("Events")
	v.Lead = "What happens in the school, newest first. It holds no personal data: people stand as IDs."
	v.Code = []frame.Code{{CLI: "trellis events -follow", HTTP: "GET /stream/sse"}, {HTTP: "GET /api/v1/events?newest=true"}}
	status := http.StatusOK
	if in.Type != "" && !trellis.ValidPattern(in.Type) {
		v.Faults, status = []frame.Fault{{Field: "type", Text: "Write a whole type, or the beginning of one and .*, such as org.openedx.*"}}, http.StatusBadRequest
	} else {
		list, err := frame.Call[api.Events](r, "events.list", in)
		if err != nil {
			return err
		}
		d.Events = list.Items
		if list.Next != "" {
			d.Older = with("/console/events", q, "before", list.Next)
		}
	}
	for _, f := range v.Faults {
		d.Faults[f.Field] = f.Text
	}
	if in.Before != "" {
		d.Back = d.Refresh
	} else if in.Person+in.Trace == "" && len(v.Faults) == 0 {
		d.Tail = p.tailOf(in, d.Events)
	}
	v.Data = d
	return r.ShowAs(status, "events", v)
}

// tailOf is the stream that goes on where the list ends.
func (p *Pages) tailOf(in api.ListEvents, events []trellis.Event) string {
	q := url.Values{}
	if in.Type != "" {
		q.Set("type", in.Type)
	}
	if in.Course != "" {
		q.Set("course", in.Course)
	}
	if len(events) > 0 {
		q.Set("after", strconv.FormatUint(events[0].Position, 10))
	}
	return "/stream/sse?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}

type eventPage struct {
	bar
	E          trellis.Event
	Actor      who
	Person     who
	Data       string
	Causes     []trellis.Event // what led to it, the nearest first
	Effects    []trellis.Event
	Deliveries []deliveryRow
	Traces     bool
}

func (p *Pages) event(r *frame.Request) error {
	id, err := r.Param("id")
	if err != nil {
		return err
	}
	e, err := frame.Call[trellis.Event](r, "events.get", api.EventByID{ID: id})
	if err != nil {
		return err
	}
	n := p.names(r)
	d := eventPage{bar: navigate(r, "/console/events"), E: e, Actor: n.of(e.Actor), Person: n.of(e.Person), Data: indented(e.Data), Traces: frame.Can(r.Ctx, "audit:read", hostapi.Scope{})}
	for cause := e.Cause; cause != "" && len(d.Causes) < 20; {
		c, err := frame.Call[trellis.Event](r, "events.get", api.EventByID{ID: cause})
		if trellis.KindOf(err) == trellis.NotFound {
			break // the log no longer has it
		}
		if err != nil {
			return err
		}
		d.Causes, cause = append(d.Causes, c), c.Cause
	}
	led, err := frame.Call[api.Events](r, "events.list", api.ListEvents{Newest: true, Limit: 50, Cause: id})
	if err != nil {
		return err
	}
	d.Effects = led.Items
	if frame.Can(r.Ctx, "deliveries:read", hostapi.Scope{}) {
		stuck, err := frame.Call[delivery.List](r, "deliveries.list", delivery.Query{Event: id, Limit: 50})
		if err != nil {
			return err
		}
		for _, row := range stuck.Items {
			d.Deliveries = append(d.Deliveries, deliveryRow{row, n.extension(row.Subscriber)})
		}
	}
	v := viewOf("Event", frame.Link{Text: "Events", Path: "/console/events"})
	v.Data = d
	v.Code = []frame.Code{{HTTP: "GET /api/v1/events/" + e.ID}}
	return r.Show("event", v)
}

// traceStep is a call of an extension in a trace.
type traceStep struct {
	plugins.Step
	State, Word string
	Took        string
}

type wholeTrace struct {
	bar
	ID       string
	Steps    []traceStep
	Known    bool // whether this node remembers calls of it
	Events   []trellis.Event
	Audit    []auditRow
	Anything bool
}

func (p *Pages) trace(r *frame.Request) error {
	id, err := r.Param("id")
	if err != nil {
		return err
	}
	d := wholeTrace{bar: navigate(r, "/console/events"), ID: id}
	t, err := frame.Call[plugins.Trace](r, "traces.get", plugins.ByID{ID: id})
	if d.Known = err == nil; err != nil && trellis.KindOf(err) != trellis.NotFound {
		return err
	}
	for _, s := range t.Steps {
		row := traceStep{Step: s, Took: s.Duration.Round(10 * time.Microsecond).String(), Word: map[string]string{"passed": "Passed", "changed": "Changed it", "refused": "Said no", "failed": "Failed"}[s.Outcome]}
		if row.State = map[string]string{"refused": "warn", "failed": "bad"}[s.Outcome]; row.Word == "" {
			row.Word = s.Outcome
		}
		d.Steps = append(d.Steps, row)
	}
	list, err := frame.Call[api.Events](r, "events.list", api.ListEvents{Newest: true, Limit: 100, Trace: id})
	if err != nil {
		return err
	}
	d.Events = list.Items
	entries, err := frame.Call[learning.List[store.Entry]](r, "audit.list", learning.ListAudit{Trace: id, Limit: 100})
	if err != nil {
		return err
	}
	n := p.names(r)
	for _, e := range entries.Items {
		d.Audit = append(d.Audit, auditOf(e, n))
	}
	d.Anything = d.Known || len(d.Events)+len(d.Audit) > 0
	v := viewOf("Trace "+short(id), frame.Link{Text: "Events", Path: "/console/events"})
	v.Lead, v.Data = "All that belongs to one request: what extensions did, what was done, and what happened.", d
	v.Code = []frame.Code{{CLI: "trellis trace " + id, HTTP: "GET /api/v1/traces/" + id}}
	return r.Show("trace", v)
}
