package console

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

// maxRoster bounds an upload by a page.
const maxRoster = 1 << 30

func (p *Pages) importPages() []frame.Page {
	write := "imports:write"
	return []frame.Page{
		{Method: "GET", Path: "/console/import", Name: "console.import", Summary: "Where one imports and exports rosters.", Permission: write, Handle: behind(write, p.importPage)},
		{Method: "POST", Path: "/console/import", Name: "console.import.post", Summary: "Takes a roster, and checks or imports it as a job.", Permission: write, Limit: maxRoster, Upload: true, Stream: true, Handle: behind(write, p.importRoster)},
		{Method: "POST", Path: "/console/import/:job/run", Name: "console.import.run", Summary: "Imports what was checked.", Permission: write, Handle: behind(write, p.importChecked)},
		{Method: "POST", Path: "/console/import/:job/check", Name: "console.import.check", Summary: "Checks what an import has left that stopped before it removed too much.", Permission: write, Handle: behind(write, p.checkStopped)},
		{Method: "GET", Path: "/console/export/:format", Name: "console.export", Summary: "Downloads what the tenant has.", Permission: "exports:read", Stream: true, Handle: behind("exports:read", p.export)},
	}
}

type importPage struct {
	bar
	Recent  []jobs.Job
	Formats []integrations.Format
	Title   string
	Faults  map[string]string
	Export  bool
}

func (p *Pages) importPage(r *frame.Request) error { return p.showImport(r, http.StatusOK, nil) }

func (p *Pages) showImport(r *frame.Request, status int, faults []frame.Fault) error {
	d := importPage{bar: navigate(r, "/console/import"), Formats: p.imports.Formats(), Title: r.Value("title"), Faults: map[string]string{}, Export: frame.Can(r.Ctx, "exports:read", hostapi.Scope{})}
	for _, f := range faults {
		d.Faults[f.Field] = f.Text
	}
	list, err := frame.Call[jobs.List](r, "work.list", jobs.Query{Kind: "import.oneroster", Limit: 5, Brief: true})
	if err != nil {
		return err
	}
	d.Recent = list.Items
	v := viewOf("Import and export", frame.Link{Text: "Courses", Path: "/console/courses"})
	v.Lead, v.Data, v.Faults = "People, courses and enrolments from another system. A check says first what would change, and changes nothing.", d, faults
	v.Code = []frame.Code{{What: "Check", CLI: "trellis import roster.zip -dry-run", HTTP: "POST /api/v1/imports/oneroster?dry_run=true"}, {What: "Import", CLI: "trellis import roster.zip", HTTP: "POST /api/v1/imports/oneroster"}, {What: "Export", CLI: "trellis export oneroster", HTTP: "GET /api/v1/exports/oneroster"}}
	return r.ShowAs(status, "import", v)
}

// importRoster takes a roster and checks it. It is imported from the page of that
// check, where one sees what it removes; the API imports at once.
func (p *Pages) importRoster(r *frame.Request) error {
	f := r.Form.File
	if f == nil || f.Field != "roster" {
		return p.showImport(r, http.StatusBadRequest, []frame.Fault{{Field: "roster", Text: "Choose the zip archive with the roster."}})
	}
	title := strings.TrimSpace(r.Value("title"))
	if title == "" {
		title = f.Name
	}
	options, err := json.Marshal(map[string]any{"dry_run": true, "strict": r.Value("strict") != "", "passwords": r.Value("passwords") != "", "title": title})
	if err != nil {
		return err
	}
	job, err := p.imports.Upload(p.api.Audited(r.Ctx, "imports.create", "oneroster"), "oneroster", f, options)
	if err != nil {
		faults, err := faultOf(err, fieldOf(err, "roster", "title"))
		if err != nil {
			return err
		}
		return p.showImport(r, http.StatusBadRequest, faults)
	}
	return r.Done("/console/jobs/"+job.ID, frame.Notice{State: "info", Text: "The file is here. You may leave this page and come back to it."})
}

func (p *Pages) importChecked(r *frame.Request) error {
	id, err := r.Param("job")
	if err != nil {
		return err
	}
	in := integrations.Proceeding{Job: id, Removes: wholeNumber(r.Value("removes"))}
	job, err := frame.Call[jobs.Job](r, "imports.run", in)
	if err != nil {
		faults, err := faultOf(err, "removes")
		if err != nil {
			return err
		}
		return p.showJob(r, http.StatusConflict, id, faults)
	}
	return r.Done("/console/jobs/"+job.ID, frame.Notice{State: "info", Text: "It is being imported. You may leave this page and come back to it."})
}

// checkStopped checks what an import has left, and leads to the page of that check:
// there one reads how much it removes, and says so to go on.
func (p *Pages) checkStopped(r *frame.Request) error {
	id, err := r.Param("job")
	if err != nil {
		return err
	}
	job, err := frame.Call[jobs.Job](r, "imports.check", integrations.Rechecking{Job: id})
	if err != nil {
		faults, err := faultOf(err, "")
		if err != nil {
			return err
		}
		return p.showJob(r, http.StatusConflict, id, faults)
	}
	return r.Done("/console/jobs/"+job.ID, frame.Notice{State: "info", Text: "What is left of the roster is being checked. Nothing is changed by that."})
}

// wholeNumber reads a number that somebody typed; 0 if it is none.
func wholeNumber(s string) (n int) {
	for _, c := range strings.TrimSpace(s) {
		switch {
		case c == ',' || c == ' ':
		case c < '0' || c > '9' || n > 1e9:
			return 0
		default:
			n = n*10 + int(c-'0')
		}
	}
	return n
}

func (p *Pages) export(r *frame.Request) error {
	format, err := r.Param("format")
	if err != nil {
		return err
	}
	tenant := trellis.ActorFrom(r.Ctx).Tenant
	read, write := io.Pipe()
	go func() { _ = write.CloseWithError(p.imports.Export(r.Ctx, format, write)) }() // of nil the reader hears as io.EOF
	content := bufio.NewReader(read)
	if _, err := content.Peek(1); err != nil && !errors.Is(err, io.EOF) {
		return errors.Join(err, read.Close()) // nothing has gone out: it is answered as a problem
	}
	return r.Download(tenant+"-"+format+".zip", "application/zip", func(_ context.Context, w *bufio.Writer) error {
		defer func() { _ = read.Close() }()
		if _, err := io.Copy(w, content); err != nil {
			return err
		}
		return w.Flush()
	})
}
