package slots

import (
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
	"github.com/trellis-learning/trellis/runtime"
)

// container writes a place with all that stands in it, once: what its sections were
// written in is used for others then.
func (f *filling) container(p *place) template.HTML {
	defer f.cleared(p)
	var b strings.Builder
	b.Grow(p.size())
	name := template.HTMLEscapeString(p.name)
	fmt.Fprintf(&b, `<div class="slots" data-slots="%s" id="slots-%s">`, name, dashed(p.name))
	f.sent.outside(&b, p)
	troubles := p.troubles
	for _, sec := range p.sections {
		html, err := sec.html, sec.err
		if !sec.done {
			err = errLate
		}
		if html == nil && passing(err) {
			p.late = true
			if old, at, ok := f.before(p.name, sec); ok {
				html, err = old, &older{err, at}
			}
		}
		troubles = append(troubles, sec.troubles(err)...)
		var old *older
		if html == nil && err != nil && sec.node != nil && !errors.As(err, &old) { // what the page itself shows stands where its replacement does not come
			sec = &section{item: &item{target: sec.target, node: sec.node}, id: sec.id}
			html, _ = f.make(p.name, sec)
		}
		if html != nil {
			f.section(&b, name, sec, html)
		}
	}
	if f.staff {
		f.troubles(&b, name, append(troubles, f.stopped(p.name)...))
	}
	b.WriteString("</div>")
	return template.HTML(b.String()) // of escaped text, and what the tree renderer wrote
}

// size returns about how many bytes a place takes: so that what is long is not
// copied again and again while it is put together.
func (p *place) size() int {
	const frame = 512 // of a place, and of each section
	n := frame
	for _, sec := range p.sections {
		n += frame + len(sec.html)
	}
	return n
}

// cleared gives back the rooms of a place's sections. That of a late one is left to
// whoever still writes in it.
func (f *filling) cleared(p *place) {
	for _, sec := range p.sections {
		if sec.done {
			f.s.rooms.give(sec.html)
			sec.html = nil
		}
	}
}

// section writes one thing that stands in a place.
func (f *filling) section(b *strings.Builder, slot string, sec *section, html []byte) {
	fmt.Fprintf(b, `<section class="slot" data-slot="%s" id="%s" tabindex="-1"`, slot, sec.id)
	var titles []string
	if sec.hook != nil {
		label := sec.hook.Slot().Title
		if label == "" {
			label = sec.hook.Title()
		}
		fmt.Fprintf(b, ` role="group" data-extension="%s" aria-label="%s"`, template.HTMLEscapeString(sec.hook.Extension()), attribute(label))
		titles = append(titles, sec.hook.Title())
	}
	b.WriteString(">")
	if f.sent.answers(sec.hook) {
		f.sent.notice(b, sec.id)
	}
	b.Write(html)
	for _, h := range sec.helpers() {
		titles = append(titles, h.Title())
	}
	if len(titles) > 0 {
		b.WriteString(`<footer class="slot-foot">from `)
		for i, t := range titles {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString("<bdi>" + template.HTMLEscapeString(plain(t)) + "</bdi>")
		}
		b.WriteString("</footer>")
	}
	b.WriteString("</section>")
}

// helpers returns the others who have a part in what is shown, each once.
func (it *item) helpers() []extensions.Hook {
	var all []extensions.Hook
	add := func(h extensions.Hook) {
		for _, o := range all {
			if o.Installation() == h.Installation() {
				return
			}
		}
		all = append(all, h)
	}
	for _, h := range it.patches {
		add(h)
	}
	for _, pieces := range [][]piece{it.before, it.after} {
		for _, p := range pieces {
			add(p.hook)
		}
	}
	return all
}

// troubles takes apart what went wrong with a section: with itself, or with what
// others do to it.
func (sec *section) troubles(err error) []trouble {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var out []trouble
		for _, e := range many.Unwrap() {
			out = append(out, sec.troubles(e)...)
		}
		return out
	}
	var b *beside
	switch {
	case errors.As(err, &b):
		return []trouble{{b.hook, b.err}}
	case sec.hook != nil:
		return []trouble{{*sec.hook, err}}
	}
	return nil
}

// stopped returns what is not in a place because those who run the tenant have
// stopped it.
func (f *filling) stopped(slot string) (all []trouble) {
	for _, h := range f.s.cfg.Registry.StoppedSlots(f.ctx, slot, f.page.Course) {
		if h.ShownTo(f.who, f.page.Course) {
			all = append(all, trouble{hook: h})
		}
	}
	return all
}

// troubles writes what happened, for those who look after extensions: with the way to
// the page of each. That an extension is off is said once in a place.
func (f *filling) troubles(b *strings.Builder, slot string, all []trouble) {
	off := map[string]bool{}
	for _, t := range all {
		whole := f.school || t.hook.Owner().Course != ""
		text, isOff := switchedOff(t.hook, whole)
		switch {
		case isOff && off[t.hook.Installation()]:
			continue
		case isOff:
			off[t.hook.Installation()] = true
		default:
			text = said(t.err, f.s.cfg.Deadline, whole)
		}
		fmt.Fprintf(b, `<p class="slot-trouble" data-slot="%s" data-extension="%s"><a href="%s"><bdi>%s</bdi></a> %s`, slot, template.HTMLEscapeString(t.hook.Extension()),
			template.HTMLEscapeString(f.pageOf(t.hook)), template.HTMLEscapeString(plain(t.hook.Title())), template.HTMLEscapeString(plain(text)))
		if f.trace != "" && !isOff {
			b.WriteString(" Trace <code>" + template.HTMLEscapeString(f.trace) + "</code>")
		}
		b.WriteString("</p>")
	}
}

