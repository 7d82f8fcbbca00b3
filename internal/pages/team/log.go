package team

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/plugins"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

// logPage is what the page of the log shows.
type logPage struct {
	At     place
	X      extensions.Detail
	Level  string
	Trace  string
	Levels []string
	Lines  []extensions.LogLine // the newest first
	Most   int
}

// mostLines is how many lines of a log a page shows.
const mostLines = 200

func (p *Pages) extensionLog(r *frame.Request, at place, d extensions.Detail) error {
	if err := at.own(d); err != nil {
		return err
	}
	q, err := r.Query()
	if err != nil {
		return err
	}
	data := logPage{At: at, X: d, Level: q.Get("level"), Trace: q.Get("trace"), Levels: []string{"debug", "info", "warn", "error"}, Most: mostLines}
	in := extensions.LogQuery{ID: d.ID, Course: at.Course(), Level: data.Level, Trace: data.Trace, Limit: mostLines}
	lines, err := frame.Call[extensions.LogLines](r, "extensions.logs", in)
	if err != nil {
		return err
	}
	data.Lines = lines.Items
	slices.Reverse(data.Lines)
	v := at.view("Log of "+d.Title, d, data)
	filter := url.Values{}
	cli := ""
	for name, value := range map[string]string{"course": at.Course(), "level": data.Level, "trace": data.Trace} {
		if value != "" {
			filter.Set(name, value)
		}
	}
	for _, name := range []string{"level", "trace"} {
		if filter.Has(name) {
			cli += " -" + name + " " + filter.Get(name)
		}
	}
	v.Code = []frame.Code{{CLI: "trellis ext logs " + d.ID + at.flag() + cli, HTTP: "GET /api/v1/extensions/" + d.ID + "/logs?" + filter.Encode()}}
	return r.Show("log", v)
}

// tracePage is what the page of an error shows: what an extension did in one
// request.
type tracePage struct {
	At    place
	X     extensions.Detail
	Trace string
	Steps []step
	Lines []extensions.LogLine
	Error string // the sentence that it opens on
}

// step is a call of an extension, as deep as it is within others.
type step struct {
	plugins.Step
	What  string
	Depth int
	After time.Duration // since the first
	Took  time.Duration
	Own   bool
}

func (p *Pages) extensionTrace(r *frame.Request, at place, d extensions.Detail) error {
	if err := at.own(d); err != nil {
		return err
	}
	id, err := r.Param("trace")
	if err != nil {
		return err
	}
	data := tracePage{At: at, X: d, Trace: id}
	lines, err := frame.Call[extensions.LogLines](r, "extensions.logs", extensions.LogQuery{ID: d.ID, Course: at.Course(), Trace: id, Limit: mostLines})
	if err != nil {
		return err
	}
	data.Lines = lines.Items
	t, err := frame.Call[plugins.Trace](r, "extensions.trace", plugins.Part{ID: d.ID, Course: at.Course(), Trace: id})
	if err != nil && trellis.KindOf(err) != trellis.NotFound {
		return err
	}
	if err != nil && len(data.Lines) == 0 {
		return trellis.Errorf(trellis.NotFound, "nothing is known any more of the trace %.40q", id)
	}
	if frame.Can(r.Ctx, "audit:read", hostapi.Scope{}) { // who may see all of a trace sees what others did in it
		if whole, err := frame.Call[plugins.Trace](r, "traces.get", plugins.ByID{ID: id}); err == nil {
			t = whole
		}
	}
	data.Steps = nest(t.Steps, d.Installation)
	for _, l := range data.Lines {
		if l.Level == "error" {
			data.Error = l.Message
		}
	}
	v := at.view("What went wrong", d, data)
	v.Lead = data.Error
	if data.Error == "" {
		v.Title = "What " + d.Title + " did"
	}
	v.Width = "wide"
	v.Code = []frame.Code{{CLI: "trellis ext logs " + d.ID + at.flag() + " -trace " + id, HTTP: "GET /api/v1/extensions/" + d.ID + "/traces/" + id + at.with()}}
	return r.Show("trace", v)
}

