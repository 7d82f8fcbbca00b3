// Package team is the pages about extensions for those who decide about them: the
// extensions of a course, and each extension, in a course or in the whole tenant,
// from the bundle that is brought to what went wrong with it.
package team

import (
	"cmp"
	"embed"
	"io/fs"
	"net/url"
	"slices"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

//go:embed templates
var templates embed.FS

// Config is what the pages need.
type Config struct {
	API      *hostapi.API // where it is noted who installs what
	Registry *extensions.Registry
}

// Pages are the pages about extensions.
type Pages struct {
	api      *hostapi.API
	registry *extensions.Registry
}

var _ frame.Part = (*Pages)(nil)

// New returns the pages.
func New(cfg Config) *Pages { return &Pages{cfg.API, cfg.Registry} }

// Templates holds what the pages are shown by.
func (p *Pages) Templates() fs.FS { return templates }

// Pages returns the pages.
func (p *Pages) Pages() []frame.Page {
	return slices.Concat(p.coursePages(), p.extensionPages("/courses/:course/extensions", inThisCourse), p.extensionPages("/console/extensions", wholeSchool))
}

// coursePages are those of the list of a course's extensions.
func (p *Pages) coursePages() []frame.Page {
	return []frame.Page{
		{Method: "GET", Path: "/courses/:course/extensions", Name: "team.extensions", Summary: "The extensions of a course: what runs, and whether anything is wrong.", Permission: "extensions:read", Handle: p.courseExtensions},
		{Method: "POST", Path: "/courses/:course/extensions", Name: "team.extensions.act", Summary: "What extensions offer on the page of a course's extensions.", Permission: "extensions:read", Handle: p.courseExtensions},
	}
}

// inThisCourse is the scope of the pages below a course.
func inThisCourse(r *frame.Request) (extensions.Scope, error) {
	key, err := r.Param("course")
	return extensions.Scope{Course: key}, err
}

// wholeSchool is the scope of the same pages in the console.
func wholeSchool(*frame.Request) (extensions.Scope, error) { return extensions.Scope{}, nil }

// place is where extensions are looked at: a course, or the whole tenant.
type place struct {
	Scope  extensions.Scope
	Path   string // of the list of its extensions
	Crumbs []frame.Link
	Tabs   []frame.Link // the pages of the course
	Nav    string
	Write  bool // whether she may change anything
	All    bool // whether she runs the tenant
}

// Course returns the key of the course, "" for the whole tenant.
func (p place) Course() string { return p.Scope.Course }

// Of returns the path of the page of an extension.
func (p place) Of(id string) string { return p.Path + "/" + url.PathEscape(id) }

// place finds out where the page is, and whether whoever asks may be there.
func (p *Pages) place(r *frame.Request, scope func(*frame.Request) (extensions.Scope, error)) (place, error) {
	at, err := scope(r)
	if err != nil {
		return place{}, err
	}
	where := hostapi.Scope{Course: at.Course}
	pl := place{Scope: at, Write: frame.Can(r.Ctx, "extensions:write", where), All: frame.Can(r.Ctx, "extensions:write", hostapi.Scope{})}
	if at.Course == "" {
		pl.Path, pl.Nav, pl.Crumbs = "/console/extensions", "/console", []frame.Link{{Text: "Console", Path: "/console"}, {Text: "Extensions", Path: "/console/extensions"}}
		if !frame.Can(r.Ctx, "extensions:read", where) {
			return place{}, trellis.Errorf(trellis.Denied, "those who run the school see its extensions; ask one of them")
		}
		return pl, nil
	}
	course, err := frame.Call[learning.Course](r, "courses.get", learning.ByCourse{Course: at.Course})
	if err != nil {
		return place{}, err
	}
	if !frame.Can(r.Ctx, "extensions:read", where) {
		return place{}, trellis.Errorf(trellis.Denied, "the team of this course sees its extensions; ask one of them, or those who run the school")
	}
	of := "/courses/" + url.PathEscape(at.Course)
	pl.Path, pl.Nav = of+"/extensions", "/courses"
	pl.Crumbs = []frame.Link{{Text: "My courses", Path: "/courses"}, {Text: course.Title, Path: of}, {Text: "Extensions", Path: pl.Path}}
	pl.Tabs = frame.CourseTabs(r, at.Course)
	return pl, nil
}

// extensionsPage is what the list of a course's extensions shows.
type extensionsPage struct {
	At        place
	Attention []attention
	Own       []row
	School    []row // of the tenant: in force here, or to be had
	Limit     string
}

// attention is something that somebody should look at.
type attention struct {
	State, Text, Path, Label string
}

// row is a line of the table.
type row struct {
	extensions.Extension
	How  health
	On   *extensions.Enabling // where one looks from
	Seen bool                 // whether she may see what goes wrong with it
}

// Note is the line below the badge: why it is as it is.
func (x row) Note() string {
	const most = 120
	switch {
	case x.On == nil:
		return "Never switched on here"
	case !x.Seen:
		return ""
	case x.State != "installed":
		return frame.Short(x.Reason, most)
	case x.On.State == "on" && x.On.Fault != "":
		return frame.Short(x.On.Fault, most)
	case x.On.State == "on" && x.Resting != nil:
		return frame.Short(frame.RestingReason(x.Resting), most)
	case x.On.State == "on" && x.Errors > 0:
		return frame.Short("Last: "+x.LastError, most)
	}
	return ""
}

func (p *Pages) courseExtensions(r *frame.Request) error {
	at, err := p.place(r, inThisCourse)
	if err != nil {
		return err
	}
	list, err := frame.Call[extensions.List[extensions.Extension]](r, "extensions.list", struct{}{})
	if err != nil {
		return err
	}
	data := extensionsPage{At: at, Limit: frame.Megabytes(frame.UploadLimit)}
	for _, x := range list.Items {
		if x.Course != "" && x.Course != at.Course() {
			continue
		}
		line := row{Extension: x, On: enablingAt(x, at.Scope), How: healthOf(x, at.Scope), Seen: x.Course == at.Course() || at.All}
		if x.Course == "" {
			data.School = append(data.School, line)
		} else {
			data.Own = append(data.Own, line)
		}
		data.Attention = append(data.Attention, attentions(at, line)...)
	}
	byTitle := func(a, b row) int { return cmp.Or(cmp.Compare(a.How.rank, b.How.rank), cmp.Compare(a.Title, b.Title)) }
	slices.SortStableFunc(data.Own, byTitle)
	slices.SortStableFunc(data.School, byTitle)
	return r.ShowSlots("extensions", at.Course(), []slots.Want{{Slot: "extensions.course.v1"}}, frame.View{
		Title: "Extensions of this course", Nav: at.Nav, Crumbs: at.Crumbs[:2], Width: "wide", Data: data,
		Code: []frame.Code{
			{What: "What runs here:", CLI: "trellis ext list", HTTP: "GET /api/v1/extensions"},
			{What: "Add an extension:", CLI: "trellis ext install NAME-VERSION.trellis -course " + at.Course(), HTTP: "POST /api/v1/extensions?course=" + url.QueryEscape(at.Course()) + "\nContent-Type: application/zip"},
		},
	})
}

// attentions says what of an extension somebody should look at.
func attentions(at place, x row) (list []attention) {
	name := x.Title
	path := at.Of(x.ID)
	add := func(state, text, to, label string) { list = append(list, attention{state, text, to, label}) }
	if x.Course == "" && (x.On == nil || x.On.State == "off") && x.State != "suspended" {
		return nil // it is for others to look at what does nothing here
	}
	switch {
	case x.State == "stopped":
		add("bad", name+" is switched off for everybody"+frame.Because(x.Reason)+".", path, "See why")
	case x.State == "suspended":
		add("bad", name+" stopped itself"+frame.Because(x.Reason)+".", path, "See what went wrong")
	}
	if x.On != nil && x.On.State == "on" && x.State == "installed" && x.Resting != nil {
		add("warn", name+": "+frame.Lowered(frame.RestingText(x.Resting))+".", path, "See what went wrong")
	}
	if x.On != nil && x.On.Fault != "" {
		add("bad", name+" is not called: its settings do not fit. "+x.On.Fault, path+"/settings", "Change the settings")
	}
	if x.On != nil && x.On.State == "waiting" {
		add("warn", name+" waits for approval by those who run the school.", path, "See what it waits for")
	}
	if x.On != nil && x.On.State == "off" && x.On.Refusal != "" {
		add("warn", name+" was not approved: "+x.On.Refusal, path+"/review", "Look at it again")
	}
	if x.Pending != "" && x.Course == at.Course() {
		add("warn", "Version "+x.Pending+" of "+name+" waits for your consent: "+x.PendingFor+". Until then version "+x.Version+" runs.", path+"/review", "See what is new")
	}
	return list
}

// enablingAt returns the row that decides at a scope: its own, or the tenant's.
func enablingAt(x extensions.Extension, at extensions.Scope) *extensions.Enabling {
	var found *extensions.Enabling
	for i := range x.Enabled {
		switch e := &x.Enabled[i]; e.Course {
		case at.Course:
			if found == nil || !found.Locked {
				found = e
			}
		case "":
			if found == nil || e.Locked {
				found = e
			}
		}
	}
	return found
}

// health is how an extension is, as a badge.
type health struct {
	Word, State string
	rank        int // the worst first
}

// healthOf says how an extension is where one looks from.
func healthOf(x extensions.Extension, at extensions.Scope) health {
	e := enablingAt(x, at)
	h, on := health{"Off", "off", 5}, e != nil && e.State == "on"
	switch {
	case on:
		h = health{"Works", "ok", 4}
	case e != nil && e.State == "waiting":
		h = health{"Waits for approval", "warn", 2}
	}
	switch {
	case x.State == "stopped":
		h.Word, h.State, h.rank = "Stopped for everybody", "bad", 0
	case x.State == "suspended":
		h.Word, h.State, h.rank = "Suspended", "bad", 0
	case on && e.Fault != "":
		h.Word, h.State, h.rank = "Settings do not fit", "bad", 1
	case on && x.Resting != nil:
		h.Word, h.State, h.rank = "Left alone", "warn", 1
	case on && x.Errors > 0:
		h.Word, h.State, h.rank = "Works, with errors", "warn", 3
	}
	return h
}
