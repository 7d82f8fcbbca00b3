package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/api"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

func (p *Pages) deliveryPages() []frame.Page {
	read, write := "deliveries:read", "deliveries:write"
	at := "/console/deliveries/:id"
	return []frame.Page{
		{Method: "GET", Path: "/console/deliveries", Name: "console.deliveries", Summary: "Events that did not arrive, by cause.", Permission: read, Handle: behind(read, p.deliveries)},
		{Method: "POST", Path: "/console/deliveries/all", Name: "console.deliveries.all", Summary: "Sends all of one cause again, or drops them.", Permission: write, Handle: behind(write, p.allOfCause)},
		{Method: "POST", Path: "/console/deliveries/cancel", Name: "console.deliveries.cancel", Summary: "Takes back what is sent again together and was not tried.", Permission: write, Handle: behind(write, p.cancelResent)},
		{Method: "POST", Path: "/console/deliveries/restore", Name: "console.deliveries.restore", Summary: "Brings back what was dropped.", Permission: write, Handle: behind(write, p.restoreDeliveries)},
		{Method: "GET", Path: at, Name: "console.delivery", Summary: "A delivery, with what is sent.", Permission: read, Handle: behind(read, p.delivery)},
		{Method: "POST", Path: at, Name: "console.delivery.send", Summary: "Sends a delivery again, as it is or edited.", Permission: write, Handle: behind(write, p.sendDelivery)},
		{Method: "POST", Path: at + "/drop", Name: "console.delivery.drop", Summary: "Drops a delivery.", Permission: write, Handle: behind(write, p.dropDelivery)},
	}
}

// deliveryRow is a delivery with whom it is owed to.
type deliveryRow struct {
	delivery.Row
	To who
}

// cause is why deliveries are stuck.
type cause struct {
	delivery.Cause
	To   who
	Path string // of the rows
}

type deliveriesPage struct {
	bar
	Standing   string // how it stands with what was given up, "" if nothing was
	Batches    []batch
	Causes     []cause
	Rows       []deliveryRow // of one cause
	Of         *delivery.Of
	Filter     string // what of it is shown, in words
	May        bool
	Next, Back string
}

func (p *Pages) deliveries(r *frame.Request) error {
	q, err := r.Query()
	if err != nil {
		return err
	}
	n := p.names(r)
	d := deliveriesPage{bar: navigate(r, "/console/deliveries"), May: frame.Can(r.Ctx, "deliveries:write", hostapi.Scope{})}
	if d.Batches, err = batches(r, n); err != nil {
		return err
	}
	v := viewOf("Deliveries", frame.Link{Text: "Events", Path: "/console/events"})
	if r.Part == "job" {
		v.Data = d
		return r.ShowPart("deliveries", "resent", v)
	}
	v.Code = deliveryCode(d.Batches)
	v.Lead = "Events that did not arrive where they were wanted, by cause."
	if q.Get("subscriber")+q.Get("state")+q.Get("type")+q.Get("error") == "" {
		return p.deliveryCauses(r, n, d, v)
	}
	in := delivery.Query{State: delivery.State(q.Get("state")), Subscriber: q.Get("subscriber"), Type: q.Get("type"), Error: q.Get("error"), After: q.Get("after"), Limit: 50}
	list, err := frame.Call[delivery.List](r, "deliveries.list", in)
	if err != nil {
		return err
	}
	for _, row := range list.Items {
		d.Rows = append(d.Rows, deliveryRow{row, n.extension(row.Subscriber)})
	}
	if in.Subscriber != "" && in.Type != "" {
		d.Of, d.Filter = &delivery.Of{Subscriber: in.Subscriber, Type: in.Type, Error: in.Error}, n.extension(in.Subscriber).Text+", "+in.Type
	}
	if list.Next != "" {
		d.Next = with("/console/deliveries", q, "after", list.Next)
	}
	if in.After != "" {
		d.Back = with("/console/deliveries", q, "after", "")
	}
	v.Crumbs = append(v.Crumbs, frame.Link{Text: "Deliveries", Path: "/console/deliveries"})
	v.Title, v.Lead, v.Data = "Deliveries of one cause", in.Error, d
	return r.Show("deliveries", v)
}

// deliveryCauses shows what is stuck by its causes.
func (p *Pages) deliveryCauses(r *frame.Request, n *names, d deliveriesPage, v frame.View) error {
	list, err := frame.Call[delivery.Causes](r, "deliveries.causes", struct{}{})
	if err != nil {
		return err
	}
	for _, c := range list.Items {
		d.Causes = append(d.Causes, cause{c, n.extension(c.Subscriber), with("/console/deliveries", nil, "subscriber", c.Subscriber, "type", c.Type, "error", c.Error, "state", string(c.State))})
	}
	s, err := frame.Call[delivery.Standing](r, "deliveries.standing", struct{}{})
	if err != nil {
		return err
	}
	d.Standing = standingText(s, time.Now())
	v.Data = d
	return r.Show("deliveries", v)
}

// allOfCause changes all of one cause.
func (p *Pages) allOfCause(r *frame.Request) error {
	of := delivery.Of{Subscriber: r.Value("subscriber"), Type: r.Value("type"), Error: r.Value("error")}
	if r.Value("do") == "drop" {
		out, err := frame.Call[delivery.Bulk](r, "deliveries.discard_all", of)
		if err != nil {
			return err
		}
		n := frame.Notice{State: "ok", Text: fmt.Sprintf("Dropped %s.%s", frame.Grouped(out.Changed), left(out.Left))}
		if out.Changed > 0 {
			n.Undo = &frame.Undo{Action: "/console/deliveries/restore", Fields: map[string]string{"batch": out.Batch}}
		}
		return r.Done("/console/deliveries", n)
	}
	out, err := frame.Call[delivery.Bulk](r, "deliveries.retry_all", of)
	if err != nil {
		return err
	}
	return r.Done(with("/console/deliveries", nil, "subscriber", of.Subscriber, "type", of.Type, "state", "failing"),
		frame.Notice{State: "info", Text: fmt.Sprintf("%s sent again, 50 a second; those that arrive go from this list.%s", frame.Many(out.Changed, "is", "are"), left(out.Left))})
}

