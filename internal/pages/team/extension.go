package team

import (
	"net/url"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

// extensionPages are the pages of one extension: of a course, or of the whole
// tenant. They are the same in both places, below a prefix.
func (p *Pages) extensionPages(prefix string, scope func(*frame.Request) (extensions.Scope, error)) []frame.Page {
	name := "extension." + strings.Split(prefix, "/")[1] + "."
	in := func(handle func(*frame.Request, place) error) func(*frame.Request) error {
		return func(r *frame.Request) error {
			at, err := p.place(r, scope)
			if err != nil {
				return err
			}
			return handle(r, at)
		}
	}
	of := func(handle func(*frame.Request, place, extensions.Detail) error) func(*frame.Request) error {
		return in(func(r *frame.Request, at place) error {
			d, err := p.detail(r, at)
			if err != nil {
				return err
			}
			return handle(r, at, d)
		})
	}
	read, write := "extensions:read", "extensions:write"
	return []frame.Page{
		{Method: "GET", Path: prefix + "/upload", Name: name + "upload", Summary: "Where a bundle is brought.", Permission: write, Handle: in(p.uploadForm)},
		{Method: "POST", Path: prefix + "/upload", Name: name + "upload.post", Summary: "Installs a bundle, which enables it for nobody yet.", Permission: write, Limit: uploadSent, Upload: true, Handle: in(p.upload)},
		{Method: "GET", Path: prefix + "/:id", Name: name + "one", Summary: "An extension: how it is, and how to go back.", Permission: read, Handle: of(p.extension)},
		{Method: "GET", Path: prefix + "/:id/review", Name: name + "review", Summary: "What an extension will see, change and send.", Permission: read, Handle: of(p.review)},
		{Method: "POST", Path: prefix + "/:id/enable", Name: name + "enable", Summary: "Switches an extension on, with what it is granted.", Permission: write, Handle: of(p.enable)},
		{Method: "POST", Path: prefix + "/:id/consent", Name: name + "consent", Summary: "Lets the version run that waits for consent.", Permission: write, Handle: of(p.consent)},
		{Method: "POST", Path: prefix + "/:id/off", Name: name + "off", Summary: "Switches an extension off.", Permission: write, Handle: of(p.switchOff)},
		{Method: "POST", Path: prefix + "/:id/on", Name: name + "on", Summary: "Switches an extension on again, as it was.", Permission: write, Handle: of(p.switchOn)},
		{Method: "POST", Path: prefix + "/:id/retry", Name: name + "retry", Summary: "Calls an extension again that was left alone because it failed.", Permission: write, Handle: of(p.retry)},
		{Method: "GET", Path: prefix + "/:id/settings", Name: name + "settings", Summary: "The settings of an extension.", Permission: read, Handle: of(p.settings)},
		{Method: "POST", Path: prefix + "/:id/settings", Name: name + "settings.post", Summary: "Changes the settings of an extension.", Permission: write, Handle: of(p.saveSettings)},
		{Method: "POST", Path: prefix + "/:id/secrets", Name: name + "secrets", Summary: "Gives an extension a secret, or takes it away.", Permission: write, Handle: of(p.saveSecret)},
		{Method: "GET", Path: prefix + "/:id/rollback", Name: name + "rollback", Summary: "What changes if the version before comes back.", Permission: read, Handle: of(p.rollbackForm)},
		{Method: "POST", Path: prefix + "/:id/rollback", Name: name + "rollback.post", Summary: "Brings back the version before.", Permission: write, Handle: of(p.rollback)},
		{Method: "GET", Path: prefix + "/:id/uninstall", Name: name + "uninstall", Summary: "What is lost if an extension is removed.", Permission: read, Handle: of(p.uninstallForm)},
		{Method: "POST", Path: prefix + "/:id/uninstall", Name: name + "uninstall.post", Summary: "Removes an extension with all that it kept.", Permission: write, Handle: of(p.uninstall)},
		{Method: "GET", Path: prefix + "/:id/log", Name: name + "log", Summary: "What an extension said, and what went wrong with it.", Permission: read, Handle: of(p.extensionLog)},
		{Method: "GET", Path: prefix + "/:id/errors/:trace", Name: name + "trace", Summary: "What an extension did in one request.", Permission: read, Handle: of(p.extensionTrace)},
	}
}

// detail returns the extension that the page is about.
func (p *Pages) detail(r *frame.Request, at place) (extensions.Detail, error) {
	id, err := r.Param("id")
	if err != nil {
		return extensions.Detail{}, err
	}
	return frame.Call[extensions.Detail](r, "extensions.detail", extensions.Which{ID: id, Course: at.Course()})
}

// view is the frame of a page about an extension; above are the pages that it is
// below, besides that of the extension.
func (at place) view(title string, d extensions.Detail, data any) frame.View {
	return frame.View{Title: title, Nav: at.Nav, Crumbs: append(slices.Clone(at.Crumbs), frame.Link{Text: d.Title, Path: at.Of(d.ID)}), Data: data}
}

// flag is how the command line names the place.
func (at place) flag() string {
	if at.Course() == "" {
		return ""
	}
	return " -course " + at.Course()
}

// with is how the API names the place, in the query.
func (at place) with() string {
	if at.Course() == "" {
		return ""
	}
	return "?course=" + url.QueryEscape(at.Course())
}

// inBody is how the API names the place, in a body.
func (at place) inBody() string {
	if at.Course() == "" {
		return ""
	}
	return `"course": "` + at.Course() + `"`
}

// owner is where an extension belongs: what concerns the whole of it is done there.
func (at place) own(d extensions.Detail) error {
	if d.Own {
		return nil
	}
	return trellis.Errorf(trellis.Denied, "%s belongs to the whole school: those who run it do this", d.Title)
}

// who names somebody, as far as whoever asks may know.
func (p *Pages) who(r *frame.Request, at place, actor string) string {
	kind, id, _ := strings.Cut(actor, ":")
	switch kind {
	case string(trellis.SystemActor):
		return "the platform"
	case string(trellis.PersonActor):
	default:
		return ""
	}
	if id == trellis.ActorFrom(r.Ctx).ID {
		return "you"
	}
	person, err := frame.Call[learning.Person](r, "users.get", learning.GetUser{ID: id, Course: at.Course()})
	if err != nil || person.PII.Name == "" {
		return "somebody else"
	}
	return person.PII.Name
}
