package tree

import (
	"io"
	"net/url"

	"github.com/trellis-learning/trellis"
)

// Options are what a tree is rendered with.
type Options struct {
	// Assets returns the address of a file of the bundle; nil shows no images.
	Assets func(path string) (url string, ok bool)
	// URL is where forms are sent: the page's own address.
	URL string
	// Hidden returns the hidden inputs of a form, such as the CSRF token and the
	// signed description of the action; nil leaves buttons and forms out.
	Hidden func(Action) []Field
	// ID begins every id in the output, so that two slots never share one. It is
	// made of letters, digits and hyphens.
	ID string
	// Base begins links to a path within the tenant: "/t/demo".
	Base string

	// Sent is the action that was sent and not taken, with what was entered for it
	// (as it was posted) and the faults by field. They are shown in the first form
	// that offers it.
	Sent    *Action
	Entered url.Values
	Faults  map[string]string
}

// Field is a hidden input.
type Field struct {
	Name, Value string
}

// Render writes a tree as HTML. Whatever the tree says, the output has only the
// elements, attributes and addresses that this package writes; what cannot be
// shown, such as an image that the bundle does not have, is shown as its text.
// An error is the writer's.
func Render(w io.Writer, n Node, o Options) error {
	return trellis.Errorf(trellis.Unavailable, "not yet")
}
