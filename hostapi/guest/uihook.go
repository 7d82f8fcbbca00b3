package guest

import (
	"encoding/json"
	"time"
)

// Viewer is who looks at a page.
type Viewer struct {
	ID       string   `json:"id"`
	Roles    []string `json:"roles"` // in the course, or in the tenant for a page of no course
	Name     string   `json:"name"`  // empty, like the following, unless it was granted
	Email    string   `json:"email"`
	Username string   `json:"username"`

	Enrolled *Enrolled `json:"enrolled"` // nil without enrollments:read, and on a page of no course
}

// Enrolled is whether a viewer is enrolled in the course of the page, and how.
type Enrolled struct {
	Active bool   `json:"is_active"`
	Mode   string `json:"mode"` // of one who has left, the one she had
}

// In reports whether the viewer is known to be enrolled in the course of the page.
func (v *Viewer) In() bool { return v != nil && v.Enrolled != nil && v.Enrolled.Active }

// Has reports whether the viewer has one of some roles here.
func (v *Viewer) Has(roles ...string) bool {
	for _, r := range roles {
		for _, own := range v.all() {
			if own == r {
				return true
			}
		}
	}
	return false
}

func (v *Viewer) all() []string {
	if v == nil {
		return nil
	}
	return v.Roles
}

// Place is where in which page something is to be shown, and to whom.
type Place struct {
	Slot     string          `json:"slot"`
	Tenant   string          `json:"tenant"`
	Course   string          `json:"course"` // empty on a page of no course
	Person   *Viewer         `json:"person"` // nil where nobody is signed in
	Settings json.RawMessage `json:"settings"`
	Locale   string          `json:"locale"`
	Trace    string          `json:"trace"`
	Time     time.Time       `json:"time"`
}

// Configure decodes the settings.
func (p Place) Configure(v any) error { return configure(p.Settings, v) }

// Act is what somebody asks for by a button or a form of a slot.
type Act struct {
	Place
	ID     string          `json:"id"`     // the same when a form is sent twice
	Action string          `json:"action"` // the export
	Values json.RawMessage `json:"values"` // what was filled in, checked against the fields
}

// Decode decodes what was filled in, by the names of the fields.
func (a Act) Decode(v any) error { return json.Unmarshal(a.Values, v) }

// Reply is the answer to an [Act]: made with [Show], [Say] or [Redirect]. An empty
// one shows the slot anew.
type Reply struct {
	tree                     Node
	message, state, redirect string
}

// Show shows something in the slot, until it is shown anew.
func Show(tree Node) Reply { return Reply{tree: tree} }

// Say tells the person what has happened, and shows the slot anew.
func Say(message string, tone Tone) Reply { return Reply{}.Say(message, tone) }

// Say tells the person what has happened, besides what is shown.
func (r Reply) Say(message string, tone Tone) Reply {
	switch tone {
	case Neutral:
		tone = OK
	case Muted:
		tone = Info
	}
	r.message, r.state = message, string(tone)
	return r
}

// Redirect sends the person to a page of the tenant ("/courses/…").
func Redirect(path string) Reply { return Reply{redirect: path} }

func (r Reply) write(j *jsonOut) {
	j.b = append(j.b, '{')
	switch {
	case r.redirect != "":
		j.given("redirect", r.redirect)
	case r.message != "":
		j.key("message")
		j.text(short(r.message))
		j.given("state", r.state)
		fallthrough
	default:
		if r.tree != nil {
			j.key("tree")
			r.tree.write(j)
		}
	}
	j.end()
}

// short cuts a message to what the platform takes, in one line.
func short(s string) string {
	const most = 500
	out := make([]rune, 0, min(len(s), most))
	for _, r := range s {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			r = ' '
		}
		if len(out) == most {
			out[most-1] = '…'
			break
		}
		out = append(out, r)
	}
	return string(out)
}

// day returns a day as it was given, or nothing if it is none.
func day(s string) string {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return ""
	}
	return s
}

// written is JSON that [encode] takes as it is.
type written []byte

// shown shows a slot.
func shown(in []byte, show func(Place) (Node, error)) (any, error) {
	var p Place
	if err := json.Unmarshal(in, &p); err != nil {
		return nil, &Error{Invalid, "the place is not JSON: " + err.Error()}
	}
	n, err := show(p)
	if err != nil || n == nil {
		return nil, err
	}
	j := jsonOut{b: make([]byte, 0, 2048)}
	n.write(&j)
	return written(j.b), nil
}

// acted answers what somebody asked for.
func acted(in []byte, do func(Act) (Reply, error)) (any, error) {
	var a Act
	if err := json.Unmarshal(in, &a); err != nil {
		return nil, &Error{Invalid, "the action is not JSON: " + err.Error()}
	}
	r, err := do(a)
	if err != nil {
		return nil, err
	}
	j := jsonOut{b: make([]byte, 0, 2048)}
	r.write(&j)
	return written(j.b), nil
}
