package team

import (
	"html/template"
	"net/http"
	"slices"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/pages/frame"
	"github.com/trellis-learning/trellis/internal/pages/settings"
)

// extensionPage is what the page of an extension shows.
type extensionPage struct {
	At        place
	X         extensions.Detail
	How       health
	On        *extensions.Enabling // that decides here
	Mine      bool                 // whether that was decided at this place
	By        string               // who decided it
	Locked    bool                 // whether those who run the school have
	Open      []extensions.HookState
	Granted   []extensions.Asked
	Withheld  []extensions.Asked
	Parts     []string // where it takes part
	Conflicts []string
	Failures  []failureLine
	Charts    []template.HTML
	Counted   extensions.Usage
	Kept      []keptLine
	Settings  []settings.Field
}

// failureLine is what went wrong, with the page of its newest trace.
type failureLine struct {
	extensions.Failure
	Path string
}

// keptLine is a version that is kept, and who brought it.
type keptLine struct {
	extensions.KeptVersion
	By, Word, Look string
}

func (p *Pages) extension(r *frame.Request, at place, d extensions.Detail) error {
	return p.showExtension(r, http.StatusOK, at, d, nil)
}

func (p *Pages) showExtension(r *frame.Request, status int, at place, d extensions.Detail, faults []frame.Fault) error {
	data := extensionPage{At: at, X: d, How: healthOf(d.Extension, at.Scope), On: enablingAt(d.Extension, at.Scope)}
	if e := data.On; e != nil {
		data.Mine, data.Locked, data.By = e.Course == at.Course(), e.Locked && e.Course != at.Course(), p.who(r, at, e.AskedBy)
	}
	for _, h := range d.Hooks {
		if h.State == "open" {
			data.Open = append(data.Open, h)
		}
	}
	if len(data.Open) > 0 && data.How.State != "bad" {
		data.How.Word, data.How.State = "Works in part", "warn"
	}
	for _, a := range d.Asked {
		if data.On == nil || a.Granted {
			data.Granted = append(data.Granted, a)
		} else {
			data.Withheld = append(data.Withheld, a)
		}
	}
	for _, s := range d.Asks {
		if s.Permission == "" {
			data.Parts = append(data.Parts, s.Text)
		}
	}
	data.Conflicts = p.conflicts(r, at, d)
	if err := p.history(r, at, d, &data); err != nil {
		return err
	}
	fields, err := settingFields(d, data.On)
	if err != nil {
		return err
	}
	data.Settings = fields
	return r.ShowAs(status, "extension", frame.View{
		Title: d.Title, Lead: d.Description, Nav: at.Nav, Crumbs: at.Crumbs, Width: "wide", Data: data, Faults: faults,
		Code: []frame.Code{
			{What: "All of this:", CLI: "trellis ext show " + d.ID + at.flag(), HTTP: "GET /api/v1/extensions/" + d.ID + "/detail" + at.with()},
			{What: "Switch it off and on:", CLI: "trellis ext disable " + d.ID + at.flag() + "\ntrellis ext enable " + d.ID + at.flag(), HTTP: "POST /api/v1/extensions/" + d.ID + "/disable\n{" + at.inBody() + "}"},
			{What: "What went wrong, and what it did:", CLI: "trellis ext errors " + d.ID + at.flag() + "\ntrellis ext usage " + d.ID + at.flag(),
				HTTP: "GET /api/v1/extensions/" + d.ID + "/errors" + at.with() + "\nGET /api/v1/extensions/" + d.ID + "/usage" + at.with()},
		},
	})
}

// conflicts says where it and others get in each other's way in pages.
func (p *Pages) conflicts(r *frame.Request, at place, d extensions.Detail) (list []string) {
	seen := map[string]bool{}
	for _, h := range d.Hooks {
		if h.Kind != string(extensions.SlotKind) || seen[h.On] {
			continue
		}
		seen[h.On] = true
		for _, c := range p.registry.SlotConflicts(r.Ctx, h.On, at.Course()) {
			if slices.Contains(c.Extensions, d.ID) || c.Target == d.ID {
				list = append(list, c.Text)
			}
		}
	}
	return list
}

// history fills in what only those see to whom the extension belongs.
func (p *Pages) history(r *frame.Request, at place, d extensions.Detail, data *extensionPage) error {
	words := map[string][2]string{"runs": {"The current one", "info"}, "previous": {"The one before", "info"}, "pending": {"Waits for consent", "warn"}, "kept": {"Kept", "off"}}
	if d.State == "installed" && slices.ContainsFunc(d.Enabled, func(e extensions.Enabling) bool { return e.State == "on" && e.Fault == "" }) {
		words["runs"] = [2]string{"Runs", "ok"}
	}
	for _, v := range d.Versions {
		w := words[v.State]
		data.Kept = append(data.Kept, keptLine{v, p.who(r, at, v.InstalledBy), w[0], w[1]})
	}
	if !d.Own {
		return nil
	}
	which := extensions.Which{ID: d.ID, Course: at.Course()}
	failures, err := frame.Call[extensions.List[extensions.Failure]](r, "extensions.errors", which)
	if err != nil {
		return err
	}
	const most = 20
	for _, f := range failures.Items[:min(most, len(failures.Items))] {
		line := failureLine{Failure: f}
		if len(f.Traces) > 0 {
			line.Path = at.Of(d.ID) + "/errors/" + f.Traces[0]
		}
		data.Failures = append(data.Failures, line)
	}
	if data.Counted, err = frame.Call[extensions.Usage](r, "extensions.usage", which); err != nil {
		return err
	}
	data.Charts, err = usageCharts(data.Counted, r.Base)
	return err
}
