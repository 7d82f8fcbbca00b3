package main

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
	"github.com/trellis-learning/trellis/internal/jobs"
)

type importCmd struct {
	remote
	File      string `arg:"" type:"existingfile" help:"The roster: a OneRoster zip (CSV, 1.1 or 1.2, bulk or delta)."`
	Format    string `default:"oneroster" enum:"oneroster" help:"Format of the file."`
	Strict    bool   `help:"Take nothing that departs from the specification."`
	Passwords bool   `help:"Take over the passwords in the file."`
	DryRun    bool   `help:"Say what would come of it, and change nothing."`
	AtMost    *int   `help:"How many rows it may remove. Without it, ten or a tenth of all. An import that would remove more changes nothing."`
	NoWait    bool   `help:"Do not wait until it is done."`
}

// Help says what of a roster goes away, for trellis import --help.
func (c *importCmd) Help() string {
	return "A row removes what it is about if its status is tobedeleted or inactive: a person can no longer log in, a course is hidden, an enrolment ends. A row of a person whose enabledUser is false counts as well. Who is missing from the file stays."
}

func (c *importCmd) Run(e *env) error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	q := url.Values{"title": {filepath.Base(c.File)}}
	for name, on := range map[string]bool{"strict": c.Strict, "passwords": c.Passwords, "dry_run": c.DryRun} {
		if on {
			q.Set(name, "true")
		}
	}
	if c.AtMost != nil {
		q.Set("at_most", strconv.Itoa(*c.AtMost))
	}
	res, err := c.request(e.ctx, "POST", "/api/v1/imports/"+seg(c.Format), q, f, "application/zip")
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	var job jobs.Job
	if err := json.NewDecoder(res.Body).Decode(&job); err != nil {
		return err
	}
	if c.NoWait {
		e.done(job, "Next: trellis jobs wait %s", job.ID)
		return nil
	}
	return waitFor(e, c.remote, job.ID)
}

// reportText writes the report of an import for people; any other as it is.
func reportText(w io.Writer, j jobs.Job) {
	var r struct {
		DryRun                                              bool `json:"dry_run"`
		Rows, Created, Changed, Removed, Unchanged, Skipped int
		Refused                                             []struct {
			File, Extension, Message string
			Row                      int64
		}
		Invalid []struct {
			File, Column, Message string
			Row                   int64
		}
	}
	if json.Unmarshal(j.Report, &r) != nil || r.Rows == 0 {
		fmt.Fprintf(w, "%s: %s %s\n", j.Title, j.State, j.Report)
		return
	}
	fmt.Fprintf(w, "%s: %d rows: %d created, %d changed, %d removed, %d unchanged, %d skipped, %d refused, %d invalid\n",
		j.Title, r.Rows, r.Created, r.Changed, r.Removed, r.Unchanged, r.Skipped, len(r.Refused), len(r.Invalid))
	const most = 20
	for i, x := range r.Refused {
		if i == most {
			fmt.Fprintf(w, "  … and %d more (-json shows all)\n", len(r.Refused)-most)
			break
		}
		fmt.Fprintf(w, "  refused  %s row %d, by %s: %s\n", x.File, x.Row, x.Extension, x.Message)
	}
	for i, x := range r.Invalid {
		if i == most {
			fmt.Fprintf(w, "  … and %d more (-json shows all)\n", len(r.Invalid)-most)
			break
		}
		fmt.Fprintf(w, "  invalid  %s row %d %s: %s\n", x.File, x.Row, x.Column, x.Message)
	}
	switch most := oneroster.MayRemove(r.Rows); {
	case r.DryRun && r.Removed > most:
		fmt.Fprintf(w, "\nNothing was changed. An import that removes more than %d of these %d rows stops before it does anything, unless it is told how many it may remove.\nNext: trellis import FILE -at-most %d\n", most, r.Rows, r.Removed)
		return
	case r.DryRun:
		fmt.Fprintf(w, "\nNothing was changed. Next: trellis import FILE\n")
		return
	}
	fmt.Fprintf(w, "\nNext: trellis events, trellis course list, trellis jobs wait %s -json for the whole report\n", j.ID)
}

type exportCmd struct {
	remote
	Format string `arg:"" enum:"oneroster" help:"Format: oneroster."`
	Out    string `short:"o" help:"File to write; TENANT-FORMAT.zip if absent."`
}

func (c *exportCmd) Run(e *env) error {
	res, err := c.request(e.ctx, "GET", "/api/v1/exports/"+seg(c.Format), nil, nil, "")
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	out := c.Out
	if out == "" {
		out = c.Format + ".zip"
		if _, p, err := mime.ParseMediaType(res.Header.Get("Content-Disposition")); err == nil && filepath.IsLocal(p["filename"]) {
			out = filepath.Base(p["filename"])
		}
	}
	var n int64
	if err := replace(out, 0o600, func(w io.Writer) (err error) { // people's names are in it
		n, err = io.Copy(w, res.Body)
		return err
	}); err != nil {
		return advise(err, "the file was not written; try again")
	}
	e.done(map[string]any{"file": out, "bytes": n}, "%s (%d bytes)\n\nNext: trellis import %s -dry-run", out, n, out)
	return nil
}
