package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
)

type extEnableCmd struct {
	where
	Settings string   `help:"Settings: JSON, or @FILE."`
	Grant    []string `help:"Permissions to grant; all that it asks for if absent."`
	Withhold []string `help:"Permissions not to grant."`
	Locked   bool     `help:"Courses may not decide otherwise."`
	Yes      bool     `short:"y" help:"Do not ask."`
}

func (c *extEnableCmd) Run(e *env) error {
	x, err := c.one(e)
	if err != nil {
		return err
	}
	in := extensions.Enable{Course: c.Course, Locked: c.Locked, Grants: []string{}, Digest: x.Digest}
	if in.Grants, err = pick(x.Asks, c.Grant, c.Withhold); err != nil {
		return err
	}
	if c.Settings != "" {
		if in.Settings, err = jsonArgument("-settings", c.Settings); err != nil {
			return err
		}
	}
	if !e.json && !c.Yes {
		if _, asked := terminal(e.in); asked {
			e.note("%s asks for:", x.Title)
			sentences(e.errs, x.Asks)
			e.note("It is granted: %s", orNone(in.Grants))
		}
		if !e.agreed("Enable it?", true) { // a script has said what it wants by calling
			return trellis.Errorf(trellis.Conflict, "nothing was changed")
		}
	}
	var out extensions.Extension
	if err := c.do(e.ctx, "POST", c.path("/enable"), nil, body(in), &out); err != nil {
		return err
	}
	clashes := c.clashes(e)
	e.show(out, func(w io.Writer) {
		describe(w, out)
		writeClashes(w, clashes)
		if on, ok := enabling(out, c.Course); ok && on.State == "waiting" {
			fmt.Fprintln(w, "\nIt asks for more than course staff may grant, and waits: those who run the tenant must approve it. Next: trellis ext list shows whether they have")
			return
		}
		fmt.Fprintf(w, "\nNext: trellis ext logs %s%s, trellis ext disable %s%s\n", c.ID, courseFlag(c.Course), c.ID, courseFlag(c.Course))
	})
	return nil
}

// body is an input without the parts that stand in the path.
func body(in extensions.Enable) map[string]any {
	out := map[string]any{"grants": in.Grants}
	if in.Course != "" {
		out["course"] = in.Course
	}
	if in.Locked {
		out["locked"] = true
	}
	if in.Digest != "" {
		out["digest"] = in.Digest
	}
	if len(in.Settings) > 0 {
		out["settings"] = in.Settings
	}
	return out
}

// pick returns the permissions to grant. What is named must be asked for, so that
// a mistyped name neither grants less than was meant nor withholds nothing.
func pick(asks []bundle.Sentence, grant, withhold []string) ([]string, error) {
	grants, asked := []string{}, map[string]bool{}
	for _, s := range asks {
		if s.Permission == "" {
			continue
		}
		asked[s.Permission] = true
		if (len(grant) == 0 || slices.Contains(grant, s.Permission)) && !slices.Contains(withhold, s.Permission) {
			grants = append(grants, s.Permission)
		}
	}
	for _, name := range slices.Concat(grant, withhold) {
		if !asked[name] {
			return nil, advise(trellis.Errorf(trellis.Invalid, "it does not ask for %s", name), "trellis ext list says what it asks for")
		}
	}
	return grants, nil
}

type extDisableCmd struct{ where }

func (c *extDisableCmd) Run(e *env) error {
	return c.act(e, "POST", "/disable", "It takes part in nothing from now on; what it keeps stays. Next: trellis ext enable "+c.ID+courseFlag(c.Course))
}

type extRollbackCmd struct{ where }

func (c *extRollbackCmd) Run(e *env) error {
	return c.act(e, "POST", "/rollback", "The version before runs again. Next: trellis ext logs "+c.ID+courseFlag(c.Course))
}

type extApproveCmd struct {
	where
	Reject bool   `help:"Say no instead."`
	Reason string `help:"With -reject: why, for the course staff to read."`
}

