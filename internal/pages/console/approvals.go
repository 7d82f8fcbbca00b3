package console

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

func (p *Pages) approvalPages() []frame.Page {
	write := "extensions:write"
	return []frame.Page{
		{Method: "GET", Path: "/console/approvals", Name: "console.approvals", Summary: "What course staff ask for, the oldest first.", Permission: write, Handle: behind(write, p.approvals)},
		{Method: "POST", Path: "/console/approvals", Name: "console.approvals.post", Summary: "Approves what was shown, or sends it back with a reason.", Permission: write, Handle: behind(write, p.decide)},
		{Method: "POST", Path: "/console/approvals/undo", Name: "console.approvals.undo", Summary: "Switches off again what was just approved.", Permission: write, Handle: behind(write, p.approvalUndone)},
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
	Faults   []frame.Fault
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

func (p *Pages) approvals(r *frame.Request) error { return p.showApprovals(r, http.StatusOK, "", nil) }

// showApprovals shows the list; faults stand at the one of the key.
func (p *Pages) showApprovals(r *frame.Request, status int, key string, faults []frame.Fault) error {
	list, err := frame.Call[extensions.List[extensions.Extension]](r, "extensions.list", struct{}{})
	if err != nil {
		return err
	}
	free, err := frame.Call[extensions.SelfService](r, "extensions.get_self_service", struct{}{})
	if err != nil {
		return err
	}
	n, d := p.names(r), approvalsPage{bar: navigate(r, "/console/approvals")}
	for _, x := range list.Items {
		if c := comerOf(x, free.Permissions); c != nil {
			d.Versions = append(d.Versions, *c)
		}
		for _, e := range x.Enabled {
			if e.State == "waiting" {
				a := askingOf(x, e, free.Permissions, n)
				if a.Key == key {
					a.Faults, a.Reason = faults, r.Value("reason")
				}
				d.Waiting = append(d.Waiting, a)
			}
		}
	}
	slices.SortStableFunc(d.Waiting, func(a, b asking) int { return a.Since.Compare(b.Since) })
	v := viewOf("Approvals", frame.Link{Text: "Extensions", Path: "/console/extensions"})
	v.Lead = "What course staff ask for that goes beyond what they may grant themselves, the oldest first; then versions that ask for more than the ones that run."
	v.Data, v.Faults = d, faults
	v.Code = []frame.Code{{What: "Approve", CLI: "trellis ext approve ID -course KEY", HTTP: `POST /api/v1/extensions/ID/approve {"course": "KEY", "version": "1.2.0", "digest": "…", "grants": ["kv"]}`},
		{What: "Send back", CLI: "trellis ext approve ID -course KEY -reject -reason '…'", HTTP: `POST /api/v1/extensions/ID/reject {"course": "KEY", "reason": "…"}`},
		{What: "Let a version run", CLI: "trellis ext grant ID -course KEY", HTTP: `POST /api/v1/extensions/ID/consent {"course": "KEY", "version": "2.0.0", "digest": "…", "grants": ["*"]}`}}
	return r.ShowAs(status, "approvals", v)
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

func (p *Pages) decide(r *frame.Request) error {
	id, course, key := r.Value("id"), r.Value("course"), r.Value("key")
	title := r.Value("title")
	if r.Value("do") == "back" {
		reason := strings.TrimSpace(r.Value("reason"))
		if reason == "" {
			return p.showApprovals(r, http.StatusBadRequest, key, []frame.Fault{{Field: "reason", Text: "Say why, so that the course's staff know what to change."}})
		}
		if _, err := frame.Call[extensions.Extension](r, "extensions.reject", extensions.Rejecting{ID: id, Course: course, Reason: reason}); err != nil {
			return p.undecided(r, key, err)
		}
		return r.Done("/console/approvals", frame.Notice{State: "ok", Text: title + " was sent back. The staff of " + course + " read your reason on its page."})
	}
	grants := append([]string{}, r.Form.Values["grant"]...)
	if _, err := frame.Call[extensions.Extension](r, "extensions.approve", extensions.Approving{ID: id, Course: course, Version: r.Value("version"), Digest: r.Value("digest"), Installation: r.Value("installation"), Grants: grants}); err != nil {
		return p.undecided(r, key, err)
	}
	return r.Done("/console/approvals", frame.Notice{State: "ok", Text: title + " runs in " + course + " now.",
		Undo: &frame.Undo{Label: "Switch it off there", Action: "/console/approvals/undo", Fields: map[string]string{"id": id, "course": course, "title": title}}})
}

// undecided shows what has changed meanwhile: nothing was decided.
func (p *Pages) undecided(r *frame.Request, key string, err error) error {
	faults, err := faultOf(err, "reason")
	if err != nil {
		return err
	}
	faults[0].Text = "Nothing was decided: " + frame.Lowered(faults[0].Text)
	return p.showApprovals(r, http.StatusConflict, key, faults)
}

// approvalUndone switches off what was just approved.
func (p *Pages) approvalUndone(r *frame.Request) error {
	id, course := r.Value("id"), r.Value("course")
	if _, err := frame.Call[extensions.Extension](r, "extensions.disable", extensions.Which{ID: id, Course: course}); err != nil {
		return err
	}
	return r.Done("/console/approvals", frame.Notice{State: "ok", Text: r.Value("title") + " is off in " + course + ". Its staff may ask for it again."})
}
