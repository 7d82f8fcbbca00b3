package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
	"github.com/trellis-learning/trellis/internal/jobs"
)

type jobsCmd struct {
	List   jobsListCmd   `cmd:"" default:"1" help:"Show jobs, newest first."`
	Wait   jobsWaitCmd   `cmd:"" help:"Wait until a job ends, and show its report."`
	Cancel jobsCancelCmd `cmd:"" help:"Stop a job; what it has done stays."`
	Retry  jobsRetryCmd  `cmd:"" help:"Let a job go on that failed or was cancelled."`
}

type jobsListCmd struct {
	remote
	State string `help:"Only those in this state: queued, running, done, failed, cancelled."`
	After string `help:"Begin after this one: the value of next in the page before."`
}

func (c *jobsListCmd) Run(e *env) error {
	var list jobs.List
	if err := c.do(e.ctx, "GET", "/api/v1/jobs", params("state", c.State, "after", c.After), nil, &list); err != nil {
		return err
	}
	e.show(list, func(w io.Writer) {
		if len(list.Items) == 0 {
			fmt.Fprintln(w, "No long work has been asked for. Next: trellis import FILE")
		}
		for _, j := range list.Items {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", j.ID, when(j.Created), progress(j), j.Title, j.Error)
		}
		more(w, "trellis jobs list", list.Next)
	})
	return nil
}

// more says how to get the page that follows.
func more(w io.Writer, command, next string) {
	if next != "" {
		fmt.Fprintf(w, "\nNext: %s -after %s\n", command, next)
	}
}

type jobRef struct {
	remote
	ID string `arg:"" help:"ID of the job."`
}

type jobsWaitCmd struct{ jobRef }

func (c *jobsWaitCmd) Run(e *env) error { return waitFor(e, c.remote, c.ID) }

type jobsCancelCmd struct{ jobRef }

func (c *jobsCancelCmd) Run(e *env) error {
	var job jobs.Job
	if err := c.do(e.ctx, "POST", "/api/v1/jobs/"+seg(c.ID)+"/cancel", nil, nil, &job); err != nil {
		return err
	}
	e.done(job, "%s: it is to stop; what it has done stays. Next: trellis jobs wait %s", job.Title, c.ID)
	return nil
}

type jobsRetryCmd struct{ jobRef }

func (c *jobsRetryCmd) Run(e *env) error {
	if err := c.do(e.ctx, "POST", "/api/v1/jobs/"+seg(c.ID)+"/retry", nil, nil, nil); err != nil {
		var job jobs.Job
		if c.do(e.ctx, "GET", "/api/v1/jobs/"+seg(c.ID), nil, nil, &job) == nil && (job.State == jobs.Failed || job.State == jobs.Cancelled) {
			return advise(err, "%s", goOn(job))
		}
		return err
	}
	return waitFor(e, c.remote, c.ID)
}

// waitFor shows a job's progress until it ends, and then its report.
func waitFor(e *env, r remote, id string) error {
	_, live := terminal(e.errs)
	var job jobs.Job
	for said := time.Now(); ; {
		if err := r.do(e.ctx, "GET", "/api/v1/jobs/"+seg(id), nil, nil, &job); err != nil {
			return err
		}
		switch {
		case live:
			fmt.Fprintf(e.errs, "\r\033[K%s", progress(job))
		case time.Since(said) > 5*time.Second: // where nobody looks, a line now and then
			said = time.Now()
			e.note("%s", progress(job))
		}
		if job.State.Ended() {
			break
		}
		select {
		case <-e.ctx.Done():
			e.note("\nIt goes on. Next: trellis jobs wait %s, or trellis jobs cancel %s", id, id)
			return e.ctx.Err()
		case <-time.After(150 * time.Millisecond):
		}
	}
	if live {
		e.note("")
	}
	switch report := map[string]any{}; {
	case !e.json:
		reportText(e.out, job)
	case json.Unmarshal(job.Report, &report) == nil:
		report["job"] = job.ID
		e.print(report)
	default: // it has none
		e.print(job)
	}
	if job.State != jobs.Done {
		return advise(trellis.Errorf(trellis.Conflict, "the job %s: %s", job.State, job.Error), "%s", goOn(job))
	}
	return nil
}

// goOn says how a job that was not done comes to its end. What an import was to read is
// gone soon after it ended.
func goOn(job jobs.Job) string {
	switch {
	case oneroster.Braked(job.Error):
		return "trellis import FILE -dry-run says what it removes; trellis import FILE -at-most ROWS lets it"
	case strings.HasPrefix(job.Kind, "import."):
		return "put that right, and trellis import FILE again; what was imported stays"
	}
	return "trellis jobs retry " + job.ID + " lets it go on where it stopped"
}

func progress(j jobs.Job) string {
	if j.Progress.Total == 0 {
		return fmt.Sprintf("%s  %s  %d", j.State, j.Progress.Note, j.Progress.Done)
	}
	return fmt.Sprintf("%s  %3d %%  %d of %d  %s", j.State, 100*j.Progress.Done/j.Progress.Total, j.Progress.Done, j.Progress.Total, j.Progress.Note)
}