func (c *extApproveCmd) Run(e *env) error {
	if c.Reject {
		return c.say(e, "/reject", c.Reason, "It stays off. Next: trellis ext list")
	}
	return c.act(e, "POST", "/approve", "It works from now on. Next: trellis ext logs "+c.ID+courseFlag(c.Course))
}

type extGrantCmd struct {
	where
	Grant    []string `help:"Permissions to grant; all that it asks for if absent."`
	Withhold []string `help:"Permissions not to grant."`
}

func (c *extGrantCmd) Run(e *env) error {
	x, err := c.one(e)
	if err != nil {
		return err
	}
	var out extensions.Extension
	if x.Pending != "" {
		in := some("course", c.Course)
		in["digest"] = x.PendingDigest
		if in["grants"], err = pick(x.PendingAsks, c.Grant, c.Withhold); err != nil {
			return err
		}
		err = c.do(e.ctx, "POST", c.path("/consent"), nil, in, &out)
	} else {
		on, ok := enabling(x, c.Course)
		if !ok || on.State == "off" {
			return advise(trellis.Errorf(trellis.Conflict, "%s is not enabled here", c.ID), "trellis ext enable %s%s, with -grant or -withhold", c.ID, courseFlag(c.Course))
		}
		in := extensions.Enable{Course: c.Course, Settings: on.Settings, Locked: on.Locked, Digest: x.Digest}
		if in.Grants, err = pick(x.Asks, c.Grant, c.Withhold); err != nil {
			return err
		}
		err = c.do(e.ctx, "POST", c.path("/enable"), nil, body(in), &out)
	}
	if err != nil {
		return err
	}
	e.show(out, func(w io.Writer) {
		describe(w, out)
		fmt.Fprintf(w, "\nNext: trellis ext logs %s%s\n", c.ID, courseFlag(c.Course))
	})
	return nil
}

// enabling returns where an extension is switched on or off.
func enabling(x extensions.Extension, course string) (extensions.Enabling, bool) {
	i := slices.IndexFunc(x.Enabled, func(on extensions.Enabling) bool { return on.Course == course })
	if i < 0 {
		return extensions.Enabling{}, false
	}
	return x.Enabled[i], true
}

type extSettingsCmd struct {
	where
	Set string `arg:"" optional:"" help:"New settings: JSON, or @FILE. Without them the settings are shown."`
}

func (c *extSettingsCmd) Run(e *env) error {
	if c.Set != "" {
		raw, err := jsonArgument("the settings", c.Set)
		if err != nil {
			return err
		}
		in := some("course", c.Course)
		in["settings"] = raw
		if err := c.do(e.ctx, "PUT", c.path("/settings"), nil, in, nil); err != nil {
			return err
		}
	}
	x, err := c.one(e)
	if err != nil {
		return err
	}
	on, ok := enabling(x, c.Course)
	if !ok {
		return advise(trellis.Errorf(trellis.Conflict, "%s is not enabled here", c.ID), "trellis ext enable %s%s", c.ID, courseFlag(c.Course))
	}
	e.print(on.Settings)
	return nil
}

type extSecretsCmd struct {
	where
	Name   string `arg:"" help:"Name of the secret, as the manifest has it."`
	Remove bool   `help:"Take it away."`
}

func (c *extSecretsCmd) Run(e *env) error {
	in, state := some("course", c.Course), "removed"
	if !c.Remove {
		value, err := e.hidden("Secret")
		if err != nil {
			return advise(err, "trellis ext secrets %s %s%s <FILE; -remove takes it away", c.ID, c.Name, courseFlag(c.Course))
		}
		in["value"], state = value, "set"
	}
	if err := c.do(e.ctx, "PUT", c.path("/secrets/"+seg(c.Name)), nil, in, nil); err != nil {
		return err
	}
	e.done(map[string]string{"name": c.Name, "state": state}, "The secret %s is %s. Nobody but the extension can read it. Next: trellis ext logs %s%s", c.Name, state, c.ID, courseFlag(c.Course))
	return nil
}
