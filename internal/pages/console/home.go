package console

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

func (p *Pages) homePages() []frame.Page {
	return []frame.Page{
		{Method: "GET", Path: "/console", Name: "console", Summary: "What needs those who run the tenant, worst first, and how much happens.", Permission: "extensions:read", Handle: behind("extensions:read", p.console)},
		{Method: "POST", Path: "/console", Name: "console.act", Summary: "What extensions offer on the page of the console.", Permission: "extensions:read", Handle: behind("extensions:read", p.console)},
	}
}

// need is something that needs somebody.
type need struct {
	State, Word string // of the badge
	Title       string // foreign
	Text        string
	Path, Link  string
	Since       time.Time
}

// homePage is what the overview shows.
type homePage struct {
	bar
	Needs   []need
	Numbers *learning.Numbers
	Today   int // enrolments of the last day
	Charts  []template.HTML
}

func (p *Pages) console(r *frame.Request) error {
	d := homePage{bar: navigate(r, "/console")}
	if r.Part == "" {
		var err error
		if d.Needs, err = p.needs(r); err != nil {
			return err
		}
		if frame.Can(r.Ctx, "audit:read", hostapi.Scope{}) && r.Tenant() != trellis.PlatformTenant {
			n, err := frame.Call[learning.Numbers](r, "tenants.numbers", struct{}{})
			if err != nil {
				return err
			}
			d.Numbers, d.Charts = &n, []template.HTML{hourChart("enrolled", n.Hours), hourChart("events", n.Hours)}
			for _, h := range n.Hours {
				d.Today += h.Enrolled
			}
		}
	}
	v := viewOf("Console")
	v.Crumbs, v.Data = nil, d
	v.Lead = "What needs you, worst first; then how much happens."
	v.Code = []frame.Code{{CLI: "trellis ext list", HTTP: "GET /api/v1/extensions"}, {CLI: "trellis deliveries list", HTTP: "GET /api/v1/deliveries/causes"}, {HTTP: "GET /api/v1/tenant/numbers"}}
	return r.ShowSlots("home", "", []slots.Want{{Slot: "console.main.v1"}}, v)
}

// needs gathers what needs somebody, worst first.
func (p *Pages) needs(r *frame.Request) ([]need, error) {
	list, err := frame.Call[extensions.List[extensions.Extension]](r, "extensions.list", struct{}{})
	if err != nil {
		return nil, err
	}
	n := p.names(r)
	n.all = append([]extensions.Extension{}, list.Items...)
	var needs []need
	for _, x := range list.Items {
		needs = append(needs, needsOf(x)...)
	}
	if frame.Can(r.Ctx, "deliveries:read", hostapi.Scope{}) {
		causes, err := frame.Call[delivery.Causes](r, "deliveries.causes", struct{}{})
		if err != nil {
			return nil, err
		}
		held, err := heldBack(r)
		if err != nil {
			return nil, err
		}
		needs = append(needs, held...)
		for _, c := range causes.Items {
			if c.State == delivery.Dead {
				needs = append(needs, need{"bad", "Stuck", n.extension(c.Subscriber).Text, fmt.Sprintf("%s: %s", frame.Many(c.Count, "event did not arrive", "events did not arrive"), c.Error), "/console/deliveries", "Read and send again", c.Updated})
			}
		}
	}
	if frame.Can(r.Ctx, "work:read", hostapi.Scope{}) {
		failed, err := frame.Call[jobs.List](r, "work.list", jobs.Query{State: jobs.Failed, Limit: 20, Brief: true})
		if err != nil {
			return nil, err
		}
		for _, j := range failed.Items {
			if j.Finished != nil && time.Since(*j.Finished) < 7*24*time.Hour {
				needs = append(needs, need{"bad", "Not done", j.Title, j.Error, "/console/jobs/" + j.ID, "Look at the job", *j.Finished})
			}
		}
	}
	rank := map[string]int{"bad": 0, "warn": 1, "info": 2}
	slices.SortStableFunc(needs, func(a, b need) int {
		return cmp.Or(cmp.Compare(rank[a.State], rank[b.State]), a.Since.Compare(b.Since))
	})
	return needs, nil
}

