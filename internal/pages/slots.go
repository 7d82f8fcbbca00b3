package pages

import (
	"html/template"
	"net/http"
	"strings"

	"github.com/trellis-learning/trellis/extensions/slots"
)

// showSlots answers with a page that has slots, or with the one of them that a
// script asks for; and it does what a form in one of them asks for. The course is
// the one that the page is about, "" if it is about none.
func (r *request) showSlots(name, course string, wants []slots.Want, v view) error {
	return r.showSlotsAs(http.StatusOK, name, course, wants, v)
}

// showSlotsAs is showSlots with a status: that of what else was asked of the page.
func (r *request) showSlotsAs(status int, name, course string, wants []slots.Want, v view) error {
	page := slots.Page{URL: r.base + r.here(), Base: r.base, Course: course, CSRF: r.csrf(), Locale: "en"}
	if r.form != nil && slots.Acts(r.form.Values) {
		return r.act(name, page, wants, v)
	}
	if r.part != "" {
		for _, w := range wants {
			if w.Slot == r.part {
				return r.html(http.StatusOK, []byte(r.p.cfg.Slots.Fill(r.ctx, page, w)[w.Slot]))
			}
		}
	}
	v.Live = r.live(page, wants)
	v.Slots = r.p.cfg.Slots.Fill(r.ctx, page, wants...)
	return r.showAs(status, name, v)
}

// live returns the path of the stream that the page follows, "" for those who are
// not signed in: nobody follows anything.
func (r *request) live(page slots.Page, wants []slots.Want) string {
	if !signedIn(r.ctx) {
		return ""
	}
	names := make([]string, len(wants))
	for i, w := range wants {
		names[i] = w.Slot
	}
	return strings.TrimPrefix(r.p.cfg.Slots.Live(r.ctx, page, names...), r.base)
}

// act does what a form in a slot asks for. A script gets the slot, or where to go;
// without one the whole page is the answer.
func (r *request) act(name string, page slots.Page, wants []slots.Want, v view) error {
	page.Says = r.part == ""
	out, err := r.p.cfg.Slots.Act(r.ctx, page, r.form.Values, wants...)
	if err != nil {
		return err
	}
	state := out.State
	if state == "" {
		state = "ok"
	}
	switch {
	case out.Redirect != "" && r.part != "":
		return r.json(http.StatusOK, map[string]string{"redirect": out.Redirect})
	case out.Redirect != "":
		return r.goTo(strings.TrimPrefix(out.Redirect, r.base))
	case r.part != "":
		return r.html(http.StatusOK, []byte(out.HTML))
	}
	if out.Message != "" && !out.Faults {
		v.Notice = &notice{State: state, Text: out.Message}
	}
	v.Live = r.live(page, wants)
	v.Slots = map[string]template.HTML{out.Slot: out.HTML}
	var others []slots.Want
	for _, w := range wants {
		if w.Slot != out.Slot {
			others = append(others, w)
		}
	}
	for slot, html := range r.p.cfg.Slots.Fill(r.ctx, page, others...) {
		v.Slots[slot] = html
	}
	return r.show(name, v)
}
