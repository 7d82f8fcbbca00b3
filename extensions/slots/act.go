package slots

import (
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
)

// Outcome is what came of an action.
type Outcome struct {
	Slot     string        // that the action belongs to
	HTML     template.HTML // its container, made again, with the answer in it
	Message  string        // what is to be said to the person; may be empty
	State    string        // how it is meant: "ok", "warn", "bad" or "info"
	Redirect string        // path within the tenant, with the page's base, to go to instead; "" for none
	Faults   bool          // whether what was entered was not taken: the form stands in HTML again, with what was entered
}

// Acts reports whether a form that was posted is that of a slot: whether it is for
// [Slots.Act].
func Acts(form url.Values) bool { return form.Has(offerField) }

// Act does what a person asked for by a button or form in a slot of the page. The
// page has checked the CSRF token. Wants are the places of the page, as for Fill:
// the outcome's container replaces what Fill would return for its slot.
//
// What an extension answers, its no and its failure too, is an [Outcome]. An error
// means that nothing was asked of it: the form was not made for this person on this
// page ([trellis.Denied]), or makes no sense ([trellis.Invalid]).
func (s *Slots) Act(ctx context.Context, p Page, form url.Values, wants ...Want) (Outcome, error) {
	if len(form[offerField]) != 1 {
		return Outcome{}, errForged()
	}
	o, err := s.offers.open(form.Get(offerField))
	if err != nil {
		return Outcome{}, err
	}
	who := trellis.ActorFrom(ctx)
	want, ok := wantOf(wants, o.Slot)
	if !ok || who.Kind != trellis.PersonActor || o.Person != who.ID || o.Tenant != who.Tenant || o.Course != p.Course {
		return Outcome{}, errForged()
	}
	sent := &sending{offer: o, form: form}
	hook, action, ok := s.offeredBy(ctx, o, who, want)
	switch {
	case !ok:
		sent.hook = nil
		return s.answer(ctx, p, want, sent, "warn", "This is no longer offered here, so nothing was done.")
	case o.ended(time.Now()):
		sent.hook = &hook
		return s.again(ctx, p, want, sent, nil, "warn", "This page was open for so long that nothing was sent. Look at what you entered, and send it again.")
	case o.Version != hook.Version():
		sent.hook = &hook
		return s.again(ctx, p, want, sent, nil, "warn", hook.Title()+" has changed meanwhile, so nothing was sent. Look at what you entered, and send it again.")
	}
	sent.hook = &hook
	values, faults, err := o.Action.Read(form)
	switch {
	case err != nil:
		return Outcome{}, err
	case len(faults) > 0:
		return s.again(ctx, p, want, sent, faults, "bad", "Not sent. Correct what is marked, and send it again.")
	}
	return s.perform(ctx, p, want, sent, action, values)
}

// offeredBy finds the hook that made an offer, if it still makes it to that person:
// if it still is what stands in the place, and may ask for that.
func (s *Slots) offeredBy(ctx context.Context, o offer, who trellis.Actor, want Want) (hook, action extensions.Hook, ok bool) {
	items, _ := resolve(s.cfg.Registry.Slots(ctx, o.Slot, o.Course), who, o.Course, want.Default)
	for _, it := range items {
		for _, h := range it.hooks() {
			if h.ID() == o.Hook {
				action, ok = h.Action(o.Action.Export)
				return h, action, ok
			}
		}
	}
	return hook, action, false
}

// perform asks the extension to do it. The person acts, through the extension: its
// grants narrow what the person may. What is sent twice has one ID, from which also
// come those of what it makes.
func (s *Slots) perform(ctx context.Context, p Page, want Want, sent *sending, action extensions.Hook, values json.RawMessage) (Outcome, error) {
	f := s.begin(ctx, p)
	f.cancel()
	f.ctx = ctx // it takes the time that it may take, not that of a page
	id := trellis.DerivedID(sent.offer.ID, action.ID(), string(values))
	in, err := json.Marshal(Acted{Asked: f.input(want.Slot, action), ID: id, Action: action.Export(), Values: values})
	if err != nil {
		return Outcome{}, err
	}
	var reply Reply
	began := time.Now()
	used, err := action.Call(ctx, extensions.Call{In: in, Seed: id, Read: func(raw []byte) (err error) {
		var n *tree.Node
		if reply, n, err = ReadReply(raw); err == nil && n != nil {
			err = offered(*n, *sent.hook)
		}
		if err != nil {
			return trellis.Errorf(trellis.Unavailable, "%w", err) // its failure, not a word of its own to the person
		}
		sent.answered, sent.hasTree = n, len(reply.Tree) > 0
		return nil
	}})
	s.traced(ctx, action, want.Slot, began, used, err)
	if err != nil {
		return s.refused(ctx, p, want, sent, action, err)
	}
	if reply.Redirect != "" {
		return Outcome{Slot: want.Slot, Redirect: p.Base + reply.Redirect}, nil
	}
	return s.answer(ctx, p, want, sent, reply.State, reply.Message)
}