// heldBack is what was given up so long ago that the log grows by it.
func heldBack(r *frame.Request) ([]need, error) {
	s, err := frame.Call[delivery.Standing](r, "deliveries.standing", struct{}{})
	now := time.Now()
	if err != nil || s.Oldest == nil || now.Sub(*s.Oldest) < longHeld {
		return nil, err
	}
	return []need{{"bad", "Waits long", "Deliveries", standingText(s, now), "/console/deliveries", "Send them again, or drop them", *s.Oldest}}, nil
}

// needsOf is what an extension needs.
func needsOf(x extensions.Extension) (needs []need) {
	if x.State == "suspended" {
		needs = append(needs, need{"bad", "Suspended", x.Title, "It failed again and again: " + x.Reason, pathOf(x), "Look at it", time.Time{}})
	}
	if x.State == "installed" && x.Resting != nil {
		needs = append(needs, need{"warn", "Left alone", x.Title, frame.RestingReason(x.Resting), pathOf(x), "See what went wrong", x.Resting.Since})
	}
	for _, e := range x.Enabled {
		switch {
		case e.State == "waiting":
			needs = append(needs, need{"warn", "Waits", x.Title, "Asked for in " + e.Course + ", and runs there only when you approve.", "/console/approvals", "Review", e.Updated})
		case e.State == "on" && e.Fault != "":
			needs = append(needs, need{"bad", "Does not run", x.Title, "Its settings " + where(e.Course) + " do not fit: " + e.Fault, pathOf(x) + "/settings", "Put the settings right", e.Updated})
		}
	}
	if x.Pending != "" {
		needs = append(needs, need{"info", "New version", x.Title, "Version " + x.Pending + " waits for your consent; " + x.Version + " runs on. " + frame.Sentence(x.PendingFor), pathOf(x) + "/review", "Read what it asks for", time.Time{}})
	}
	return needs
}

func where(course string) string {
	if course == "" {
		return "in the whole school"
	}
	return "in " + course
}

// hourChart draws the last 24 hours as bars, with what the bars say in words and as
// a table.
func hourChart(what string, hours []learning.Hour) template.HTML {
	value := func(h learning.Hour) int { return h.Events }
	noun, none := "events", "Nothing happened within the last 24 hours"
	if what == "enrolled" {
		value, noun, none = func(h learning.Hour) int { return h.Enrolled }, "enrolments", "Nobody enrolled within the last 24 hours"
	}
	most, total := 0, 0
	for i, h := range hours {
		total += value(h)
		if value(h) > value(hours[most]) {
			most = i
		}
	}
	finding, top := none, max(1, value(hours[most]))
	if total > 0 {
		finding = fmt.Sprintf("Most %s at %s: %s of %s within 24 hours", noun, hours[most].Begins.UTC().Format("15:04"), frame.Grouped(top), frame.Grouped(total))
	}
	var bars, rows string
	const slot, wide = 10, 7
	for i, h := range hours {
		height := 92 * value(h) / top
		bars += fmt.Sprintf(`<rect class="s1" x="%d" y="%d" width="%d" height="%d"/>`, 36+i*slot, 112-height, wide, height)
		if i%6 == 0 {
			bars += fmt.Sprintf(`<text class="axis" x="%d" y="130" text-anchor="middle">%s</text>`, 40+i*slot, h.Begins.UTC().Format("15:04"))
		}
		rows += fmt.Sprintf(`<tr><th scope="row">%s</th><td data-align="end">%s</td></tr>`, h.Begins.UTC().Format("2 Jan, 15:04"), frame.Grouped(value(h)))
	}
	return template.HTML(fmt.Sprintf(`<figure class="tr-chart"><figcaption>%s</figcaption><svg role="img" aria-label="%s" viewBox="0 0 280 140"><line x1="34" y1="20" x2="280" y2="20"/><line x1="34" y1="112" x2="280" y2="112"/><text class="axis" x="30" y="24" text-anchor="end">%s</text><text class="axis" x="30" y="116" text-anchor="end">0</text>%s</svg><details><summary>Numbers <span class="hidden">of what is %s</span></summary><table class="table"><caption class="hidden">%s</caption><thead><tr><th scope="col">Hour, UTC</th><th scope="col" data-align="end">%s</th></tr></thead><tbody>%s</tbody></table></details></figure>`,
		finding, finding, frame.Grouped(top), bars, noun, finding, noun, rows))
}
