package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/mattn/go-isatty"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
)

type extCmd struct {
	New          extNewCmd     `cmd:"" help:"Begin a project."`
	Build        extBuildCmd   `cmd:"" help:"Build main.wasm from the project's source."`
	Pack         extPackCmd    `cmd:"" help:"Make the bundle NAME-VERSION.trellis."`
	Inspect      extInspectCmd `cmd:"" help:"Say what a bundle or project is and asks for."`
	Test         extTestCmd    `cmd:"" help:"Run the project's tests and look whether everything fits together."`
	Run          extRunCmd     `cmd:"" help:"Ask the project's filter, or tell its subscriber, here and now."`
	UpgradeGuest extGuestCmd   `cmd:"" help:"Refresh the project's copy of the guest library."`
	Keygen       extKeygenCmd  `cmd:"" help:"Make a key to sign bundles with."`
	Sign         extSignCmd    `cmd:"" help:"Sign a bundle."`

	Install   extInstallCmd   `cmd:"" help:"Install a bundle, for the tenant or a course."`
	Upgrade   extInstallCmd   `cmd:"" help:"Install a newer version: the same as install."`
	Enable    extEnableCmd    `cmd:"" help:"Switch an extension on, with what it is granted."`
	Disable   extDisableCmd   `cmd:"" help:"Switch an extension off."`
	Grant     extGrantCmd     `cmd:"" help:"Consent to a version that asks for more, or change what an extension is granted."`
	Approve   extApproveCmd   `cmd:"" help:"Approve (or reject) what course staff asked for."`
	Settings  extSettingsCmd  `cmd:"" help:"Show or change settings."`
	Secrets   extSecretsCmd   `cmd:"" help:"Give an extension a secret, read from standard input."`
	List      extListCmd      `cmd:"" help:"Show what is installed, and where it is enabled."`
	Logs      extLogsCmd      `cmd:"" help:"Show what an extension said."`
	RunNow    extRunNowCmd    `cmd:"" help:"Run a schedule or job of an extension at once."`
	Rollback  extRollbackCmd  `cmd:"" help:"Bring back the version before."`
	Uninstall extUninstallCmd `cmd:"" help:"Remove an extension with all that it kept."`
	Trust     extTrustCmd     `cmd:"" help:"Trust a publisher's key (operators), or list the keys."`
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
			fmt.Fprintf(w, "\nVersion %s asks for more than %s and waits. Next: trellis ext grant %s%s\n", x.Pending, x.Version, x.ID, courseFlag(c.Course))
		case len(x.Enabled) == 0:
			fmt.Fprintf(w, "\nIt is installed and enabled for nobody. Next: trellis ext enable %s%s\n", x.ID, courseFlag(c.Course))
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
	fmt.Fprintln(w, "It asks for:")
	sentences(w, x.Asks)
	for _, on := range x.Enabled {
		at := "the whole tenant"
		if on.Course != "" {
			at = on.Course
		}
		fmt.Fprintf(w, "%s in %s, granted: %s\n", map[string]string{"on": "Enabled", "off": "Switched off", "waiting": "Waits for approval"}[on.State], at, orNone(on.Grants))
	}
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

func sentences(w io.Writer, asks []extensions.Sentence) {
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
		return extensions.Extension{}, trellis.Errorf(trellis.NotFound, "%s is not installed here. Next: trellis ext install FILE%s", w.ID, courseFlag(w.Course))
	}
	return *found, nil
}

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
	in := extensions.Enable{Course: c.Course, Locked: c.Locked, Grants: pick(x.Asks, c.Grant, c.Withhold)}
	if c.Settings != "" {
		if in.Settings, err = jsonArgument(c.Settings); err != nil {
			return err
		}
	}
	if !e.json && !c.Yes {
		fmt.Printf("%s asks for:\n", x.Title)
		sentences(os.Stdout, x.Asks)
		if len(c.Withhold) > 0 {
			fmt.Printf("Withheld: %s\n", strings.Join(c.Withhold, ", "))
		}
		if !agreed("Enable it?") {
			return trellis.Errorf(trellis.Conflict, "nothing was changed")
		}
	}
	var out extensions.Extension
	if err := c.do(e.ctx, "POST", c.path("/enable"), nil, body(in), &out); err != nil {
		return err
	}
	e.show(out, func(w io.Writer) {
		describe(w, out)
		for _, on := range out.Enabled {
			if on.Course == c.Course && on.State == "waiting" {
				fmt.Fprintln(w, "\nIt asks for more than course staff may grant: those who run the tenant must approve it.")
			}
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
	if len(in.Settings) > 0 {
		out["settings"] = in.Settings
	}
	return out
}

// pick returns the permissions to grant.
func pick(asks []extensions.Sentence, grant, withhold []string) []string {
	grants := []string{}
	for _, s := range asks {
		if s.Permission != "" && (len(grant) == 0 || contains(grant, s.Permission)) && !contains(withhold, s.Permission) {
			grants = append(grants, s.Permission)
		}
	}
	return grants
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// agreed asks a person. Where nobody is there to answer, asking is agreeing: a
// script has said what it wants by calling.
func agreed(question string) bool {
	if !isatty.IsTerminal(os.Stdin.Fd()) && !isatty.IsCygwinTerminal(os.Stdin.Fd()) {
		return true
	}
	fmt.Printf("%s [y/N] ", question)
	line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(line)), "y")
}

// jsonArgument reads JSON from an argument, or from a file that it names.
func jsonArgument(s string) (json.RawMessage, error) {
	raw := []byte(s)
	if name, ok := strings.CutPrefix(s, "@"); ok {
		var err error
		if raw, err = os.ReadFile(name); err != nil {
			return nil, err
		}
	}
	if !json.Valid(raw) {
		return nil, trellis.Errorf(trellis.Invalid, "the settings are not JSON")
	}
	return raw, nil
}

// act performs an action without particulars and shows what came of it.
func (w where) act(e *env, method, action, next string) error {
	var out extensions.Extension
	if err := w.do(e.ctx, method, w.path(action), nil, params2(w.Course), &out); err != nil {
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

func params2(course string) map[string]string {
	if course == "" {
		return map[string]string{}
	}
	return map[string]string{"course": course}
}

type extDisableCmd struct{ where }

func (c *extDisableCmd) Run(e *env) error {
	return c.act(e, "POST", "/disable", "It takes part in nothing from now on; what it keeps stays. Next: trellis ext enable "+c.ID+courseFlag(c.Course))
}

type extRollbackCmd struct{ where }

func (c *extRollbackCmd) Run(e *env) error { return c.act(e, "POST", "/rollback", "") }

type extApproveCmd struct {
	where
	Reject bool `help:"Say no instead."`
}

func (c *extApproveCmd) Run(e *env) error {
	if c.Reject {
		return c.act(e, "POST", "/reject", "")
	}
	return c.act(e, "POST", "/approve", "")
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
		grants := c.Grant
		if len(grants) == 0 {
			grants = []string{"*"}
		}
		in := map[string]any{"grants": grants}
		if c.Course != "" {
			in["course"] = c.Course
		}
		err = c.do(e.ctx, "POST", c.path("/consent"), nil, in, &out)
	} else {
		in := extensions.Enable{Course: c.Course, Grants: pick(x.Asks, c.Grant, c.Withhold)}
		for _, on := range x.Enabled {
			if on.Course == c.Course {
				in.Settings, in.Locked = on.Settings, on.Locked
			}
		}
		err = c.do(e.ctx, "POST", c.path("/enable"), nil, body(in), &out)
	}
	if err != nil {
		return err
	}
	e.show(out, func(w io.Writer) { describe(w, out) })
	return nil
}

type extSettingsCmd struct {
	where
	Set string `arg:"" optional:"" help:"New settings: JSON, or @FILE. Without them the settings are shown."`
}

func (c *extSettingsCmd) Run(e *env) error {
	if c.Set != "" {
		raw, err := jsonArgument(c.Set)
		if err != nil {
			return err
		}
		in := map[string]any{"settings": raw}
		if c.Course != "" {
			in["course"] = c.Course
		}
		if err := c.do(e.ctx, "PUT", c.path("/settings"), nil, in, nil); err != nil {
			return err
		}
	}
	x, err := c.one(e)
	if err != nil {
		return err
	}
	for _, on := range x.Enabled {
		if on.Course == c.Course {
			e.print(on.Settings)
			return nil
		}
	}
	return trellis.Errorf(trellis.Conflict, "%s is not enabled here. Next: trellis ext enable %s%s", c.ID, c.ID, courseFlag(c.Course))
}

type extSecretsCmd struct {
	where
	Name   string `arg:"" help:"Name of the secret, as the manifest has it."`
	Remove bool   `help:"Take it away."`
}

func (c *extSecretsCmd) Run(e *env) error {
	in := map[string]string{}
	if c.Course != "" {
		in["course"] = c.Course
	}
	if !c.Remove {
		raw, err := io.ReadAll(io.LimitReader(os.Stdin, 64<<10))
		if err != nil {
			return err
		}
		if in["value"] = strings.TrimRight(string(raw), "\r\n"); in["value"] == "" {
			return trellis.Errorf(trellis.Invalid, "no secret on standard input")
		}
	}
	if err := c.do(e.ctx, "PUT", c.path("/secrets/"+seg(c.Name)), nil, in, nil); err != nil {
		return err
	}
	e.say("Done. Nobody but the extension can read it.")
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
			fmt.Fprintln(w, "No extension is installed. Next: trellis ext new -lang go acme.first first, or trellis ext install FILE")
		}
		for i, x := range list.Items {
			if i > 0 {
				fmt.Fprintln(w)
			}
			describe(w, x)
		}
	})
	return nil
}

