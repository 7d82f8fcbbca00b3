package pages

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
)

// maxRoster bounds an upload by a page.
const maxRoster = 1 << 30

func (p *Pages) consoleImport() []page {
	write := "imports:write"
	return []page{
		{method: "GET", path: "/console/import", name: "console.import", summary: "Where one imports and exports rosters.", permission: write, handle: behind(write, p.importPage)},
		{method: "POST", path: "/console/import", name: "console.import.post", summary: "Takes a roster, and checks or imports it as a job.", permission: write, limit: maxRoster, upload: true, handle: behind(write, p.importRoster)},
		{method: "POST", path: "/console/import/:job/run", name: "console.import.run", summary: "Imports what was checked.", permission: write, handle: behind(write, p.importChecked)},
		{method: "GET", path: "/console/export/:format", name: "console.export", summary: "Downloads what the tenant has.", permission: "exports:read", stream: true, handle: behind("exports:read", p.export)},
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

func (p *Pages) importPage(r *request) error { return p.showImport(r, http.StatusOK, nil) }

func (p *Pages) showImport(r *request, status int, faults []fault) error {
	d := importPage{bar: r.navigate("/console/import"), Formats: p.cfg.Imports.Formats(), Title: r.value("title"), Faults: map[string]string{}, Export: can(r.ctx, "exports:read", hostapi.Scope{})}
	for _, f := range faults {
		d.Faults[f.Field] = f.Text
	}
	list, err := call[jobs.List](r, "work.list", jobs.Query{Kind: "import.oneroster", Limit: 5, Brief: true})
	if err != nil {
		return err
	}
	d.Recent = list.Items
	v := consoleView("Import and export", link{"Courses", "/console/courses"})
	v.Lead, v.Data, v.Faults = "People, courses and enrolments from another system. A check says first what would change, and changes nothing.", d, faults
	v.Code = []code{{What: "Check", CLI: "trellis import roster.zip -dry-run", HTTP: "POST /api/v1/imports/oneroster?dry_run=true"}, {What: "Import", CLI: "trellis import roster.zip", HTTP: "POST /api/v1/imports/oneroster"}, {What: "Export", CLI: "trellis export oneroster", HTTP: "GET /api/v1/exports/oneroster"}}
	return r.showAs(status, "console_import", v)
}

// importRoster takes a roster and checks it. It is imported from the page of that
// check, where one sees what it removes; the API imports at once.
func (p *Pages) importRoster(r *request) error {
	f := r.form.File
	if f == nil || f.Field != "roster" {
		return p.showImport(r, http.StatusBadRequest, []fault{{"roster", "Choose the zip archive with the roster."}})
	}
	title := strings.TrimSpace(r.value("title"))
	if title == "" {
		title = f.Name
	}
	options, err := json.Marshal(map[string]any{"dry_run": true, "strict": r.value("strict") != "", "passwords": r.value("passwords") != "", "title": title})
	if err != nil {
		return err
	}
	job, err := p.cfg.Imports.Upload(p.cfg.API.Audited(r.ctx, "imports.create", "oneroster"), "oneroster", f, options)
	if err != nil {
		faults, err := faultOf(err, fieldOf(err, "roster", "title"))
		if err != nil {
			return err
		}
		return p.showImport(r, http.StatusBadRequest, faults)
	}
	return r.done("/console/jobs/"+job.ID, notice{State: "info", Text: "The file is here. You may leave this page and come back to it."})
}

func (p *Pages) importChecked(r *request) error {
	id, err := r.param("job")
	if err != nil {
		return err
	}
	in := integrations.Proceeding{Job: id, Removes: wholeNumber(r.value("removes"))}
	job, err := call[jobs.Job](r, "imports.run", in)
	if err != nil {
		faults, err := faultOf(err, "removes")
		if err != nil {
			return err
		}
		return p.showJob(r, http.StatusConflict, id, faults)
	}
	return r.done("/console/jobs/"+job.ID, notice{State: "info", Text: "It is being imported. You may leave this page and come back to it."})
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

func (p *Pages) export(r *request) error {
	format, err := r.param("format")
	if err != nil {
		return err
	}
	tenant := trellis.ActorFrom(r.ctx).Tenant
	read, write := io.Pipe()
	go func() { _ = write.CloseWithError(p.cfg.Imports.Export(r.ctx, format, write)) }() // of nil the reader hears as io.EOF
	content := bufio.NewReader(read)
	if _, err := content.Peek(1); err != nil && !errors.Is(err, io.EOF) {
		return errors.Join(err, read.Close()) // nothing has gone out: it is answered as a problem
	}
	return r.download(tenant+"-"+format+".zip", "application/zip", func(_ context.Context, w *bufio.Writer) error {
		defer func() { _ = read.Close() }()
		if _, err := io.Copy(w, content); err != nil {
			return err
		}
		return w.Flush()
	})
}