// refused answers that the extension said no, in its words, or that it failed. What
// was entered is kept.
func (s *Slots) refused(ctx context.Context, p Page, want Want, sent *sending, action extensions.Hook, err error) (Outcome, error) {
	switch trellis.KindOf(err) {
	case trellis.Unavailable, trellis.Internal:
		s.log.Warn("action of a slot failed", "extension", action.Extension(), "action", action.Export(), "slot", want.Slot, "err", err)
		return s.again(ctx, p, want, sent, nil, "bad", action.Title()+" could not do that. What you entered is kept; try again in a while.")
	}
	text := []rune(plain(strings.TrimPrefix(err.Error(), "hook "+action.Export()+": "))) // what the runtime adds is for operators
	return s.again(ctx, p, want, sent, nil, "bad", string(text[:min(len(text), MaxMessage)]))
}

// again shows the form with what was entered.
func (s *Slots) again(ctx context.Context, p Page, want Want, sent *sending, faults map[string]string, state, message string) (Outcome, error) {
	sent.kept, sent.faults = true, faults
	out, err := s.answer(ctx, p, want, sent, state, message)
	out.Faults = true
	return out, err
}

// answer makes the place again.
func (s *Slots) answer(ctx context.Context, p Page, want Want, sent *sending, state, message string) (Outcome, error) {
	sent.state, sent.message = state, message
	f := s.begin(ctx, p)
	defer f.cancel()
	f.sent = sent
	sent.said = p.Says && !sent.kept
	f.want(want)
	f.ask()
	out := Outcome{Slot: want.Slot, HTML: f.container(f.places[0]), Message: message, State: state}
	s.hub.filled(f.who, p.Course, want.Slot, f.places[0].late)
	return out, nil
}

// sending is something that was sent, on its way back into the page. A nil one is
// none.
type sending struct {
	offer   offer
	form    url.Values
	hook    *extensions.Hook // that offered it; nil if it no longer does
	message string
	state   string

	answered *tree.Node // what the extension answered to show
	hasTree  bool       // whether it did, were it nothing
	kept     bool       // whether the form is shown again, with what was entered
	said     bool       // whether the page says the message
	faults   map[string]string
}

// answers reports whether this is about what a hook shows.
func (s *sending) answers(h *extensions.Hook) bool {
	return s != nil && s.hook != nil && h != nil && s.hook.ID() == h.ID()
}

// tree returns what the extension answered to show.
func (s *sending) tree(h *extensions.Hook) (*tree.Node, bool) {
	if !s.answers(h) || !s.hasTree {
		return nil, false
	}
	return s.answered, true
}

// enter puts what was entered back into the form.
func (s *sending) enter(o *tree.Options, h *extensions.Hook) {
	if s.answers(h) && s.kept {
		o.Sent, o.Entered, o.Faults = &s.offer.Action, s.form, s.faults
	}
}

// notice writes the message into the element with an id. It has one of its own, so
// that a script which makes one page of another tells it from what the slot shows.
func (s *sending) notice(b *strings.Builder, id string) {
	if s.message == "" || s.said {
		return
	}
	fmt.Fprintf(b, `<div id="%s.notice" class="notice" data-state="%s"><p>%s</p></div>`, id, template.HTMLEscapeString(s.state), template.HTMLEscapeString(plain(s.message)))
}

// outside writes the message where there is nothing of the extension in the place
// that it could stand in.
func (s *sending) outside(b *strings.Builder, p *place) {
	if s == nil || slices.ContainsFunc(p.sections, func(sec *section) bool { return s.answers(sec.hook) && sec.html != nil }) {
		return
	}
	s.notice(b, "slots-"+dashed(p.name))
}
