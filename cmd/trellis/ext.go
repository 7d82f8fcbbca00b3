package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
)

type extCmd struct {
	New          extNewCmd     `cmd:"" help:"Begin a project."`
	Build        extBuildCmd   `cmd:"" help:"Build main.wasm from the project's source."`
	Pack         extPackCmd    `cmd:"" help:"Make the bundle NAME-VERSION.trellis."`
	Inspect      extInspectCmd `cmd:"" help:"Say what a bundle or project is and asks for."`
	Test         extTestCmd    `cmd:"" help:"Run the project's tests and look whether everything fits together."`
	Run          extRunCmd     `cmd:"" help:"Ask the project's filter, tell its subscriber, run its schedule or job, or see what it shows, here and now."`
	UpgradeGuest extGuestCmd   `cmd:"" help:"Refresh the project's copy of the guest library."`
	Keygen       extKeygenCmd  `cmd:"" help:"Make a key to sign bundles with."`
	Sign         extSignCmd    `cmd:"" help:"Sign a bundle."`

	Install   extInstallCmd     `cmd:"" help:"Install a bundle, for the tenant or a course."`
	Upgrade   extInstallCmd     `cmd:"" help:"Install a newer version: the same as install."`
	Enable    extEnableCmd      `cmd:"" help:"Switch an extension on, with what it is granted."`
	Disable   extDisableCmd     `cmd:"" help:"Switch an extension off."`
	Stop      extStopCmd        `cmd:"" help:"Switch an extension off for everybody: where it is enabled stays for resume."`
	Resume    extResumeCmd      `cmd:"" help:"Let an extension go on that was stopped, as it was."`
	Grant     extGrantCmd       `cmd:"" help:"Consent to a version that asks for more, or change what an extension is granted."`
	Approve   extApproveCmd     `cmd:"" help:"Approve (or reject) what course staff asked for."`
	Self      extSelfServiceCmd `cmd:"" name:"self-service" help:"Show or change what course staff may grant without approval."`
	Settings  extSettingsCmd    `cmd:"" help:"Show or change settings."`
	Secrets   extSecretsCmd     `cmd:"" help:"Give an extension a secret, read from standard input."`
	List      extListCmd        `cmd:"" help:"Show what is installed, and where it is enabled."`
	Show      extShowCmd        `cmd:"" help:"Show all there is to know of an extension."`
	Logs      extLogsCmd        `cmd:"" help:"Show what an extension said."`
	Errors    extErrorsCmd      `cmd:"" help:"Show what went wrong with an extension, what is alike together."`
	Usage     extUsageCmd       `cmd:"" help:"Show what an extension did in the last day."`
	Retry     extRetryCmd       `cmd:"" help:"Call an extension again at once that was left alone or suspended because it failed."`
	RunNow    extRunNowCmd      `cmd:"" help:"Run a schedule or job of an extension at once."`
	Rollback  extRollbackCmd    `cmd:"" help:"Bring back the version before."`
	Uninstall extUninstallCmd   `cmd:"" help:"Remove an extension with all that it kept."`
	Trust     extTrustCmd       `cmd:"" help:"Trust a publisher's key (operators), or list the keys."`
}

// where names an extension and where it is.
type where struct {
	remote
	ID     string `arg:"" help:"ID of the extension: publisher.name."`
	Course string `help:"Key of the course; the whole tenant if absent."`
}

func (w where) path(action string) string {
	return "/api/v1/extensions/" + seg(w.ID) + action
}

type extInstallCmd struct {
	remote
	File   string `arg:"" type:"existingfile" help:"Bundle: NAME-VERSION.trellis."`
	Course string `help:"Course that is to own it; the whole tenant if absent."`
}

func (c *extInstallCmd) Run(e *env) error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	res, err := c.request(e.ctx, "POST", "/api/v1/extensions", params("course", c.Course), f, "application/zip")
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	var x extensions.Extension
	if err := json.NewDecoder(res.Body).Decode(&x); err != nil {
		return err
	}
	e.show(x, func(w io.Writer) {
		describe(w, x)
		switch {
		case x.Pending != "":
			fmt.Fprintf(w, "\nUntil then version %s runs. Next: trellis ext grant %s%s, with -withhold PERMISSION for what it shall not have\n", x.Version, x.ID, courseFlag(c.Course))
		case len(x.Enabled) == 0:
			fmt.Fprintf(w, "\nIt is installed and enabled for nobody. Next: trellis ext enable %s%s\n", x.ID, courseFlag(c.Course))
		default:
			fmt.Fprintf(w, "\nVersion %s takes effect within a second. Next: trellis ext logs %s%s; trellis ext rollback %s%s brings back the one before\n", x.Version, x.ID, courseFlag(c.Course), x.ID, courseFlag(c.Course))
		}
	})
	return nil
}

func courseFlag(course string) string {
	if course == "" {
		return ""
	}
	return " -course " + course
}

