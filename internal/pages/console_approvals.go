package pages

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/trellis-learning/trellis/extensions"
)

func (p *Pages) consoleApprovals() []page {
	write := "extensions:write"
	return []page{
		{method: "GET", path: "/console/approvals", name: "console.approvals", summary: "What course staff ask for, the oldest first.", permission: write, handle: behind(write, p.approvals)},
		{method: "POST", path: "/console/approvals", name: "console.approvals.post", summary: "Approves what was shown, or sends it back with a reason.", permission: write, handle: behind(write, p.decide)},
		{method: "POST", path: "/console/approvals/undo", name: "console.approvals.undo", summary: "Switches off again what was just approved.", permission: write, handle: behind(write, p.approvalUndone)},
	}
}

// asking is what the staff of a course ask for.
type asking struct {
	extensions.Extension
	Course   string // where it is to run
	Key      string // tells its form from others of the page
	Path     string
	By       who
	Since    time.Time
	Waits    string
	Grants   []string
	Beyond   []string // sentences that go beyond self-service
	Within   []string // the others that are granted
	Declined []string
	Places   []string // where it takes part
	Settings string
	Reason   string // entered
	Faults   []fault
}

// comer is a version that waits for those who run the tenant.
type comer struct {
	extensions.Extension
	Path, Where string
	Beyond      []string // what course staff may not grant; all that is asked for of what belongs to the tenant
	Grants      []string // everything that it asks for
}

// comerOf returns the version of x that waits for those who run the tenant, nil if
// none does: what course staff may let run themselves is for them.
func comerOf(x extensions.Extension, free []string) *comer {
	if x.Pending == "" {
		return nil
	}
	c := comer{Extension: x, Path: pathOf(x), Where: cmp.Or(x.Course, "the whole school"), Grants: []string{}}
	for _, s := range x.PendingAsks {
		if s.Permission == "" {
			continue
		}
		c.Grants = append(c.Grants, s.Permission)
		if x.Course == "" || !slices.Contains(free, s.Permission) {
			c.Beyond = append(c.Beyond, s.Text)
		}
	}
	if x.Course != "" && len(c.Beyond) == 0 {
		return nil
	}
	return &c
}

type approvalsPage struct {
	bar
	Waiting  []asking
	Versions []comer
}

func (p *Pages) approvals(r *request) error { return p.showApprovals(r, http.StatusOK, "", nil) }

// showApprovals shows the list; faults stand at the one of the key.
func (p *Pages) showApprovals(r *request, status int, key string, faults []fault) error {
	list, err := call[extensions.List[extensions.Extension]](r, "extensions.list", struct{}{})
	if err != nil {
		return err
	}
	free, err := call[extensions.SelfService](r, "extensions.get_self_service", struct{}{})
	if err != nil {
		return err
	}
	n, d := p.names(r), approvalsPage{bar: r.navigate("/console/approvals")}
	for _, x := range list.Items {
		if c := comerOf(x, free.Permissions); c != nil {
			d.Versions = append(d.Versions, *c)
		}
		for _, e := range x.Enabled {
			if e.State == "waiting" {
				a := askingOf(x, e, free.Permissions, n)
				if a.Key == key {
					a.Faults, a.Reason = faults, r.value("reason")
				}
				d.Waiting = append(d.Waiting, a)
			}
		}
	}
	slices.SortStableFunc(d.Waiting, func(a, b asking) int { return a.Since.Compare(b.Since) })
	v := consoleView("Approvals", link{"Extensions", "/console/extensions"})
	v.Lead = "What course staff ask for that goes beyond what they may grant themselves, the oldest first; then versions that ask for more than the ones that run."
	v.Data, v.Faults = d, faults
	v.Code = []code{{What: "Approve", CLI: "trellis ext approve ID -course KEY", HTTP: `POST /api/v1/extensions/ID/approve {"course": "KEY", "version": "1.2.0", "digest": "…", "grants": ["kv"]}`},
		{What: "Send back", CLI: "trellis ext approve ID -course KEY -reject -reason '…'", HTTP: `POST /api/v1/extensions/ID/reject {"course": "KEY", "reason": "…"}`},
		{What: "Let a version run", CLI: "trellis ext grant ID -course KEY", HTTP: `POST /api/v1/extensions/ID/consent {"course": "KEY", "version": "2.0.0", "digest": "…", "grants": ["*"]}`}}
	return r.showAs(status, "console_approvals", v)
}

func askingOf(x extensions.Extension, e extensions.Enabling, free []string, n *names) asking {
	a := asking{Extension: x, Course: e.Course, Key: x.Installation + " " + e.Course, Path: pathOf(x), By: n.of(e.AskedBy), Since: e.Updated, Waits: lasting(time.Since(e.Updated)),
		Grants: e.Grants, Settings: strings.TrimSpace(string(e.Settings))}
	for _, s := range x.Asks {
		switch {
		case s.Permission == "":
			a.Places = append(a.Places, s.Text)
		case !slices.Contains(e.Grants, s.Permission):
			a.Declined = append(a.Declined, s.Text)
		case slices.Contains(free, s.Permission):
			a.Within = append(a.Within, s.Text)
		default:
			a.Beyond = append(a.Beyond, s.Text)
		}
	}
	return a
}

// lasting is how long something has lasted, as people say it.
func lasting(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return "a moment"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

func (p *Pages) decide(r *request) error {
	id, course, key := r.value("id"), r.value("course"), r.value("key")
	title := r.value("title")
	if r.value("do") == "back" {
		reason := strings.TrimSpace(r.value("reason"))
		if reason == "" {
			return p.showApprovals(r, http.StatusBadRequest, key, []fault{{"reason", "Say why, so that the course's staff know what to change."}})
		}
		if _, err := call[extensions.Extension](r, "extensions.reject", extensions.Rejecting{ID: id, Course: course, Reason: reason}); err != nil {
			return p.undecided(r, key, err)
		}
		return r.done("/console/approvals", notice{State: "ok", Text: title + " was sent back. The staff of " + course + " read your reason on its page."})
	}
	grants := append([]string{}, r.form.Values["grant"]...)
	if _, err := call[extensions.Extension](r, "extensions.approve", extensions.Approving{ID: id, Course: course, Version: r.value("version"), Digest: r.value("digest"), Installation: r.value("installation"), Grants: grants}); err != nil {
		return p.undecided(r, key, err)
	}
	return r.done("/console/approvals", notice{State: "ok", Text: title + " runs in " + course + " now.",
		Undo: &undo{Label: "Switch it off there", Action: "/console/approvals/undo", Fields: map[string]string{"id": id, "course": course, "title": title}}})
}

// undecided shows what has changed meanwhile: nothing was decided.
func (p *Pages) undecided(r *request, key string, err error) error {
	faults, err := faultOf(err, "reason")
	if err != nil {
		return err
	}
	faults[0].Text = "Nothing was decided: " + lowered(faults[0].Text)
	return p.showApprovals(r, http.StatusConflict, key, faults)
}

// approvalUndone switches off what was just approved.
func (p *Pages) approvalUndone(r *request) error {
	id, course := r.value("id"), r.value("course")
	if _, err := call[extensions.Extension](r, "extensions.disable", extensions.Which{ID: id, Course: course}); err != nil {
		return err
	}
	return r.done("/console/approvals", notice{State: "ok", Text: r.value("title") + " is off in " + course + ". Its staff may ask for it again."})
}
