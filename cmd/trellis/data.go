package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/plugins"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
)

type importCmd struct {
	remote
	File      string `arg:"" type:"existingfile" help:"The roster: a OneRoster zip (CSV, 1.1 or 1.2, bulk or delta)."`
	Format    string `default:"oneroster" enum:"oneroster" help:"Format of the file."`
	Strict    bool   `help:"Take nothing that departs from the specification."`
	Passwords bool   `help:"Take over the passwords in the file."`
	DryRun    bool   `help:"Say what would come of it, and change nothing."`
	NoWait    bool   `help:"Do not wait until it is done."`
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
		e.show(job, func(w io.Writer) { fmt.Fprintf(w, "Next: trellis jobs wait %s\n", job.ID) })
		return nil
	}
	return waitFor(e, c.remote, job.ID)
}

// waitFor shows a job's progress until it ends, and then its report.
func waitFor(e *env, r remote, id string) error {
	var job jobs.Job
	live := isatty.IsTerminal(os.Stderr.Fd())
	for {
		if err := r.do(e.ctx, "GET", "/api/v1/jobs/"+seg(id), nil, nil, &job); err != nil {
			return err
		}
		if live {
			fmt.Fprintf(os.Stderr, "\r\033[K%s", progress(job))
		}
		if job.State.Ended() {
			break
		}
		select {
		case <-e.ctx.Done():
			fmt.Fprintf(os.Stderr, "\nIt goes on. Next: trellis jobs wait %s, or trellis jobs cancel %s\n", id, id)
			return e.ctx.Err()
		case <-time.After(150 * time.Millisecond):
		}
	}
	if live {
		fmt.Fprintln(os.Stderr)
	}
	if e.json {
		if len(job.Report) > 0 {
			var report map[string]any
			if json.Unmarshal(job.Report, &report) == nil {
				report["job"] = job.ID
				e.print(report)
			}
		} else {
			e.print(job)
		}
	} else {
		reportText(os.Stdout, job)
	}
	if job.State != jobs.Done {
		return trellis.Errorf(trellis.Conflict, "the job %s: %s", job.State, job.Error)
	}
	return nil
}

func progress(j jobs.Job) string {
	if j.Progress.Total == 0 {
		return fmt.Sprintf("%s  %s  %d", j.State, j.Progress.Note, j.Progress.Done)
	}
	return fmt.Sprintf("%s  %3d %%  %d of %d  %s", j.State, 100*j.Progress.Done/j.Progress.Total, j.Progress.Done, j.Progress.Total, j.Progress.Note)
}

// reportText writes the report of an import for people; any other as it is.
func reportText(w io.Writer, j jobs.Job) {
	var r struct {
		Rows, Created, Changed, Removed, Unchanged, Skipped int64
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
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, res.Body)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	e.show(map[string]any{"file": out, "bytes": n}, func(w io.Writer) { fmt.Fprintf(w, "%s (%d bytes)\n", out, n) })
	return nil
}

type jobsCmd struct {
	List   jobsListCmd   `cmd:"" default:"1" help:"Show jobs, newest first."`
	Wait   jobsWaitCmd   `cmd:"" help:"Wait until a job ends, and show its report."`
	Cancel jobsCancelCmd `cmd:"" help:"Stop a job; what it has done stays."`
	Retry  jobsRetryCmd  `cmd:"" help:"Let a job go on that failed or was cancelled."`
}

type jobsListCmd struct{ remote }

func (c *jobsListCmd) Run(e *env) error {
	var list jobs.List
	if err := c.do(e.ctx, "GET", "/api/v1/jobs", nil, nil, &list); err != nil {
		return err
	}
	e.show(list, func(w io.Writer) {
		if len(list.Items) == 0 {
			fmt.Fprintln(w, "No long work has been asked for.")
		}
		for _, j := range list.Items {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", j.ID, when(j.Created), progress(j), j.Title, j.Error)
		}
	})
	return nil
}

type jobRef struct {
	remote
	ID string `arg:"" help:"ID of the job."`
}

type jobsWaitCmd struct{ jobRef }

func (c *jobsWaitCmd) Run(e *env) error { return waitFor(e, c.remote, c.ID) }

type jobsCancelCmd struct{ jobRef }

func (c *jobsCancelCmd) Run(e *env) error {
	return c.do(e.ctx, "POST", "/api/v1/jobs/"+seg(c.ID)+"/cancel", nil, nil, nil)
}