// nest puts steps in the order in which they began, and finds out which ran within
// which.
func nest(steps []plugins.Step, own string) []step {
	list := make([]step, len(steps))
	for i, s := range steps {
		list[i] = step{Step: s, What: cmp.Or(s.Filter, s.Slot, s.Event, s.Job), Own: s.Installation == own}
	}
	slices.SortStableFunc(list, func(a, b step) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(b.Duration, a.Duration))
	})
	for i := range list {
		list[i].After, list[i].Took = list[i].Started.Sub(list[0].Started).Round(10*time.Microsecond), list[i].Duration.Round(10*time.Microsecond)
		for _, outer := range list[:i] {
			if !list[i].Started.Add(list[i].Duration).After(outer.Started.Add(outer.Duration)) {
				list[i].Depth++
			}
		}
	}
	return list
}

// usageCharts are the charts of what an extension did in the last day.
func usageCharts(u extensions.Usage, base string) ([]template.HTML, error) {
	type sum struct {
		calls, errors, fuel uint64
		took, longest       time.Duration
	}
	const hours = 24
	now := time.Now().UTC().Truncate(time.Hour)
	var sums [hours]sum
	var all sum
	for _, h := range u.Hooks {
		for _, b := range h.Calls {
			i := hours - 1 - int(now.Sub(b.Time.Truncate(time.Hour))/time.Hour)
			if i < 0 || i >= hours {
				continue
			}
			for _, s := range []*sum{&sums[i], &all} {
				s.calls, s.errors, s.fuel, s.took, s.longest = s.calls+b.Calls, s.errors+b.Errors, s.fuel+b.Fuel, s.took+b.Took, max(s.longest, b.Longest)
			}
		}
	}
	if all.calls == 0 {
		return nil, nil
	}
	labels := make([]string, hours)
	values := make([][]float64, 5)
	for i, s := range sums {
		labels[i] = now.Add(time.Duration(i-hours+1) * time.Hour).Format("15:04")
		mean := 0.0
		if s.calls > 0 {
			mean = float64(s.took.Microseconds()) / float64(s.calls) / 1000
		}
		for j, v := range []float64{float64(s.calls), float64(s.errors), float64(s.fuel), mean, float64(s.longest.Microseconds()) / 1000} {
			values[j] = append(values[j], v)
		}
	}
	mean := all.took / time.Duration(all.calls)
	nodes := []tree.Node{
		{Kind: tree.Chart, Type: "bar", Title: fmt.Sprintf("%s of %s calls failed", frame.Grouped(int(all.errors)), frame.Grouped(int(all.calls))), Labels: labels, Series: []tree.Series{{Name: "Calls", Values: values[0]}, {Name: "Errors", Values: values[1]}}},
		{Kind: tree.Chart, Type: "line", Title: fmt.Sprintf("A call took %s on average, %s at most", mean.Round(10*time.Microsecond), all.longest.Round(10*time.Microsecond)), Labels: labels,
			Series: []tree.Series{{Name: "Mean, in ms", Values: values[3]}, {Name: "Longest, in ms", Values: values[4]}}},
		{Kind: tree.Chart, Type: "bar", Title: fmt.Sprintf("A call used %s units of fuel on average", frame.Grouped(int(all.fuel/all.calls))), Labels: labels, Series: []tree.Series{{Name: "Fuel", Values: values[2]}}},
	}
	out := make([]template.HTML, len(nodes))
	for i, n := range nodes {
		var b bytes.Buffer
		if err := tree.Render(&b, n, tree.Options{ID: fmt.Sprintf("usage-%d", i), Base: base}); err != nil {
			return nil, err
		}
		out[i] = template.HTML(b.String()) // the renderer has escaped it
	}
	return out, nil
}
