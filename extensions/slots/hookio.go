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
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
	"github.com/trellis-learning/trellis/internal/line"
)

// Person is who looks at a page, as an extension is told: what it was not granted
// to know is absent.
type Person struct {
	ID       string   `json:"id" doc:"ID of the person."`
	Roles    []string `json:"roles" doc:"Her roles in the course, or in the tenant on a page of no course: learner, staff, tenant-admin, operator."`
	Name     string   `json:"name,omitempty" doc:"The full name; absent without pii:name."`
	Email    string   `json:"email,omitempty" doc:"The address; absent without pii:email."`
	Username string   `json:"username,omitempty" doc:"The name that she signs in with; absent without pii:username."`

	Enrolled *Enrolled `json:"enrolled,omitempty" doc:"Her place in the course of the page; absent without enrollments:read, and on a page of no course."`
}

// Enrolled is somebody's place in a course, or that she has none.
type Enrolled struct {
	Active bool   `json:"is_active" doc:"Whether she is enrolled now."`
	Mode   string `json:"mode,omitempty" doc:"Track: audit, verified and so on; of one who has left, the one she had. Absent where she never was."`
}

// Asked is what the export of a slot receives. It answers a tree, or null to show
// nothing.
type Asked struct {
	Slot     string          `json:"slot" doc:"Name of the place."`
	Tenant   string          `json:"tenant" doc:"Name of the tenant."`
	Course   string          `json:"course,omitempty" doc:"Key of the course that the page is about."`
	Person   *Person         `json:"person,omitempty" doc:"Who looks; absent where nobody is signed in."`
	Settings json.RawMessage `json:"settings" doc:"The extension's settings, as they are in force here."`
	Locale   string          `json:"locale" doc:"Language of the page."`
	Trace    string          `json:"trace" doc:"The trace of the request."`
	Time     time.Time       `json:"time" doc:"When it is asked, in UTC."`
}

// Acted is what the export of an action receives. It answers a [Reply].
type Acted struct {
	Asked
	ID     string          `json:"id" doc:"The idempotency key: the same when a form is sent twice."`
	Action string          `json:"action" doc:"The export."`
	Values json.RawMessage `json:"values" doc:"An object, of the fixed values and of what was filled in."`
}

// Reply is what the export of an action answers: what the slot shows now, a
// message, or both; or where to go. An empty one shows the slot anew.
type Reply struct {
	Tree     json.RawMessage `json:"tree,omitempty" doc:"What the slot shows now; absent, it is asked anew."`
	Message  string          `json:"message,omitempty" doc:"What is said to the person."`
	State    string          `json:"state,omitempty" doc:"Of the message; ok if absent." enum:"ok,warn,bad,info"`
	Redirect string          `json:"redirect,omitempty" doc:"A path within the tenant to go to, in place of all others."`
}

// MaxMessage bounds a message, in characters.
const MaxMessage = 500

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
	if err := bundle.Exact(raw, reflect.TypeFor[Reply]()); err != nil {
		return r, nil, trellis.Errorf(trellis.Invalid, "the answer: %w", err)
	}
	if err := trellis.DecodeStrict(raw, &r); err != nil {
		return r, nil, trellis.Errorf(trellis.Invalid, "the answer: %w", err)
	}
	switch {
	case utf8.RuneCountInString(r.Message) > MaxMessage || strings.ContainsFunc(r.Message, unicode.IsControl):
		return r, nil, trellis.Errorf(trellis.Invalid, "message: must have %d printable characters at most", MaxMessage)
	case r.State != "" && r.Message == "":
		return r, nil, trellis.Errorf(trellis.Invalid, "state: there is no message that it could be of")
	case r.State != "" && !slices.Contains([]string{"ok", "warn", "bad", "info"}, r.State):
		return r, nil, trellis.Errorf(trellis.Invalid, "state: must be ok, warn, bad or info")
	case r.Redirect != "" && (r.Message != "" || len(r.Tree) > 0):
		return r, nil, trellis.Errorf(trellis.Invalid, "redirect: leads away, so there can be neither a tree nor a message")
	case r.Redirect != "" && !withinTenant(r.Redirect):
		return r, nil, trellis.Errorf(trellis.Invalid, "redirect: must be a path within the tenant, which begins with one / and climbs nowhere")
	}
	r.Message, _ = line.Mend(r.Message)
	switch {
	case r.Message == "":
		r.State = ""
	case r.State == "":
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