type jobsRetryCmd struct{ jobRef }

func (c *jobsRetryCmd) Run(e *env) error {
	if err := c.do(e.ctx, "POST", "/api/v1/jobs/"+seg(c.ID)+"/retry", nil, nil, nil); err != nil {
		return err
	}
	return waitFor(e, c.remote, c.ID)
}

type enrollCmd struct {
	remote
	Person string `arg:"" help:"The person: an ID, or the name that she logs in with."`
	Course string `arg:"" help:"Key of the course."`
	Mode   string `help:"Track; audit if absent."`
}

func (c *enrollCmd) Run(e *env) error {
	person, err := personID(e, c.remote, c.Person)
	if err != nil {
		return err
	}
	var out learning.Enrollment
	in := learning.Enroll{Person: person, Course: c.Course, Mode: c.Mode}
	if err := c.do(e.ctx, "POST", "/api/v1/enrollments", nil, in, &out); err != nil {
		return err
	}
	e.show(out, func(w io.Writer) { fmt.Fprintf(w, "Enrolled in %s (%s).\n", out.Course, out.Mode) })
	return nil
}

type unenrollCmd struct {
	remote
	Person string `arg:"" help:"The person: an ID, or the name that she logs in with."`
	Course string `arg:"" help:"Key of the course."`
}

func (c *unenrollCmd) Run(e *env) error {
	person, err := personID(e, c.remote, c.Person)
	if err != nil {
		return err
	}
	var out learning.Enrollment
	if err := c.do(e.ctx, "DELETE", "/api/v1/enrollments/"+seg(c.Course), params("person", person), nil, &out); err != nil {
		return err
	}
	e.show(out, func(w io.Writer) { fmt.Fprintf(w, "The enrolment in %s has ended.\n", out.Course) })
	return nil
}

// personID finds a person by the name that she logs in with, unless who is an ID.
func personID(e *env, r remote, who string) (string, error) {
	if !trellis.TimeOf(who).IsZero() {
		return who, nil
	}
	var me learning.Me
	if err := r.do(e.ctx, "GET", "/api/v1/me", nil, nil, &me); err == nil && me.User != nil && strings.EqualFold(me.User.Username, who) {
		return me.ID, nil
	}
	for after := ""; ; {
		var page learning.List[trellis.User]
		if err := r.do(e.ctx, "GET", "/api/v1/users", params("limit", "200", "after", after), nil, &page); err != nil {
			return "", err
		}
		for _, u := range page.Items {
			if strings.EqualFold(u.PII.Username, who) {
				return u.ID, nil
			}
		}
		if after = page.Next; after == "" {
			return "", trellis.Errorf(trellis.NotFound, "nobody here logs in as %q", who)
		}
	}
}

type eventsCmd struct {
	remote
	Follow bool     `short:"f" help:"Go on with what happens from now on."`
	Type   []string `help:"Only these types: exact, or a prefix with .* (with -follow)."`
	Course string   `help:"Only those of a course."`
	After  string   `help:"Begin after this position."`
}

func (c *eventsCmd) Run(e *env) error {
	if !c.Follow {
		var page struct {
			Items []trellis.Event `json:"items"`
			Next  string          `json:"next,omitempty"`
		}
		typ := ""
		if len(c.Type) > 0 {
			typ = c.Type[0]
		}
		if err := c.do(e.ctx, "GET", "/api/v1/events", params("after", c.After, "course", c.Course, "type", typ, "limit", "200"), nil, &page); err != nil {
			return err
		}
		e.show(page, func(w io.Writer) {
			if len(page.Items) == 0 {
				fmt.Fprintln(w, "Nothing has happened.")
			}
			for _, ev := range page.Items {
				fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", ev.Position, when(ev.Time), ev.Type, ev.Subject, ev.Actor)
			}
			if page.Next != "" {
				fmt.Fprintf(w, "\nNext: trellis events -after %s\n", page.Next)
			}
		})
		return nil
	}
	return c.follow(e)
}

// follow prints the live stream, and goes on where it was when it is cut off.
func (c *eventsCmd) follow(e *env) error {
	q := url.Values{"type": c.Type}
	if c.Course != "" {
		q.Set("course", c.Course)
	}
	for after := c.After; e.ctx.Err() == nil; {
		if after != "" {
			q.Set("after", after)
		}
		res, err := c.request(e.ctx, "GET", "/stream/sse", q, nil, "")
		if err != nil {
			return err
		}
		after = c.print(e, res, after)
		select {
		case <-e.ctx.Done():
		case <-time.After(2 * time.Second):
		}
	}
	return nil
}