type extLogsCmd struct {
	where
	Limit int `default:"100" help:"How many lines."`
}

func (c *extLogsCmd) Run(e *env) error {
	var lines extensions.LogLines
	if err := c.do(e.ctx, "GET", c.path("/logs"), params("course", c.Course, "limit", fmt.Sprint(c.Limit)), nil, &lines); err != nil {
		return err
	}
	e.show(lines, func(w io.Writer) {
		if len(lines.Items) == 0 {
			fmt.Fprintln(w, "It has said nothing, and nothing has gone wrong with it.")
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
	in := map[string]string{"name": c.Name}
	if c.Course != "" {
		in["course"] = c.Course
	}
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
	if !e.json && !c.Yes && !agreed("Remove "+c.ID+" with its notes, secrets and logs?") {
		return trellis.Errorf(trellis.Conflict, "nothing was changed")
	}
	if err := c.do(e.ctx, "DELETE", c.path(""), params("course", c.Course), nil, nil); err != nil {
		return err
	}
	e.say("%s is gone.", c.ID)
	return nil
}

type extTrustCmd struct {
	remote
	Publisher string `arg:"" optional:"" help:"Publisher: the first half of the IDs of its extensions."`
	Key       string `arg:"" optional:"" help:"Public key in base64, or a file with it."`
	Remove    bool   `help:"Trust it no longer."`
}

func (c *extTrustCmd) Run(e *env) error {
	if c.Publisher == "" {
		var list extensions.List[extensions.Key]
		if err := c.do(e.ctx, "GET", "/api/v1/keys", nil, nil, &list); err != nil {
			return err
		}
		e.show(list, func(w io.Writer) {
			if len(list.Items) == 0 {
				fmt.Fprintln(w, "No key is trusted. Next: trellis ext trust PUBLISHER KEY")
			}
			for _, k := range list.Items {
				fmt.Fprintf(w, "%s\t%s\t%s\n", k.Publisher, k.Fingerprint, when(k.Added))
			}
		})
		return nil
	}
	if c.Remove {
		return c.do(e.ctx, "DELETE", "/api/v1/keys/"+seg(c.Publisher), nil, nil, nil)
	}
	if raw, err := os.ReadFile(c.Key); err == nil {
		c.Key = strings.TrimSpace(string(raw))
	}
	var k extensions.Key
	if err := c.do(e.ctx, "PUT", "/api/v1/keys/"+seg(c.Publisher), nil, map[string]string{"key": c.Key}, &k); err != nil {
		return err
	}
	e.show(k, func(w io.Writer) { fmt.Fprintf(w, "%s is bound to %s.\n", k.Publisher, k.Fingerprint) })
	return nil
}

type extPackCmd struct {
	Dir string `arg:"" optional:"" default:"." help:"Directory of the project."`
	Out string `short:"o" help:"File to write; NAME-VERSION.trellis in the project if absent."`
}

func (c *extPackCmd) Run(e *env) error {
	var zip bytes.Buffer
	b, err := extensions.Pack(c.Dir, &zip)
	if err != nil {
		return err
	}
	if err := check(b); err != nil {
		return err
	}
	out := c.Out
	if out == "" {
		out = filepath.Join(c.Dir, b.FileName())
	}
	if err := os.WriteFile(out, zip.Bytes(), 0o644); err != nil {
		return err
	}
	e.show(map[string]any{"file": out, "digest": b.Digest, "bytes": zip.Len()}, func(w io.Writer) {
		fmt.Fprintf(w, "%s (%d bytes)\n\nNext: trellis ext install %s\n", out, zip.Len(), out)
	})
	return nil
}

type extKeygenCmd struct {
	File string `arg:"" default:"trellis-key.pem" help:"File for the private key; the public one goes beside it."`
}

func (c *extKeygenCmd) Run(e *env) error {
	if _, err := os.Stat(c.File); err == nil {
		return trellis.Errorf(trellis.Conflict, "%s exists already", c.File)
	}
	private, public, err := extensions.GenerateKey()
	if err != nil {
		return err
	}
	if err := writeFile(c.File, private); err != nil {
		return err
	}
	if err := os.WriteFile(c.File+".pub", []byte(extensions.EncodeKey(public)+"\n"), 0o644); err != nil {
		return err
	}
	e.show(map[string]string{"file": c.File, "public": extensions.EncodeKey(public), "fingerprint": extensions.Fingerprint(public)}, func(w io.Writer) {
		fmt.Fprintf(w, "%s: keep it to yourself. %s.pub is for others.\n\nNext: trellis ext sign BUNDLE -key %s; an operator: trellis ext trust PUBLISHER %s.pub\n", c.File, c.File, c.File, c.File)
	})
	return nil
}

type extSignCmd struct {
	File string `arg:"" type:"existingfile" help:"Bundle to sign; it is replaced."`
	Key  string `required:"" type:"existingfile" help:"Private key."`
}

func (c *extSignCmd) Run(e *env) error {
	b, err := open(c.File)
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(c.Key)
	if err != nil {
		return err
	}
	key, err := extensions.ParseKey(raw)
	if err != nil {
		return err
	}
	b.Sign(key)
	var out bytes.Buffer
	if err := b.Write(&out); err != nil {
		return err
	}
	if err := os.WriteFile(c.File, out.Bytes(), 0o644); err != nil {
		return err
	}
	e.say("%s is signed in the name of %s.", c.File, b.Manifest.Publisher())
	return nil
}

// open reads a bundle file.
func open(path string) (*extensions.Bundle, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return extensions.ReadBundle(bytes.NewReader(raw), int64(len(raw)))
}
