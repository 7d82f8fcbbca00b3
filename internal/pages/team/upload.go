package team

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/pages/frame"
	"github.com/trellis-learning/trellis/internal/web"
)

// uploadSent bounds what a browser may say that it will send. The handler reads no
// more than its own limit of it, and so can say how much too much it is.
const uploadSent = 1 << 30

// showTime is how long it may take to say that an upload has taken too long.
const showTime = 5 * time.Second

// uploadPage is what the page of an upload shows: what is wrong with the bundle,
// each where it stands.
type uploadPage struct {
	At     place
	File   string
	Limit  string
	Wrong  []bundle.Fault
	Bundle *extensions.Inspection
}

func (p *Pages) uploadForm(r *frame.Request, at place) error {
	return showUpload(r, http.StatusOK, at, uploadPage{}, nil)
}

func showUpload(r *frame.Request, status int, at place, data uploadPage, faults []frame.Fault) error {
	data.At, data.Limit = at, frame.Megabytes(frame.UploadLimit)
	return r.ShowAs(status, "upload", frame.View{
		Title: "Add an extension", Nav: at.Nav, Crumbs: at.Crumbs, Data: data, Faults: faults,
		Code: []frame.Code{
			{What: "Look at a bundle first:", CLI: "trellis ext inspect NAME-VERSION.trellis", HTTP: "POST /api/v1/extensions/inspect" + at.with()},
			{What: "Install it:", CLI: "trellis ext install NAME-VERSION.trellis" + at.flag(), HTTP: "POST /api/v1/extensions" + at.with() + "\nContent-Type: application/zip"},
		},
	})
}

func (p *Pages) upload(r *frame.Request, at place) error {
	if !at.Write {
		return trellis.Errorf(trellis.Denied, "whoever may change the extensions here brings one")
	}
	name := ""
	refuse := func(status int, format string, args ...any) error {
		return showUpload(r, status, at, uploadPage{File: name}, []frame.Fault{{Field: "bundle", Text: fmt.Sprintf(format, args...)}})
	}
	if n := r.Length(); n > frame.UploadLimit+frame.UsualLimit {
		return refuse(http.StatusRequestEntityTooLarge, "%s; the limit is %s.", frame.Megabytes(int64(n)), frame.Megabytes(frame.UploadLimit))
	}
	if r.Form.File == nil || r.Form.File.Field != "bundle" {
		return refuse(http.StatusBadRequest, "Choose a bundle: a file that ends in .trellis.")
	}
	name = r.Form.File.Name
	done, err := p.registry.Uploading(r.Ctx)
	if err != nil {
		if trellis.KindOf(err) != trellis.Exhausted {
			return err
		}
		wait := trellis.RetryAfter(err)
		r.Wait(wait)
		return refuse(http.StatusTooManyRequests, "So many bundles are being brought here that yours has to wait. %s", frame.Soon(wait))
	}
	defer done()
	raw, err := io.ReadAll(io.LimitReader(r.Form.File, frame.UploadLimit+1))
	switch {
	case err != nil && trellis.KindOf(err) == trellis.Exhausted || len(raw) > frame.UploadLimit:
		return refuse(http.StatusRequestEntityTooLarge, "More than %s; that is the limit.", frame.Megabytes(frame.UploadLimit))
	case web.TooSlow(err):
		later, cancel := context.WithTimeout(context.WithoutCancel(r.Ctx), showTime) // the time of this request is over
		defer cancel()
		r = r.With(later)
		return refuse(http.StatusRequestTimeout, "The bundle took too long to come, and nothing was installed. Choose it again where the connection is faster.")
	case err != nil && trellis.KindOf(err) == trellis.Invalid:
		return refuse(http.StatusBadRequest, "The upload was cut off before its end. Choose the file again.")
	case err != nil:
		return err
	case len(raw) == 0:
		return refuse(http.StatusBadRequest, "The file is empty. Choose the bundle that “trellis ext pack” has made.")
	}
	look, err := p.registry.Inspect(r.Ctx, raw, at.Scope)
	switch {
	case err != nil:
		return err
	case look.Same:
		return r.Done(at.Of(look.ID), frame.Notice{State: "info", Text: "Here already: this very bundle is version " + look.Version + " of " + look.Title + "."})
	case len(look.Faults) > 0:
		return wrong(r, at, name, look)
	}
	x, err := p.registry.Install(p.api.Audited(r.Ctx, "extensions.install", at.Course()), raw, at.Scope)
	if err != nil {
		if kind := trellis.KindOf(err); kind != trellis.Internal && kind != trellis.Unavailable {
			look.Faults = []bundle.Fault{{Message: err.Error()}}
			return wrong(r, at, name, look)
		}
		return err
	}
	return p.installed(r, at, x, look)
}

// wrong shows what is in the way of a bundle.
func wrong(r *frame.Request, at place, name string, look extensions.Inspection) error {
	text := "The bundle has a fault, and was not installed."
	if n := len(look.Faults); n > 1 {
		text = fmt.Sprintf("The bundle has %d faults, and was not installed.", n)
	}
	return showUpload(r, http.StatusBadRequest, at, uploadPage{File: name, Wrong: look.Faults, Bundle: &look}, []frame.Fault{{Field: "bundle", Text: text}})
}

// installed leads on from a bundle that was taken.
func (p *Pages) installed(r *frame.Request, at place, x extensions.Extension, look extensions.Inspection) error {
	switch {
	case x.Pending == look.Version:
		return r.Done(at.Of(x.ID)+"/review", frame.Notice{State: "warn", Text: "Version " + x.Pending + " of " + x.Title + " is here and waits for your consent. Until then version " + x.Version + " runs."})
	case look.Running == "" || !anyOn(x):
		return r.Done(at.Of(x.ID)+"/review", frame.Notice{State: "ok", Text: x.Title + " " + x.Version + " is installed, and enabled for nobody yet."})
	}
	return r.Done(at.Of(x.ID), frame.Notice{State: "ok", Text: "Version " + x.Version + " of " + x.Title + " runs. It asks for nothing new.",
		Undo: &frame.Undo{Label: "Go back to " + x.Previous, Action: at.Of(x.ID) + "/rollback", Fields: map[string]string{"from": x.Version}}})
}

func anyOn(x extensions.Extension) bool {
	for _, e := range x.Enabled {
		if e.State != "off" {
			return true
		}
	}
	return false
}

// inWords shows what an operation did not do, in its words and with what to do.
// What is a fault of ours is none of these.
func inWords(err error) (text string, ok bool) {
	kind := trellis.KindOf(err)
	var refusal *trellis.Refusal
	switch {
	case errors.As(err, &refusal):
		return refusal.Message, true
	case kind == trellis.Internal || kind == trellis.Unavailable || kind == trellis.NotFound:
		return "", false
	}
	text = err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + ".", text != ""
}
