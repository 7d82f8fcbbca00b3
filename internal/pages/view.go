package pages

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
)

// view is what a page shows. What stands below the line is filled in for it.
type view struct {
	Title  string // the h1, and what the window is called
	Lead   string // a sentence below it
	Nav    string // which entry of the main navigation is the page's
	Crumbs []link
	Notice *notice                  // what was done; else what the page before has left
	Faults []fault                  // what is wrong with the form that was sent
	Code   []code                   // what does the same without a browser
	Live   string                   // path of the stream that says which slots are stale
	Width  string                   // "narrow", "wide", or the usual one
	Bare   bool                     // without navigation
	Slots  map[string]template.HTML // what extensions show, by place; see [request.showSlots]
	Data   any                      // for the page's own template

	// ---
	Base, CSRF, Here string
	School           school
	Me               *me
	Links            []link // main navigation
	CSS, JS, Icon    string
	Version          string
	Now              time.Time
}

// link is where one can go.
type link struct{ Text, Path string }

// code is how something is done without a browser.
type code struct{ What, CLI, HTTP string }

// notice says what was done, or what is the case.
type notice struct {
	State string `json:"s"` // ok, warn, bad, info
	Text  string `json:"t"`
	Next  *link  `json:"n,omitempty"` // where to go on
	Undo  *undo  `json:"u,omitempty"`
}

// undo is the form that takes back what was done.
type undo struct {
	Label  string            `json:"l"` // "Undo", if empty
	Action string            `json:"a"` // path
	Fields map[string]string `json:"f,omitempty"`
}

// fault is what is wrong with a field of a form, in the words that stand at the
// field, too.
type fault struct{ Field, Text string }

// school is how the tenant shows itself. Logo and CSS are paths, "" for none.
type school struct{ Name, Title, Logo, CSS string }

// me is who is signed in.
type me struct {
	ID, Name string
	Console  bool // whether there is anything in the console for her
	Operator bool
}

func (p *Pages) parse() error {
	shared, err := template.New("").Funcs(p.functions()).ParseFS(templates, "templates/layout.html", "templates/parts*.html")
	if err != nil {
		return err
	}
	files, err := fs.Glob(templates, "templates/*.html")
	if err != nil {
		return err
	}
	for _, f := range files {
		name := strings.TrimSuffix(path.Base(f), ".html")
		if name == "layout" || strings.HasPrefix(name, "parts") {
			continue
		}
		t, err := shared.Clone()
		if err != nil {
			return err
		}
		if p.made[name], err = t.ParseFS(templates, f); err != nil {
			return err
		}
	}
	return nil
}

// functions are what templates can do besides.
func (p *Pages) functions() template.FuncMap {
	return template.FuncMap{
		"seg":  url.PathEscape,
		"time": func(t time.Time) template.HTML { return timeHTML(t) },
		"day":  dayHTML,
		"moment": func(t time.Time) template.HTML {
			return template.HTML(fmt.Sprintf(`<time datetime="%s">%s UTC</time>`, t.UTC().Format(time.RFC3339Nano), t.UTC().Format("2 Jan 2006, 15:04:05")))
		},
		"plural": func(n int, one, many string) string {
			if n == 1 {
				return "1 " + one
			}
			return fmt.Sprintf("%d %s", n, many)
		},
		"bytes":  func(n int64) string { return size(n) },
		"dict":   dict,
		"fault":  faultIn,
		"track":  track,
		"filled": func(place template.HTML) bool { return strings.Contains(string(place), `class="slot"`) },
	}
}

// timeHTML is a point in time as pages show it: absolute, in UTC.
func timeHTML(t time.Time) template.HTML {
	if t.IsZero() {
		return "–"
	}
	t = t.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s UTC</time>`, t.Format(time.RFC3339), t.Format("2 Jan 2006, 15:04")))
}

// dayHTML is the day of a point in time, "" for none.
func dayHTML(of any) template.HTML {
	var t time.Time
	switch v := of.(type) {
	case time.Time:
		t = v
	case *time.Time:
		if v != nil {
			t = *v
		}
	}
	if t.IsZero() {
		return ""
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time>`, t.UTC().Format(time.RFC3339), onDay(t)))
}

// size is a number of bytes as people say it.
func size(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d bytes", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// faultIn is what is wrong with a field, "" for nothing.
func faultIn(list []fault, field string) string {
	for _, f := range list {
		if f.Field == field {
			return f.Text
		}
	}
	return ""
}

// dict makes the data of a part of a template: names and values in turn.
func dict(pairs ...any) (map[string]any, error) {
	d := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is no name", pairs[i])
		}
		d[name] = pairs[i+1]
	}
	return d, nil
}

// show answers with a page.
func (r *request) show(name string, v view) error { return r.showAs(http.StatusOK, name, v) }

// showAs answers with a page and a status.
func (r *request) showAs(status int, name string, v view) error {
	if err := r.complete(&v); err != nil {
		return err
	}
	page, err := r.p.execute(name, "layout", v)
	if err != nil {
		return err
	}
	return r.html(status, page)
}

// showPart answers with a part of a page: a template that the page's file defines.
func (r *request) showPart(name, part string, v view) error {
	if err := r.complete(&v); err != nil {
		return err
	}
	out, err := r.p.execute(name, part, v)
	if err != nil {
		return err
	}
	return r.html(http.StatusOK, out)
}

func (p *Pages) execute(name, part string, v view) ([]byte, error) {
	t := p.made[name]
	if t == nil {
		return nil, fmt.Errorf("there is no page %q", name)
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, part, v); err != nil {
		return nil, fmt.Errorf("make the page %s: %w", name, err)
	}
	return out.Bytes(), nil
}

// complete fills in what every page shows.
func (r *request) complete(v *view) error {
	v.Base, v.CSRF, v.Here, v.Version, v.Now = r.base, r.csrf(), r.here(), r.p.cfg.Version, time.Now()
	v.CSS, v.JS, v.Icon = r.p.at("trellis.css"), r.p.at("trellis.js"), r.p.at("icon.svg")
	if v.Notice == nil && r.part == "" {
		v.Notice = r.left()
	}
	if err := r.introduce(v); err != nil {
		return err
	}
	v.Links = navigation(v.Me)
	return nil
}

// introduce finds out who is signed in, and where.
func (r *request) introduce(v *view) error {
	v.School = school{Title: "Trellis"}
	actor := trellis.ActorFrom(r.ctx)
	if actor.Tenant != "" && actor.Tenant != trellis.PlatformTenant {
		t, err := r.p.cfg.Learning.Tenant(r.ctx)
		if err != nil {
			return err
		}
		v.School = school{t.Name, t.Title, r.p.cfg.Theming.Logo(t.Logo), r.p.cfg.Theming.Sheet(t.Accent)}
	}
	if !signedIn(r.ctx) {
		return nil
	}
	who, err := call[learning.Me](r, "users.me", struct{}{})
	if err != nil {
		return err
	}
	v.Me = &me{ID: actor.ID, Name: "Signed in", Operator: actor.Is(trellis.RoleOperator), Console: can(r.ctx, "extensions:read", hostapi.Scope{})}
	if who.User != nil && who.User.Name != "" {
		v.Me.Name = who.User.Name
	} else if who.User != nil && who.User.Username != "" {
		v.Me.Name = who.User.Username
	} else if v.Me.Operator {
		v.Me.Name = "Operator"
	}
	return nil
}

func navigation(who *me) []link {
	if who == nil {
		return nil
	}
	if who.Console {
		return []link{{"Courses", "/courses"}, {"Console", "/console"}}
	}
	return []link{{"My courses", "/courses"}}
}
