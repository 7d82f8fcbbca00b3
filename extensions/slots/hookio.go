package slots

import (
	"bytes"
	"encoding/json"
	"net/url"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
)

// Person is who looks at a page, as an extension is told: what it was not granted
// to know is absent.
type Person struct {
	ID       string   `json:"id"`
	Roles    []string `json:"roles"` // in the course, or in the tenant for a page of no course
	Name     string   `json:"name,omitempty"`
	Email    string   `json:"email,omitempty"`
	Username string   `json:"username,omitempty"`
}

// Asked is what the export of a slot receives. It answers a tree, or null to show
// nothing.
type Asked struct {
	Slot     string          `json:"slot"`
	Tenant   string          `json:"tenant"`
	Course   string          `json:"course,omitempty"`
	Person   *Person         `json:"person,omitempty"` // absent where nobody is signed in
	Settings json.RawMessage `json:"settings"`
	Locale   string          `json:"locale"`
	Trace    string          `json:"trace"`
	Time     time.Time       `json:"time"`
}

// Acted is what the export of an action receives. It answers a [Reply].
type Acted struct {
	Asked
	ID     string          `json:"id"`     // the idempotency key: the same when a form is sent twice
	Action string          `json:"action"` // the export
	Values json.RawMessage `json:"values"` // checked against what the form declared
}

// Reply is what the export of an action answers: what the slot shows now, a
// message, or both; or where to go. An empty one shows the slot anew.
type Reply struct {
	Tree     json.RawMessage `json:"tree,omitempty"`
	Message  string          `json:"message,omitempty"`
	State    string          `json:"state,omitempty"`    // of the message: ok (default), warn, bad or info
	Redirect string          `json:"redirect,omitempty"` // a path within the tenant
}

// maxMessage bounds a message, in characters.
const maxMessage = 500

// readTree reads what a slot's export answered: nil if it shows nothing.
func readTree(raw []byte) (*tree.Node, error) {
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	n, err := tree.Decode(raw)
	if err != nil {
		return nil, err
	}
	return &n, nil
}

// ReadReply reads what an action's export answered. Faults are [trellis.Invalid]:
// the extension has failed.
func ReadReply(raw []byte) (Reply, *tree.Node, error) {
	var r Reply
	if raw = bytes.TrimSpace(raw); len(raw) == 0 {
		return r, nil, nil
	}
	if len(raw) > tree.MaxBytes+8<<10 || !utf8.Valid(raw) || raw[0] != '{' {
		return r, nil, trellis.Errorf(trellis.Invalid, "the answer is not an object of JSON, or too long")
	}
	if err := extensions.Exact(raw, reflect.TypeFor[Reply]()); err != nil {
		return r, nil, trellis.Errorf(trellis.Invalid, "the answer: %w", err)
	}
	if err := trellis.DecodeStrict(raw, &r); err != nil {
		return r, nil, trellis.Errorf(trellis.Invalid, "the answer: %w", err)
	}
	switch {
	case utf8.RuneCountInString(r.Message) > maxMessage || strings.ContainsFunc(r.Message, unicode.IsControl):
		return r, nil, trellis.Errorf(trellis.Invalid, "message: must have %d printable characters at most", maxMessage)
	case r.State != "" && r.Message == "":
		return r, nil, trellis.Errorf(trellis.Invalid, "state: there is no message that it could be of")
	case r.State != "" && !slices.Contains([]string{"ok", "warn", "bad", "info"}, r.State):
		return r, nil, trellis.Errorf(trellis.Invalid, "state: must be ok, warn, bad or info")
	case r.Redirect != "" && (r.Message != "" || len(r.Tree) > 0):
		return r, nil, trellis.Errorf(trellis.Invalid, "redirect: leads away, so there can be neither a tree nor a message")
	case r.Redirect != "" && !withinTenant(r.Redirect):
		return r, nil, trellis.Errorf(trellis.Invalid, "redirect: must be a path within the tenant, which begins with one / and climbs nowhere")
	}
	if r.Message != "" && r.State == "" {
		r.State = "ok"
	}
	n, err := readTree(r.Tree)
	if err != nil {
		return r, nil, trellis.Errorf(trellis.Invalid, "tree: %w", err)
	}
	return r, n, nil
}

// withinTenant reports whether a path leads nowhere but to pages of the tenant,
// however a browser reads it: to no other host, and by no points, written out or
// escaped, above the tenant's own address.
func withinTenant(s string) bool {
	if !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || len(s) > 2000 || !utf8.ValidString(s) ||
		strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '\\' || unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return false
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil {
		return false
	}
	for range 3 { // a proxy may unescape once, and another once more
		if strings.Contains(u.Path, "//") || strings.Contains(u.Path, `\`) || strings.ContainsFunc(u.Path, unicode.IsControl) {
			return false
		}
		if clean := path.Clean(u.Path); clean != strings.TrimSuffix(u.Path, "/") && u.Path != "/" || u.Path == "/t" || strings.HasPrefix(u.Path, "/t/") {
			return false // /t/ is where tenants are
		}
		next, err := url.PathUnescape(u.Path)
		if err != nil || next == u.Path {
			break
		}
		u.Path = next
	}
	return true
}
