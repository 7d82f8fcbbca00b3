package pages

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/jobs"
)

func (p *Pages) consoleJobs() []page {
	read, write := "work:read", "work:write"
	at := "/console/jobs/:id"
	return []page{
		{method: "GET", path: "/console/jobs", name: "console.jobs", summary: "Long work: imports, exports, calls of extensions.", permission: read, handle: behind(read, p.jobs)},
		{method: "GET", path: at, name: "console.job", summary: "A job: how far it is, and its report.", permission: read, handle: behind(read, p.job)},
		{method: "POST", path: at + "/cancel", name: "console.job.cancel", summary: "Stops a job.", permission: write, handle: behind(write, p.cancelJob)},
		{method: "POST", path: at + "/retry", name: "console.job.retry", summary: "Lets a job go on where it stopped.", permission: write, handle: behind(write, p.retryJob)},
		{method: "GET", path: at + "/refused.csv", name: "console.job.refused", summary: "The rows that an import did not take, with the reasons, as a list.", permission: "imports:write", stream: true, handle: behind("imports:write", p.refusedList)},
		{method: "GET", path: at + "/refused.zip", name: "console.job.leftovers", summary: "The rows that an import did not take, with the reasons, as an archive to put right and send again.", permission: "imports:write", stream: true, handle: behind("imports:write", p.leftovers)},
	}
}

type jobsPage struct {
	bar
	Rows       []jobRow
	States     []pickable
	Filtered   bool
	Next, Back string
}

type jobRow struct {
	jobs.Job
	By who
}

func (p *Pages) jobs(r *request) error {
	q, err := r.query()
	if err != nil {
		return err
	}
	in := jobs.Query{State: jobs.State(q.Get("state")), Kind: q.Get("kind"), After: q.Get("after"), Limit: 50, Brief: true}
	list, err := call[jobs.List](r, "work.list", in)
	if err != nil {
		return err
	}
	d := jobsPage{bar: r.navigate("/console/jobs"), Filtered: in.State != "" || in.Kind != "",
		States: options(q.Get("state"), "", "Any state", "queued", "Waits for its turn", "running", "Running", "done", "Done", "failed", "Not done", "cancelled", "Cancelled")}
	n := p.names(r)
	for _, j := range list.Items {
		d.Rows = append(d.Rows, jobRow{j, n.of(j.Owner)})
	}
	if list.Next != "" {
		d.Next = with("/console/jobs", q, "after", list.Next)
	}
	if in.After != "" {
		d.Back = with("/console/jobs", q, "after", "")
	}
	v := consoleView("Jobs", link{"Courses", "/console/courses"})
	v.Lead, v.Data = "Work that takes its time. One may leave it and come back.", d
	v.Code = []code{{CLI: "trellis jobs list", HTTP: "GET /api/v1/jobs"}}
	return r.show("console_jobs", v)
}

// outcome is how many rows of a file ended so.
type outcome struct {
	File string
	oneroster.Counts
}

// jobPage is what the page of a job shows.
type jobPage struct {
	bar
	Job     jobs.Job
	By      who
	Report  *oneroster.Report // of an import
	Total   oneroster.Counts
	Files   []outcome
	Raw     string // the report of another kind
	DryRun  bool
	Brakes  bool
	Refused []oneroster.Refusal // the first of them
	Invalid []oneroster.Fault
	Left    bool // whether the rows themselves can be had
	May     bool
	Import  bool
	Faults  map[string]string
	Took    string
	Part    string // address of the part that is asked for again and again
}

// maxShown is how many refused and how many faulty rows a page lists.
const maxShown = 100

func (p *Pages) job(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	return p.showJob(r, http.StatusOK, id, nil)
}

func (p *Pages) showJob(r *request, status int, id string, faults []fault) error {
	j, err := call[jobs.Job](r, "work.get", jobs.ByID{ID: id})
	if err != nil {
		return err
	}
	d := jobPage{bar: r.navigate("/console/jobs"), Job: j, By: p.names(r).of(j.Owner), May: can(r.ctx, "work:write", hostapi.Scope{}),
		Import: can(r.ctx, "imports:write", hostapi.Scope{}), Faults: map[string]string{}, Part: "/console/jobs/" + j.ID}
	for _, f := range faults {
		d.Faults[f.Field] = f.Text
	}
	if j.Started != nil {
		end := time.Now()
		if j.Finished != nil {
			end = *j.Finished
		}
		d.Took = took(end.Sub(*j.Started))
	}
	if err := p.fillReport(r.ctx, &d); err != nil {
		return err
	}
	v := consoleView(j.Title, link{"Jobs", "/console/jobs"})
	v.Data, v.Faults = d, faults
	v.Code = []code{{CLI: "trellis jobs wait " + j.ID, HTTP: "GET /api/v1/jobs/" + j.ID}}
	if r.part == "job" {
		return r.showPart("console_job", "job", v)
	}
	return r.showAs(status, "console_job", v)
}