// describe writes what an extension is and asks for.
func describe(w io.Writer, x extensions.Extension) {
	fmt.Fprintf(w, "%s  %s %s\n", x.Title, x.ID, x.Version)
	if x.Description != "" {
		fmt.Fprintf(w, "%s\n", x.Description)
	}
	if x.State == "suspended" {
		fmt.Fprintf(w, "SUSPENDED: %s\n", x.Reason)
	}
	if x.State == "stopped" {
		fmt.Fprintf(w, "SWITCHED OFF FOR EVERYBODY by %s: %s\n", x.StoppedBy, cmp.Or(x.Reason, "no reason was given"))
	}
	if x.Resting != nil {
		fmt.Fprintln(w, resting(*x.Resting))
	}
	fmt.Fprintln(w, "It asks for:")
	sentences(w, x.Asks)
	if x.Pending != "" {
		fmt.Fprintf(w, "Version %s waits for consent: %s\n", x.Pending, x.PendingFor)
		more := slices.DeleteFunc(slices.Clone(x.PendingAsks), func(s bundle.Sentence) bool { return slices.Contains(x.Asks, s) })
		if len(more) > 0 {
			fmt.Fprintln(w, "It also asks for:")
			sentences(w, more)
		}
	}
	for _, on := range x.Enabled {
		at := "the whole tenant"
		if on.Course != "" {
			at = on.Course
		}
		switch on.State {
		case "waiting":
			fmt.Fprintf(w, "Waits for approval in %s, asks to be granted: %s\n", at, orNone(on.Grants))
		case "off":
			fmt.Fprintf(w, "Switched off in %s, granted: %s\n", at, orNone(on.Grants))
		default:
			fmt.Fprintf(w, "Enabled in %s, granted: %s\n", at, orNone(on.Grants))
		}
	}
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

func sentences(w io.Writer, asks []bundle.Sentence) {
	if len(asks) == 0 {
		fmt.Fprintln(w, "  nothing")
	}
	for _, s := range asks {
		if s.Permission != "" {
			fmt.Fprintf(w, "  - %s (%s)\n", s.Text, s.Permission)
		} else {
			fmt.Fprintf(w, "  - %s\n", s.Text)
		}
	}
}

// one asks for an extension as it is in force somewhere.
func (w where) one(e *env) (extensions.Extension, error) {
	var list extensions.List[extensions.Extension]
	if err := w.do(e.ctx, "GET", "/api/v1/extensions", nil, nil, &list); err != nil {
		return extensions.Extension{}, err
	}
	var found *extensions.Extension
	for _, x := range list.Items {
		if x.ID == w.ID && (x.Course == w.Course || x.Course == "") && (found == nil || x.Course == w.Course) {
			found = &x
		}
	}
	if found == nil {
		return extensions.Extension{}, advise(trellis.Errorf(trellis.NotFound, "%s is not installed here", w.ID), "trellis ext install FILE%s", courseFlag(w.Course))
	}
	return *found, nil
}

// act performs an action without particulars and shows what came of it.
func (w where) act(e *env, method, action, next string) error {
	var out extensions.Extension
	if err := w.do(e.ctx, method, w.path(action), nil, some("course", w.Course), &out); err != nil {
		return err
	}
	e.show(out, func(t io.Writer) {
		describe(t, out)
		if next != "" {
			fmt.Fprintf(t, "\n%s\n", next)
		}
	})
	return nil
}

type extListCmd struct{ remote }

func (c *extListCmd) Run(e *env) error {
	var list extensions.List[extensions.Extension]
	if err := c.do(e.ctx, "GET", "/api/v1/extensions", nil, nil, &list); err != nil {
		return err
	}
	e.show(list, func(w io.Writer) {
		if len(list.Items) == 0 {
			fmt.Fprintln(w, "No extensions are installed. Next: trellis ext new -lang go acme.first first, or trellis ext install FILE")
		}
		for i, x := range list.Items {
			if i > 0 {
				fmt.Fprintln(w)
			}
			describe(w, x)
			for _, on := range x.Enabled {
				if on.State == "waiting" {
					fmt.Fprintf(w, "Those who run the tenant decide.\nNext: trellis ext approve %s%s (or -reject)\n", x.ID, courseFlag(on.Course))
				}
			}
		}
	})
	return nil
}

type extLogsCmd struct {
	where
	Limit int    `default:"100" help:"How many lines."`
	Level string `help:"Only those that matter as much, or more: debug, info, warn, error."`
	Trace string `help:"Only those of this request."`
}

func (c *extLogsCmd) Run(e *env) error {
	var lines extensions.LogLines
	if err := c.do(e.ctx, "GET", c.path("/logs"), params("course", c.Course, "level", c.Level, "trace", c.Trace, "limit", fmt.Sprint(c.Limit)), nil, &lines); err != nil {
		return err
	}
	e.show(lines, func(w io.Writer) {
		if len(lines.Items) == 0 {
			fmt.Fprintln(w, "It has said nothing. Next: trellis deliveries list shows what it failed to take")
		}
		for _, l := range lines.Items {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", when(l.Time), l.Level, l.Hook, l.Message)
		}
	})
	return nil
}

type extRunNowCmd struct {
	where
	Name string `arg:"" help:"Name of the schedule or job."`
}

func (c *extRunNowCmd) Run(e *env) error {
	in := some("name", c.Name, "course", c.Course)
	var job struct{ ID string }
	if err := c.do(e.ctx, "POST", c.path("/run"), nil, in, &job); err != nil {
		return err
	}
	return waitFor(e, c.remote, job.ID)
}

type extUninstallCmd struct {
	where
	Yes bool `short:"y" help:"Do not ask."`
}

func (c *extUninstallCmd) Run(e *env) error {
	if err := e.sure(c.Yes, "Remove "+c.ID+" with its notes, secrets and logs?"); err != nil {
		return err
	}
	if err := c.do(e.ctx, "DELETE", c.path(""), params("course", c.Course), nil, nil); err != nil {
		return err
	}
	e.done(map[string]string{"id": c.ID, "state": "uninstalled"}, "%s is gone. Next: trellis ext list", c.ID)
	return nil
}