func left(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" %s more are left: at most 1,000 go at a time.", frame.Grouped(n))
}

func (p *Pages) restoreDeliveries(r *frame.Request) error {
	out, err := frame.Call[delivery.Bulk](r, "deliveries.restore", delivery.Dropped{Batch: r.Value("batch")})
	if trellis.KindOf(err) == trellis.NotFound {
		return r.Done("/console/deliveries", frame.Notice{State: "warn", Text: sentenceOf(err)})
	}
	if err != nil {
		return err
	}
	return r.Done("/console/deliveries", frame.Notice{State: "ok", Text: fmt.Sprintf("Brought back %s.", frame.Grouped(out.Changed))})
}

type letterPage struct {
	bar
	L        delivery.Letter
	To       who
	Sent     string // what is sent
	Original string // what the event says, if that is another
	Edited   string // entered
	Fault    string
	May      bool
}

// letter returns the delivery that a page is about.
func (p *Pages) letter(r *frame.Request) (delivery.Letter, error) {
	id, err := r.Param("id")
	if err != nil {
		return delivery.Letter{}, err
	}
	return frame.Call[delivery.Letter](r, "deliveries.get", delivery.ByID{ID: id})
}

func (p *Pages) delivery(r *frame.Request) error {
	l, err := p.letter(r)
	if err != nil {
		return err
	}
	return p.showLetter(r, http.StatusOK, l, nil)
}

func (p *Pages) showLetter(r *frame.Request, status int, l delivery.Letter, faults []frame.Fault) error {
	d := letterPage{bar: navigate(r, "/console/deliveries"), L: l, To: p.names(r).extension(l.Subscriber), Sent: indented(l.Data), May: frame.Can(r.Ctx, "deliveries:write", hostapi.Scope{}), Fault: frame.FaultIn(faults, "data")}
	if d.Edited = r.Value("data"); d.Edited == "" {
		d.Edited = d.Sent
	}
	if l.Edited {
		if e, err := frame.Call[trellis.Event](r, "events.get", api.EventByID{ID: l.Event}); err == nil {
			d.Original = indented(e.Data)
		}
	}
	v := viewOf("Delivery to "+d.To.Text, frame.Link{Text: "Deliveries", Path: "/console/deliveries"})
	v.Data, v.Faults = d, faults
	v.Code = []frame.Code{{CLI: "trellis deliveries show " + l.ID, HTTP: "GET /api/v1/deliveries/" + l.ID}, {What: "Send again", CLI: "trellis deliveries retry " + l.ID, HTTP: "POST /api/v1/deliveries/" + l.ID + "/retry"}, {What: "Drop", CLI: "trellis deliveries discard " + l.ID, HTTP: "DELETE /api/v1/deliveries/" + l.ID}}
	return r.ShowAs(status, "delivery", v)
}

func (p *Pages) sendDelivery(r *frame.Request) error {
	l, err := p.letter(r)
	if err != nil {
		return err
	}
	in := delivery.Send{ID: l.ID}
	if r.Value("do") == "edited" {
		in.Data = json.RawMessage(strings.TrimSpace(r.Value("data")))
		if text := unfit(l.Type, in.Data); text != "" {
			return p.showLetter(r, http.StatusBadRequest, l, []frame.Fault{{Field: "data", Text: text}})
		}
	}
	if _, err := frame.Call[delivery.Row](r, "deliveries.retry", in); err != nil {
		faults, err := faultOf(err, "data")
		if err != nil {
			return err
		}
		return p.showLetter(r, http.StatusConflict, l, faults)
	}
	text := "It is sent again with the same event ID: who has it already will skip it. If it does not arrive, it stands here again, with a new reason."
	if in.Data != nil {
		text = "Your copy is sent. The event itself stays as it was. If it does not arrive, it stands here again, with a new reason."
	}
	return r.Done("/console/deliveries", frame.Notice{State: "info", Text: text})
}

// unfit says what is wrong with the data of an event of a type, "" if it fits or if
// nobody knows the type.
func unfit(typ string, data []byte) string {
	var any any
	if err := json.Unmarshal(data, &any); err != nil {
		return "This is not JSON: " + err.Error() + "."
	}
	for _, s := range append(learning.Events(), extensions.Events()...) {
		if s.Name == typ && s.Data != nil {
			if err := trellis.DecodeStrict(data, reflect.New(s.Data).Interface()); err != nil {
				return "An event of this type is not so: " + err.Error() + "."
			}
		}
	}
	return ""
}

func (p *Pages) dropDelivery(r *frame.Request) error {
	l, err := p.letter(r)
	if err != nil {
		return err
	}
	if _, err := frame.Call[delivery.Row](r, "deliveries.discard", delivery.ByID{ID: l.ID}); err != nil {
		faults, err := faultOf(err, "")
		if err != nil {
			return err
		}
		return p.showLetter(r, http.StatusConflict, l, faults)
	}
	return r.Done("/console/deliveries", frame.Notice{State: "ok", Text: "Dropped. It will not arrive.", Undo: &frame.Undo{Action: "/console/deliveries/restore", Fields: map[string]string{"batch": l.ID}}})
}
