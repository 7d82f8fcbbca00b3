package console

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
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

func (p *Pages) jobPages() []frame.Page {
	read, write := "work:read", "work:write"
	at := "/console/jobs/:id"
	return []frame.Page{
		{Method: "GET", Path: "/console/jobs", Name: "console.jobs", Summary: "Long work: imports, exports, calls of extensions.", Permission: read, Handle: behind(read, p.jobs)},
		{Method: "GET", Path: at, Name: "console.job", Summary: "A job: how far it is, and its report.", Permission: read, Handle: behind(read, p.job)},
		{Method: "POST", Path: at + "/cancel", Name: "console.job.cancel", Summary: "Stops a job.", Permission: write, Handle: behind(write, p.cancelJob)},
		{Method: "POST", Path: at + "/retry", Name: "console.job.retry", Summary: "Lets a job go on where it stopped.", Permission: write, Handle: behind(write, p.retryJob)},
		{Method: "GET", Path: at + "/refused.csv", Name: "console.job.refused", Summary: "The rows that an import did not take, with the reasons, as a list.", Permission: "imports:write", Stream: true, Handle: behind("imports:write", p.refusedList)},
		{Method: "GET", Path: at + "/refused.zip", Name: "console.job.leftovers", Summary: "The rows that an import did not take, with the reasons, as an archive to put right and send again.", Permission: "imports:write", Stream: true, Handle: behind("imports:write", p.leftovers)},
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

func (p *Pages) jobs(r *frame.Request) error {
	q, err := r.Query()
	if err != nil {
		return err
	}
	in := jobs.Query{State: jobs.State(q.Get("state")), Kind: q.Get("kind"), After: q.Get("after"), Limit: 50, Brief: true}
	list, err := frame.Call[jobs.List](r, "work.list", in)
	if err != nil {
		return err
	}
	d := jobsPage{bar: navigate(r, "/console/jobs"), Filtered: in.State != "" || in.Kind != "",
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
	v := viewOf("Jobs", frame.Link{Text: "Courses", Path: "/console/courses"})
	v.Lead, v.Data = "Work that takes its time. One may leave it and come back.", d
	v.Code = []frame.Code{{CLI: "trellis jobs list", HTTP: "GET /api/v1/jobs"}}
	return r.Show("jobs", v)
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
	Braked  bool                // it stopped before it removed too much
	Stays   bool                // and what it has left can still be checked
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

func (p *Pages) job(r *frame.Request) error {
	id, err := r.Param("id")
	if err != nil {
		return err
	}
	return p.showJob(r, http.StatusOK, id, nil)
}

func (p *Pages) showJob(r *frame.Request, status int, id string, faults []frame.Fault) error {
	j, err := frame.Call[jobs.Job](r, "work.get", jobs.ByID{ID: id})
	if err != nil {
		return err
	}
	d := jobPage{bar: navigate(r, "/console/jobs"), Job: j, By: p.names(r).of(j.Owner), May: frame.Can(r.Ctx, "work:write", hostapi.Scope{}),
		Import: frame.Can(r.Ctx, "imports:write", hostapi.Scope{}), Faults: map[string]string{}, Part: "/console/jobs/" + j.ID}
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
	if err := p.fillReport(r.Ctx, &d); err != nil {
		return err
	}
	v := viewOf(j.Title, frame.Link{Text: "Jobs", Path: "/console/jobs"})
	v.Data, v.Faults = d, faults
	v.Code = jobCode(d)
	if r.Part == "job" {
		return r.ShowPart("job", "job", v)
	}
	return r.ShowAs(status, "job", v)
}

// jobCode is what does the same as the page of a job.
func jobCode(d jobPage) []frame.Code {
	code := []frame.Code{{CLI: "trellis jobs wait " + d.Job.ID, HTTP: "GET /api/v1/jobs/" + d.Job.ID}}
	at := "POST /api/v1/imports/" + d.Job.ID
	switch {
	case d.Braked:
		check := frame.Code{What: "Check what it removes", CLI: "trellis import roster.zip -dry-run"}
		if d.Stays {
			check.HTTP = at + "/check"
		}
		code = append(code, check, frame.Code{What: "Import so many that it may remove", CLI: "trellis import roster.zip -at-most ROWS"})
	case d.Brakes && d.DryRun:
		code = append(code, frame.Code{What: "Import it", CLI: fmt.Sprintf("trellis import roster.zip -at-most %d", d.Report.Removed), HTTP: fmt.Sprintf("%s/run\n{\"removes\": %d}", at, d.Report.Removed)})
	case d.DryRun:
		code = append(code, frame.Code{What: "Import it", CLI: "trellis import roster.zip", HTTP: at + "/run"})
	}
	return code
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
	if d.Job.State == jobs.Failed && oneroster.Braked(d.Job.Error) {
		d.Braked, d.Stays = true, d.Import && p.imports.Stopped(ctx, d.Job.ID)
	}
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
	d.DryRun, d.Brakes = p.imports.Checked(ctx, d.Job.ID), integrations.Brakes(rep)
	d.Left = d.Total.Refused+d.Total.Invalid > 0 && p.imports.HasLeft(ctx, d.Job.ID)
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

func (p *Pages) cancelJob(r *frame.Request) error {
	return p.changeJob(r, "work.cancel", "It stops at its next step. What it has done so far stays.")
}

func (p *Pages) retryJob(r *frame.Request) error {
	return p.changeJob(r, "work.retry", "It goes on where it stopped.")
}

func (p *Pages) changeJob(r *frame.Request, operation, text string) error {
	id, err := r.Param("id")
	if err != nil {
		return err
	}
	if _, err := frame.Call[jobs.Job](r, operation, jobs.ByID{ID: id}); err != nil {
		faults, err := faultOf(err, "")
		if err != nil {
			return err
		}
		return p.showJob(r, http.StatusConflict, id, faults)
	}
	return r.Done("/console/jobs/"+id, frame.Notice{State: "ok", Text: text})
}

// refusedList lists what was not taken, as a table for a spreadsheet.
func (p *Pages) refusedList(r *frame.Request) error {
	id, err := r.Param("id")
	if err != nil {
		return err
	}
	j, err := frame.Call[jobs.Job](r, "work.get", jobs.ByID{ID: id})
	if err != nil {
		return err
	}
	var rep oneroster.Report
	if json.Unmarshal(j.Report, &rep) != nil {
		return trellis.Errorf(trellis.NotFound, "the job %q has no report yet", id)
	}
	return r.Download("refused-"+short(id)+".csv", "text/csv; charset=utf-8", func(_ context.Context, w *bufio.Writer) error {
		out := frame.NewSheet(w)
		out.Row("file", "row", "column", "why", "extension", "reason")
		for _, x := range rep.Refused {
			out.Row(x.File, fmt.Sprint(x.Row), "", "refused", x.Extension, x.Message)
		}
		for _, f := range rep.Invalid {
			out.Row(f.File, fmt.Sprint(f.Row), f.Column, "not usable", "", f.Message)
		}
		return cmp.Or(out.Flush(), w.Flush())
	})
}

// leftovers gives back the rows that were not taken.
func (p *Pages) leftovers(r *frame.Request) error {
	id, err := r.Param("id")
	if err != nil {
		return err
	}
	if _, err := frame.Call[jobs.Job](r, "work.get", jobs.ByID{ID: id}); err != nil {
		return err
	}
	content, err := p.imports.Leftovers(r.Ctx, id)
	if err != nil {
		return err
	}
	return r.Download("refused-"+short(id)+".zip", "application/zip", func(_ context.Context, w *bufio.Writer) error {
		_, err := io.Copy(w, content)
		return errors.Join(err, w.Flush(), content.Close())
	})
}