func (c *eventsCmd) print(e *env, res *http.Response, after string) string {
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			after = value
		case "data":
			var ev trellis.Event
			if e.json || json.Unmarshal([]byte(value), &ev) != nil {
				fmt.Println(value)
				continue
			}
			var data bytes.Buffer
			_ = json.Compact(&data, ev.Data) // it was valid a line ago
			fmt.Printf("%s  %s  %s\n    %s\n", strconv.FormatUint(ev.Position, 10), when(ev.Time), ev.Type, data.String())
		}
	}
	return after
}

type deliveriesCmd struct {
	List    deliveriesListCmd    `cmd:"" default:"1" help:"Show deliveries that failed."`
	Show    deliveriesShowCmd    `cmd:"" help:"Show a delivery, with what is sent."`
	Retry   deliveriesRetryCmd   `cmd:"" help:"Send a delivery again, as it was or with other data."`
	Discard deliveriesDiscardCmd `cmd:"" help:"Give up a delivery for good."`
}

type deliveriesListCmd struct {
	remote
	State string `help:"Only those in this state: failing, parked, dead."`
}

func (c *deliveriesListCmd) Run(e *env) error {
	var list delivery.List
	if err := c.do(e.ctx, "GET", "/api/v1/deliveries", params("state", c.State), nil, &list); err != nil {
		return err
	}
	e.show(list, func(w io.Writer) {
		if len(list.Items) == 0 {
			fmt.Fprintln(w, "Every event was delivered.")
		}
		for _, r := range list.Items {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d tries\t%s\n", r.ID, r.State, r.Type, r.Attempts, r.Error)
		}
	})
	return nil
}

type deliveryRef struct {
	remote
	ID string `arg:"" help:"ID of the delivery."`
}

type deliveriesShowCmd struct{ deliveryRef }

func (c *deliveriesShowCmd) Run(e *env) error {
	var letter delivery.Letter
	if err := c.do(e.ctx, "GET", "/api/v1/deliveries/"+seg(c.ID), nil, nil, &letter); err != nil {
		return err
	}
	e.print(letter)
	return nil
}

type deliveriesRetryCmd struct {
	deliveryRef
	Data string `help:"Other data: JSON, or @FILE."`
}

func (c *deliveriesRetryCmd) Run(e *env) error {
	in := map[string]any{}
	if c.Data != "" {
		raw, err := jsonArgument(c.Data)
		if err != nil {
			return err
		}
		in["data"] = raw
	}
	return c.do(e.ctx, "POST", "/api/v1/deliveries/"+seg(c.ID)+"/retry", nil, in, nil)
}

type deliveriesDiscardCmd struct{ deliveryRef }

func (c *deliveriesDiscardCmd) Run(e *env) error {
	return c.do(e.ctx, "DELETE", "/api/v1/deliveries/"+seg(c.ID), nil, nil, nil)
}

type traceCmd struct {
	remote
	ID string `arg:"" help:"The trace: what follows urn:trace: in an answer, or its header Trace-Id."`
}

func (c *traceCmd) Run(e *env) error {
	var t plugins.Trace
	if err := c.do(e.ctx, "GET", "/api/v1/traces/"+seg(strings.TrimPrefix(c.ID, "urn:trace:")), nil, nil, &t); err != nil {
		return err
	}
	e.show(t, func(w io.Writer) {
		for _, s := range t.Steps {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%v\tfuel %d\t%s\n", when(s.Started), s.Extension, s.Hook, s.Outcome, s.Duration, s.Fuel, s.Error)
		}
	})
	return nil
}

type auditCmd struct {
	remote
	Operation string `help:"Only this operation."`
	Outcome   string `help:"Only those that ended so: ok, denied, failed."`
}

func (c *auditCmd) Run(e *env) error {
	var list learning.List[store.Entry]
	if err := c.do(e.ctx, "GET", "/api/v1/audit", params("operation", c.Operation, "outcome", c.Outcome), nil, &list); err != nil {
		return err
	}
	e.show(list, func(w io.Writer) {
		for _, x := range list.Items {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", when(x.Time), x.Actor, x.Operation, x.Outcome, x.Target, x.Installation)
		}
	})
	return nil
}
