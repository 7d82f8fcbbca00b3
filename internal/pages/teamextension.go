package pages

import (
	"net/url"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/learning"
)

// extensionPages are the pages of one extension: of a course, or of the whole
// tenant. They are the same in both places, below a prefix.
func (p *Pages) extensionPages(prefix string, scope func(*request) (extensions.Scope, error)) []page {
	name := "extension." + strings.Split(prefix, "/")[1] + "."
	in := func(handle func(*request, place) error) func(*request) error {
		return func(r *request) error {
			at, err := p.place(r, scope)
			if err != nil {
				return err
			}
			return handle(r, at)
		}
	}
	of := func(handle func(*request, place, extensions.Detail) error) func(*request) error {
		return in(func(r *request, at place) error {
			d, err := p.detail(r, at)
			if err != nil {
				return err
			}
			return handle(r, at, d)
		})
	}
	read, write := "extensions:read", "extensions:write"
	return []page{
		{method: "GET", path: prefix + "/upload", name: name + "upload", summary: "Where a bundle is brought.", permission: write, handle: in(p.uploadForm)},
		{method: "POST", path: prefix + "/upload", name: name + "upload.post", summary: "Installs a bundle, which enables it for nobody yet.", permission: write, limit: uploadSent, upload: true, handle: in(p.upload)},
		{method: "GET", path: prefix + "/:id", name: name + "one", summary: "An extension: how it is, and how to go back.", permission: read, handle: of(p.extension)},
		{method: "GET", path: prefix + "/:id/review", name: name + "review", summary: "What an extension will see, change and send.", permission: read, handle: of(p.review)},
		{method: "POST", path: prefix + "/:id/enable", name: name + "enable", summary: "Switches an extension on, with what it is granted.", permission: write, handle: of(p.enable)},
		{method: "POST", path: prefix + "/:id/consent", name: name + "consent", summary: "Lets the version run that waits for consent.", permission: write, handle: of(p.consent)},
		{method: "POST", path: prefix + "/:id/off", name: name + "off", summary: "Switches an extension off.", permission: write, handle: of(p.switchOff)},
		{method: "POST", path: prefix + "/:id/on", name: name + "on", summary: "Switches an extension on again, as it was.", permission: write, handle: of(p.switchOn)},
		{method: "POST", path: prefix + "/:id/retry", name: name + "retry", summary: "Calls an extension again that was left alone because it failed.", permission: write, handle: of(p.retry)},
		{method: "GET", path: prefix + "/:id/settings", name: name + "settings", summary: "The settings of an extension.", permission: read, handle: of(p.settings)},
		{method: "POST", path: prefix + "/:id/settings", name: name + "settings.post", summary: "Changes the settings of an extension.", permission: write, handle: of(p.saveSettings)},
		{method: "POST", path: prefix + "/:id/secrets", name: name + "secrets", summary: "Gives an extension a secret, or takes it away.", permission: write, handle: of(p.saveSecret)},
		{method: "GET", path: prefix + "/:id/rollback", name: name + "rollback", summary: "What changes if the version before comes back.", permission: read, handle: of(p.rollbackForm)},
		{method: "POST", path: prefix + "/:id/rollback", name: name + "rollback.post", summary: "Brings back the version before.", permission: write, handle: of(p.rollback)},
		{method: "GET", path: prefix + "/:id/uninstall", name: name + "uninstall", summary: "What is lost if an extension is removed.", permission: read, handle: of(p.uninstallForm)},
		{method: "POST", path: prefix + "/:id/uninstall", name: name + "uninstall.post", summary: "Removes an extension with all that it kept.", permission: write, handle: of(p.uninstall)},
		{method: "GET", path: prefix + "/:id/log", name: name + "log", summary: "What an extension said, and what went wrong with it.", permission: read, handle: of(p.extensionLog)},
		{method: "GET", path: prefix + "/:id/errors/:trace", name: name + "trace", summary: "What an extension did in one request.", permission: read, handle: of(p.extensionTrace)},
	}
}

// detail returns the extension that the page is about.
func (p *Pages) detail(r *request, at place) (extensions.Detail, error) {
	id, err := r.param("id")
	if err != nil {
		return extensions.Detail{}, err
	}
	return call[extensions.Detail](r, "extensions.detail", extensions.Which{ID: id, Course: at.Course()})
}

// view is the frame of a page about an extension; above are the pages that it is
// below, besides that of the extension.
func (at place) view(title string, d extensions.Detail, data any) view {
	return view{Title: title, Nav: at.Nav, Crumbs: append(slices.Clone(at.Crumbs), link{d.Title, at.Of(d.ID)}), Data: data}
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
func (p *Pages) who(r *request, at place, actor string) string {
	kind, id, _ := strings.Cut(actor, ":")
	switch kind {
	case string(trellis.SystemActor):
		return "the platform"
	case string(trellis.PersonActor):
	default:
		return ""
	}
	if id == trellis.ActorFrom(r.ctx).ID {
		return "you"
	}
	person, err := call[learning.Person](r, "users.get", learning.GetUser{ID: id, Course: at.Course()})
	if err != nil || person.PII.Name == "" {
		return "somebody else"
	}
	return person.PII.Name
}
