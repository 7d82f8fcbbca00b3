package slots

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"reflect"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/runtime"
)

// Fill fills places of a page, side by side. Each value is the place's container,
// <div class="slots" …>, by the name that was asked for; it is empty where nobody
// has anything to show. Fill does not fail, and takes no longer than the deadline.
func (s *Slots) Fill(ctx context.Context, p Page, wants ...Want) map[string]template.HTML {
	f := s.begin(ctx, p)
	defer f.cancel()
	for _, w := range wants {
		f.want(w)
	}
	f.ask()
	out := make(map[string]template.HTML, len(wants))
	for _, place := range f.places {
		out[place.name] = f.container(place)
		s.hub.filled(f.who, p.Course, place.name, place.late)
	}
	return out
}

// filling is one page on its way.
type filling struct {
	s      *Slots
	page   Page
	ctx    context.Context // ends at the deadline
	cancel context.CancelFunc
	ends   time.Time
	who    trellis.Actor
	trace  string
	now    time.Time
	staff  bool // whether who looks is told that something went wrong
	school bool // whether with what the tenant's extensions say of it
	roles  []string
	id     string // of this showing; those of its forms come from it
	places []*place
	shown  map[string]bool // ids of elements
	sent   *sending        // what was sent and is answered by this page; nil as a rule

	people sync.Once
	person trellis.PersonalData

	courses  sync.Once
	enrolled *Enrolled // nil where it could not be read
}

// place is a place on its way.
type place struct {
	name     string
	sections []*section
	troubles []trouble
	late     bool // whether something is missing, or old, that will come
}

// section is something that stands in a place, on its way.
type section struct {
	*item
	id   string
	done bool // whether html and err hold; only then may they be looked at
	html []byte
	err  error
}

func (s *Slots) begin(ctx context.Context, p Page) *filling {
	reach := hostapi.ReachOf(ctx, "extensions:read")
	f := &filling{
		s: s, page: p, who: trellis.ActorFrom(ctx), trace: trellis.TraceFrom(ctx).ID, now: time.Now().UTC(), id: trellis.NewID(), shown: map[string]bool{},
		staff: reach.Allows(hostapi.Scope{Course: p.Course}), school: reach.Allows(hostapi.Scope{}),
	}
	f.roles = extensions.RolesIn(f.who, p.Course)
	f.ends = f.now.Add(s.cfg.Deadline)
	f.ctx, f.cancel = context.WithDeadline(ctx, f.ends)
	return f
}

// want finds out what stands in a place.
func (f *filling) want(w Want) {
	p := &place{name: w.Slot}
	items, troubles := resolve(f.s.cfg.Registry.Slots(f.ctx, w.Slot, f.page.Course), f.who, f.page.Course, w.Default)
	p.troubles = troubles
	for _, it := range items {
		id := "slot-" + dashed(w.Slot) + "-" + dashed(it.target)
		for n := 2; f.shown[id]; n++ {
			id = "slot-" + dashed(w.Slot) + "-" + dashed(it.target) + "-" + strconv.Itoa(n)
		}
		f.shown[id] = true
		p.sections = append(p.sections, &section{item: it, id: id})
	}
	f.places = append(f.places, p)
}

// answered is a section that is made.
type answered struct {
	to   *section
	html []byte
	err  error
}

// ask makes the sections, until all are made or the deadline is reached. What is
// made later is thrown away; a guest that computes for ever is ended by its fuel.
func (f *filling) ask() {
	var todo []*section
	for _, p := range f.places {
		for _, sec := range p.sections {
			if _, known := f.sent.tree(sec.hook); known || sec.hook == nil {
				sec.html, sec.err = f.make(p.name, sec)
				sec.done = true
			} else {
				todo = append(todo, sec)
			}
		}
	}
	if len(todo) == 0 {
		return
	}
	made := make(chan answered, len(todo)) // so that nobody waits who is late
	takeTurns(f.ctx, todo, func(sec *section) string { return sec.hook.Installation() }, func(sec *section) {
		html, err := f.guarded(sec.hook.Slot().Slot, sec)
		made <- answered{sec, html, err}
	})
	take := func(a answered) {
		a.to.html, a.to.err, a.to.done = a.html, a.err, true
		f.measure(a.to)
	}
	for range todo {
		select {
		case a := <-made:
			take(a)
		case <-f.ctx.Done(): // the deadline, or whoever asked has gone
			for len(made) > 0 { // on a busy machine both may have happened before it is looked
				take(<-made)
			}
			for _, sec := range todo {
				if !sec.done {
					f.measure(sec)
				}
			}
			return
		}
	}
}

// measure counts how a section came about.
func (f *filling) measure(sec *section) {
	outcome := "shown"
	switch {
	case !sec.done:
		outcome = "late"
	case sec.err != nil:
		outcome = "failed"
	case sec.html == nil:
		outcome = "nothing"
	}
	f.s.cfg.Metrics.Slot(sec.hook.Slot().Slot, outcome, time.Since(f.now))
}

// guarded makes a section on a goroutine of its own, where a fault of ours must not
// take the process down.
func (f *filling) guarded(slot string, sec *section) (html []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			f.s.log.Error("slot panicked", "slot", slot, "extension", sec.hook.Extension(), "trace", f.trace, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			html, err = nil, trellis.Errorf(trellis.Internal, "panic")
		}
	}()
	return f.make(slot, sec)
}

