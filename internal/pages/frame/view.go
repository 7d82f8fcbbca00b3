package frame

import (
	"html/template"
	"net/http"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
)

// View is what a page shows. What stands below the line is filled in for it.
type View struct {
	Title  string // the h1, and what the window is called
	Lead   string // a sentence below it
	Nav    string // which entry of the main navigation is the page's
	Crumbs []Link
	Notice *Notice                  // what was done; else what the page before has left
	Faults []Fault                  // what is wrong with the form that was sent
	Code   []Code                   // what does the same without a browser
	Live   string                   // path of the stream that says which slots are stale
	Width  string                   // "narrow", "wide", or the usual one
	Bare   bool                     // without navigation
	Slots  map[string]template.HTML // what extensions show, by place; see [Request.ShowSlots]
	Data   any                      // for the page's own template

	// ---
	Base, CSRF, Here string
	School           school
	Me               *me
	Links            []Link // main navigation
	CSS, JS, Icon    string
	Version          string
	Now              time.Time
}

// Link is where one can go.
type Link struct{ Text, Path string }

// Code is how something is done without a browser.
type Code struct{ What, CLI, HTTP string }

// Notice says what was done, or what is the case.
type Notice struct {
	State string `json:"s"` // ok, warn, bad, info
	Text  string `json:"t"`
	Next  *Link  `json:"n,omitempty"` // where to go on
	Undo  *Undo  `json:"u,omitempty"`
}

// Undo is the form that takes back what was done.
type Undo struct {
	Label  string            `json:"l"` // "Undo", if empty
	Action string            `json:"a"` // path
	Fields map[string]string `json:"f,omitempty"`
}

// Fault is what is wrong with a field of a form, in the words that stand at the
// field, too.
type Fault struct{ Field, Text string }

// school is how the tenant shows itself. Logo and CSS are paths, "" for none.
type school struct{ Name, Title, Logo, CSS string }

// me is who is signed in.
type me struct {
	ID, Name string
	Console  bool // whether there is anything in the console for her
	Operator bool
}

// Show answers with a page.
func (r *Request) Show(name string, v View) error { return r.ShowAs(http.StatusOK, name, v) }

// ShowAs answers with a page and a status.
func (r *Request) ShowAs(status int, name string, v View) error {
	if err := r.complete(&v); err != nil {
		return err
	}
	page, err := r.made.execute(name, "layout", v)
	if err != nil {
		return err
	}
	return r.html(status, page)
}

// ShowPart answers with a part of a page: a template that the page's file defines.
func (r *Request) ShowPart(name, part string, v View) error {
	if err := r.complete(&v); err != nil {
		return err
	}
	out, err := r.made.execute(name, part, v)
	if err != nil {
		return err
	}
	return r.html(http.StatusOK, out)
}

// complete fills in what every page shows.
func (r *Request) complete(v *View) error {
	v.Base, v.CSRF, v.Here, v.Version, v.Now = r.Base, r.csrf(), r.here(), r.f.cfg.Version, time.Now()
	v.CSS, v.JS, v.Icon = r.f.at("trellis.css"), r.f.at("trellis.js"), r.f.at("icon.svg")
	if v.Notice == nil && r.Part == "" {
		v.Notice = r.left()
	}
	if err := r.introduce(v); err != nil {
		return err
	}
	v.Links = navigation(v.Me)
	return nil
}

// introduce finds out who is signed in, and where.
func (r *Request) introduce(v *View) error {
	v.School = school{Title: "Trellis"}
	actor := trellis.ActorFrom(r.Ctx)
	if actor.Tenant != "" && actor.Tenant != trellis.PlatformTenant {
		t, err := r.f.cfg.Learning.Tenant(r.Ctx)
		if err != nil {
			return err
		}
		v.School = school{t.Name, t.Title, r.f.cfg.Theming.Logo(t.Logo), r.f.cfg.Theming.Sheet(t.Accent)}
	}
	if !SignedIn(r.Ctx) {
		return nil
	}
	who, err := Call[learning.Me](r, "users.me", struct{}{})
	if err != nil {
		return err
	}
	v.Me = &me{ID: actor.ID, Name: "Signed in", Operator: actor.Is(trellis.RoleOperator), Console: Can(r.Ctx, "extensions:read", hostapi.Scope{})}
	if who.User != nil && who.User.Name != "" {
		v.Me.Name = who.User.Name
	} else if who.User != nil && who.User.Username != "" {
		v.Me.Name = who.User.Username
	} else if v.Me.Operator {
		v.Me.Name = "Operator"
	}
	return nil
}

func navigation(who *me) []Link {
	if who == nil {
		return nil
	}
	if who.Console {
		return []Link{{"Courses", "/courses"}, {"Console", "/console"}}
	}
	return []Link{{"My courses", "/courses"}}
}
