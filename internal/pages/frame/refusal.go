package frame

import (
	"errors"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/web"
)

// Refusal is why something was not done, as it is said where it was asked for.
type Refusal struct {
	Status int
	Text   string
	Trace  string // for what is nobody's fault who asked
	To     string // path that an extension sends the person to; "" for none
}

// undecided is the error of a filter that could not decide.
type undecided interface {
	error
	Undecided() (extension, filter string)
}

// Refused puts into words why something in a course was not done; did is what was
// not: "Not joined". Texts of ours call the course by its title in place of its
// key. What only the platform is to blame for is logged here.
func (r *Request) Refused(did string, err error, course, title string) Refusal {
	kind := trellis.KindOf(err)
	n := Refusal{Status: web.Status(kind)}
	whom := "those who teach the course"
	if course == "" {
		whom = "those who run the school"
	}
	r.Wait(trellis.RetryAfter(err))
	var refusal *trellis.Refusal
	var u undecided
	switch {
	case errors.As(err, &refusal):
		n.Text = did + ". " + Isolated(r.titleOf(refusal.Extension, course)) + " says: " + Isolated(titled(refusal.Message, course, title))
		if e := refusal.Effect; e != nil && e.Kind == trellis.EffectRedirect {
			n.To = r.within(e.Redirect)
		}
	case kind == trellis.Unavailable && errors.As(err, &u):
		extension, _ := u.Undecided()
		n.Text = did + ". " + Isolated(r.titleOf(extension, course)) + " could not decide, so nobody is let through for now. Nothing has changed. Try again in a minute; if it stays so, tell " + whom + "."
		n.Trace = trellis.TraceFrom(r.Ctx).ID
	case kind == trellis.Unavailable || kind == trellis.Internal:
		r.f.log.Warn("page could not do it", "what", did, "trace", trellis.TraceFrom(r.Ctx).ID, "err", err)
		n.Text = did + ". The platform could not do it just now. Nothing has changed. Try again in a minute."
		n.Trace = trellis.TraceFrom(r.Ctx).ID
	case kind == trellis.Exhausted:
		n.Text = did + ". That was too much at once. " + Soon(trellis.RetryAfter(err))
	default:
		n.Text = did + ". " + Sentence(Plainly(err, course, title))
	}
	return n
}

// Plainly is an error with the title of the course in place of its key.
func Plainly(err error, course, title string) string {
	if course == "" {
		return err.Error()
	}
	return titled(strings.ReplaceAll(err.Error(), `"`+course+`"`, course), course, Isolated(title))
}

// titled is a text with the title of the course in place of its key, which people
// do not know it by.
func titled(text, course, title string) string {
	if course == "" {
		return text
	}
	return strings.ReplaceAll(text, course, title)
}

// within returns a path within the tenant, without its base; "" if it leads
// elsewhere.
func (r *Request) within(path string) string {
	if rest, ok := strings.CutPrefix(path, r.Base); ok && strings.HasPrefix(rest, "/") {
		path = rest
	}
	if !web.Local(path) || strings.HasPrefix(path, "/t/") {
		return ""
	}
	return path
}