// pageOf returns the address of the page about an extension, for those who see it here.
func (f *filling) pageOf(h extensions.Hook) string {
	if f.page.Course == "" {
		return f.page.Base + "/console/extensions/" + url.PathEscape(h.Extension())
	}
	return f.page.Base + "/courses/" + url.PathEscape(f.page.Course) + "/extensions/" + url.PathEscape(h.Extension())
}

// switchedOff says that an extension is off, by whom and why, as the rest of a
// sentence that begins with its title. What an extension of the school said when it
// stopped itself is for those who may read it.
func switchedOff(h extensions.Hook, whole bool) (text string, off bool) {
	off, byPeople, reason := h.Off()
	text = "is off. It stopped itself"
	if !byPeople && !whole {
		reason = ""
	}
	if byPeople {
		text = "is switched off by those who run the school"
	}
	if reason = strings.TrimSuffix(strings.TrimSpace(reason), "."); reason != "" {
		text += ": " + reason
	}
	return text + ".", off
}

// older is that something is late, and shown as it was.
type older struct {
	error
	at time.Time
}

func (o *older) Unwrap() error { return o.error }

// said says what went wrong, as the rest of a sentence that begins with the
// extension's title. What the extension itself says of it may be about anybody, and
// is left out unless it is for who looks.
func said(err error, deadline time.Duration, all bool) string {
	var old *older
	if errors.As(err, &old) {
		return said(old.error, deadline, all) + " What it showed at " + old.at.UTC().Format("15:04:05") + " UTC stands."
	}
	switch {
	case errors.Is(err, errLate):
		return fmt.Sprintf("did not answer in %d ms.", deadline.Milliseconds())
	case errors.Is(err, runtime.ErrTime):
		return "did not answer in the time that it may take."
	case errors.Is(err, runtime.ErrFuel):
		return "was stopped: it computed without end."
	case !all:
		return "is not shown as it should be."
	}
	text := []rune(err.Error())
	if len(text) > 300 {
		text = append(text[:300], '…')
	}
	return "is not shown: " + strings.TrimSuffix(string(text), ".") + "."
}

// plain returns a text of somebody else's as it may stand among ours: in one line,
// without what turns the direction of what follows.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, s)
}

// attribute returns a text as it may stand in an attribute.
func attribute(s string) string { return template.HTMLEscapeString(plain(s)) }

// render appends a tree of a hook's, or of the page's own.
func (f *filling) render(b []byte, id, slot string, h *extensions.Hook, n tree.Node) []byte {
	o := tree.Options{URL: f.page.URL, ID: id, Base: f.page.Base}
	if h != nil {
		o.Assets = f.assets(*h)
		if f.who.Kind == trellis.PersonActor && f.who.ID != "" {
			o.Hidden = f.hidden(id, slot, *h)
		}
		f.sent.enter(&o, h)
	}
	return tree.Append(b, n, o)
}

// renderPiece appends what a manifest shows before or after something.
func (f *filling) renderPiece(b []byte, id, slot string, p piece) ([]byte, error) {
	n, err := tree.Decode(p.raw)
	if err == nil {
		err = offered(n, p.hook)
	}
	if err != nil {
		return b, &beside{p.hook, err}
	}
	return f.render(b, id, slot, &p.hook, n), nil
}

// assets returns where the files are that a hook's bundle has; nil if there is no
// second origin.
func (f *filling) assets(h extensions.Hook) func(string) (string, bool) {
	if f.s.cfg.ContentURL == "" {
		return nil
	}
	base := strings.TrimSuffix(f.s.cfg.ContentURL, "/") + "/assets/" + h.Digest() + "/"
	return func(path string) (string, bool) {
		path = strings.TrimPrefix(path, "assets/")
		if !h.HasAsset(f.ctx, path) {
			return "", false // its alternative text says what it is
		}
		parts := strings.Split(path, "/")
		for i, p := range parts {
			parts[i] = url.PathEscape(p)
		}
		return base + strings.Join(parts, "/"), true
	}
}

// hidden returns what a form carries besides what is entered: the page's token, and
// what was offered to whom.
func (f *filling) hidden(id, slot string, h extensions.Hook) func(tree.Action) []tree.Field {
	n := 0
	return func(a tree.Action) []tree.Field {
		n++
		sealed := f.s.offers.seal(offer{
			ID: trellis.DerivedID(f.id, id, fmt.Sprint(n)), Hook: h.ID(), Version: h.Version(), Slot: slot, Tenant: f.who.Tenant, Course: f.page.Course, Person: f.who.ID,
			Ends: f.now.Add(f.s.cfg.Offer).Unix(), Action: a,
		})
		return []tree.Field{{Name: "csrf", Value: f.page.CSRF}, {Name: offerField, Value: sealed}}
	}
}
