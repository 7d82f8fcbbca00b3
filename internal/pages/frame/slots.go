package frame

import (
	"html/template"
	"net/http"
	"strings"

	"github.com/trellis-learning/trellis/extensions/slots"
)

// ShowSlots answers with a page that has slots, or with the one of them that a
// script asks for; and it does what a form in one of them asks for. The course is
// the one that the page is about, "" if it is about none.
func (r *Request) ShowSlots(name, course string, wants []slots.Want, v View) error {
	return r.ShowSlotsAs(http.StatusOK, name, course, wants, v)
}

// ShowSlotsAs is showSlots with a status: that of what else was asked of the page.
func (r *Request) ShowSlotsAs(status int, name, course string, wants []slots.Want, v View) error {
	page := slots.Page{URL: r.Base + r.here(), Base: r.Base, Course: course, CSRF: r.csrf(), Locale: "en"}
	if r.Form != nil && slots.Acts(r.Form.Values) {
		return r.act(name, page, wants, v)
	}
	if r.Part != "" {
		for _, w := range wants {
			if w.Slot == r.Part {
				return r.html(http.StatusOK, []byte(r.f.cfg.Slots.Fill(r.Ctx, page, w)[w.Slot]))
			}
		}
	}
	v.Live = r.live(page, wants)
	v.Slots = r.f.cfg.Slots.Fill(r.Ctx, page, wants...)
	return r.ShowAs(status, name, v)
}

// live returns the path of the stream that the page follows, "" for those who are
// not signed in: nobody follows anything.
func (r *Request) live(page slots.Page, wants []slots.Want) string {
	if !SignedIn(r.Ctx) {
		return ""
	}
	names := make([]string, len(wants))
	for i, w := range wants {
		names[i] = w.Slot
	}
	return strings.TrimPrefix(r.f.cfg.Slots.Live(r.Ctx, page, names...), r.Base)
}

// act does what a form in a slot asks for. A script gets the slot, or where to go;
// without one the whole page is the answer.
func (r *Request) act(name string, page slots.Page, wants []slots.Want, v View) error {
	page.Says = r.Part == ""
	out, err := r.f.cfg.Slots.Act(r.Ctx, page, r.Form.Values, wants...)
	if err != nil {
		return err
	}
	state := out.State
	if state == "" {
		state = "ok"
	}
	switch {
	case out.Redirect != "" && r.Part != "":
		return r.json(http.StatusOK, map[string]string{"redirect": out.Redirect})
	case out.Redirect != "":
		return r.GoTo(strings.TrimPrefix(out.Redirect, r.Base))
	case r.Part != "":
		return r.html(http.StatusOK, []byte(out.HTML))
	}
	if out.Message != "" && !out.Faults {
		v.Notice = &Notice{State: state, Text: out.Message}
	}
	v.Live = r.live(page, wants)
	v.Slots = map[string]template.HTML{out.Slot: out.HTML}
	var others []slots.Want
	for _, w := range wants {
		if w.Slot != out.Slot {
			others = append(others, w)
		}
	}
	for slot, html := range r.f.cfg.Slots.Fill(r.Ctx, page, others...) {
		v.Slots[slot] = html
	}
	return r.Show(name, v)
}