// took is how long something took, as people say it.
func took(d time.Duration) string {
	switch {
	case d < time.Second:
		return "less than a second"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	}
	return fmt.Sprintf("%d minutes", int(d.Minutes()))
}

// fillReport reads the report of a job.
func (p *Pages) fillReport(ctx context.Context, d *jobPage) error {
	if len(d.Job.Report) == 0 {
		return nil
	}
	var rep oneroster.Report
	if !strings.HasPrefix(d.Job.Kind, "import.") || json.Unmarshal(d.Job.Report, &rep) != nil {
		d.Raw = indented(d.Job.Report)
		return nil
	}
	d.Report, d.Total = &rep, rep.Total()
	for _, name := range slices.Sorted(maps.Keys(rep.Files)) {
		d.Files = append(d.Files, outcome{name, rep.Files[name]})
	}
	d.Refused, d.Invalid = rep.Refused[:min(len(rep.Refused), maxShown)], rep.Invalid[:min(len(rep.Invalid), maxShown)]
	if !d.Import {
		return nil
	}
	d.DryRun, d.Brakes = p.cfg.Imports.Checked(ctx, d.Job.ID), integrations.Brakes(rep)
	d.Left = d.Total.Refused+d.Total.Invalid > 0 && p.cfg.Imports.HasLeft(ctx, d.Job.ID)
	return nil
}

// indented is JSON for people to read, and still the same JSON: what cannot be seen
// is written out.
func indented(raw json.RawMessage) string {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber() // a number stays the one that it is
	var v any
	if dec.Decode(&v) != nil {
		return string(raw)
	}
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // the page escapes it
	enc.SetIndent("", "  ")
	if enc.Encode(v) != nil {
		return string(raw)
	}
	var legible strings.Builder
	for _, r := range strings.TrimSuffix(out.String(), "\n") {
		if r != '\n' && !unicode.IsPrint(r) { // it would turn the text around, or hide some of it
			for _, u := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&legible, `\u%04x`, u)
			}
			continue
		}
		legible.WriteRune(r)
	}
	return legible.String()
}

func (p *Pages) cancelJob(r *request) error {
	return p.changeJob(r, "work.cancel", "It stops at its next step. What it has done so far stays.")
}

func (p *Pages) retryJob(r *request) error {
	return p.changeJob(r, "work.retry", "It goes on where it stopped.")
}

func (p *Pages) changeJob(r *request, operation, text string) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	if _, err := call[jobs.Job](r, operation, jobs.ByID{ID: id}); err != nil {
		faults, err := faultOf(err, "")
		if err != nil {
			return err
		}
		return p.showJob(r, http.StatusConflict, id, faults)
	}
	return r.done("/console/jobs/"+id, notice{State: "ok", Text: text})
}

// refusedList lists what was not taken, as a table for a spreadsheet.
func (p *Pages) refusedList(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	j, err := call[jobs.Job](r, "work.get", jobs.ByID{ID: id})
	if err != nil {
		return err
	}
	var rep oneroster.Report
	if json.Unmarshal(j.Report, &rep) != nil {
		return trellis.Errorf(trellis.NotFound, "the job %q has no report yet", id)
	}
	return r.download("refused-"+short(id)+".csv", "text/csv; charset=utf-8", func(_ context.Context, w *bufio.Writer) error {
		out := newSheet(w)
		out.row("file", "row", "column", "why", "extension", "reason")
		for _, x := range rep.Refused {
			out.row(x.File, fmt.Sprint(x.Row), "", "refused", x.Extension, x.Message)
		}
		for _, f := range rep.Invalid {
			out.row(f.File, fmt.Sprint(f.Row), f.Column, "not usable", "", f.Message)
		}
		return cmp.Or(out.flush(), w.Flush())
	})
}

// leftovers gives back the rows that were not taken.
func (p *Pages) leftovers(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	if _, err := call[jobs.Job](r, "work.get", jobs.ByID{ID: id}); err != nil {
		return err
	}
	content, err := p.cfg.Imports.Leftovers(r.ctx, id)
	if err != nil {
		return err
	}
	return r.download("refused-"+short(id)+".zip", "application/zip", func(_ context.Context, w *bufio.Writer) error {
		_, err := io.Copy(w, content)
		return errors.Join(err, w.Flush(), content.Close())
	})
}