// make returns the inside of a section: nothing if nothing is shown. It runs beside
// others, and changes nothing of theirs.
func (f *filling) make(slot string, sec *section) ([]byte, error) {
	node := sec.node
	if sec.hook != nil {
		var err error
		if node, err = f.shows(slot, *sec.hook); err != nil {
			return nil, err
		}
	}
	if node == nil {
		return nil, nil
	}
	return f.compose(slot, sec, *node)
}

// compose puts together what a section shows: a tree, as others change it, and what
// they add.
func (f *filling) compose(slot string, sec *section, node tree.Node) ([]byte, error) {
	b := f.s.rooms.take()
	var faults []error
	piece := func(id string, p piece) {
		var err error
		b, err = f.renderPiece(b, id, slot, p)
		faults = append(faults, err)
	}
	for i, p := range sec.before {
		piece(sec.id+"-b"+strconv.Itoa(i), p)
	}
	n, err := patched(node, sec.patches)
	faults = append(faults, err)
	b = f.render(b, sec.id+"-t", slot, sec.hook, n)
	for i, p := range sec.after {
		piece(sec.id+"-a"+strconv.Itoa(i), p)
	}
	return b, errors.Join(faults...)
}

// patched applies what other extensions change. They change what is seen, not what
// is asked: that stays between a person and the extension that offers it.
func patched(n tree.Node, patches []extensions.Hook) (tree.Node, error) {
	var faults []error
	for _, h := range patches {
		next, err := tree.Patch(n, h.Slot().Patch)
		if err == nil && !reflect.DeepEqual(next.Actions(), n.Actions()) {
			err = trellis.Errorf(trellis.Invalid, "it changes what a button or a form asks for")
		}
		if err == nil && !slices.Equal(next.Prompts(), n.Prompts()) {
			err = trellis.Errorf(trellis.Invalid, "it changes what stands on a button")
		}
		if err != nil {
			faults = append(faults, &beside{h, fmt.Errorf("the change that %s makes does not fit: %w", h.Title(), err)})
			continue
		}
		n = next
	}
	return n, errors.Join(faults...)
}

// beside is something that went wrong with a section which is there all the same.
type beside struct {
	hook extensions.Hook
	err  error
}

func (b *beside) Error() string { return b.err.Error() }
func (b *beside) Unwrap() error { return b.err }

// shows asks a hook what it shows: nil for nothing.
func (f *filling) shows(slot string, h extensions.Hook) (node *tree.Node, err error) {
	if n, ok := f.sent.tree(&h); ok {
		return n, nil
	}
	in, err := json.Marshal(f.input(slot, h))
	if err != nil {
		return nil, err
	}
	left := time.Until(f.ends)
	if left <= 0 {
		return nil, errLate
	}
	began := time.Now()
	// Once it runs it may take what its own limits allow, though the page no longer
	// waits: that others held it up must not count as its failure.
	used, err := h.Call(context.WithoutCancel(f.ctx), extensions.Call{In: in, Wait: left, Work: f.s.cfg.Deadline / 2, Read: func(raw []byte) (err error) {
		if node, err = readTree(raw); err == nil && node != nil {
			err = offered(*node, h)
		}
		if err == nil {
			f.s.kept.put(f.showing(h), bytes.Clone(raw), time.Now())
		}
		return err
	}})
	f.s.traced(f.ctx, h, slot, began, used, err)
	return node, err
}

// before returns what a hook that is late showed a moment ago.
func (f *filling) before(slot string, sec *section) (html []byte, at time.Time, ok bool) {
	raw, at, ok := f.s.kept.get(f.showing(*sec.hook), time.Now())
	if !ok {
		return nil, at, false
	}
	node, err := readTree(raw)
	if err != nil || node == nil {
		return nil, at, err == nil
	}
	html, err = f.compose(slot, sec, *node)
	return html, at, err == nil
}

// errLate says that a hook did not answer in time.
var errLate = trellis.Errorf(trellis.Unavailable, "too late")

// passing reports whether something went wrong that is not the extension's fault, or
// soon over: there was no time for it.
func passing(err error) bool {
	return errors.Is(err, errLate) || errors.Is(err, runtime.ErrTime) || trellis.KindOf(err) == trellis.Exhausted
}

// offered checks that a tree asks for nothing but what the manifest says that people
// may ask.
func offered(n tree.Node, h extensions.Hook) error {
	for _, a := range n.Actions() {
		if _, ok := h.Action(a.Export); !ok {
			return trellis.Errorf(trellis.Invalid, "a button or form asks for %.80q, which the manifest does not name among the actions of this slot", a.Export)
		}
		if raw, err := json.Marshal(a); err != nil || len(raw) > maxOffer-4<<10 {
			return trellis.Errorf(trellis.Invalid, "the form that asks for %.80q has too much to choose from", a.Export)
		}
	}
	return nil
}

// traced remembers a call for whoever looks into the trace.
func (s *Slots) traced(ctx context.Context, h extensions.Hook, slot string, began time.Time, used runtime.Stats, err error) {
	if s.cfg.Traces != nil {
		s.cfg.Traces.Slot(ctx, h, slot, began, used, err)
	}
}

// wantOf returns the place of a page with a name.
func wantOf(wants []Want, slot string) (Want, bool) {
	i := slices.IndexFunc(wants, func(w Want) bool { return w.Slot == slot })
	if i < 0 {
		return Want{}, false
	}
	return wants[i], true
}
