package hostapi

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/trellis-learning/trellis"
)

// Door is a way in.
type Door string

// The doors.
const (
	GuestDoor Door = "guest" // trellis.call, from an extension
	FrameDoor Door = "frame" // the bridge of a sandboxed page
	HTTPDoor  Door = "http"
)

// Doors says where an operation is offered.
type Doors struct {
	Guest, Frame bool
	Method, Path string // of the HTTP door; "" where there is none. Parameters of the path are ":name"
}

// HTTP returns the HTTP door: HTTP("GET", "/api/v1/courses/:course").
func HTTP(method, path string) Doors { return Doors{Method: method, Path: path} }

// Guest returns the door of extensions.
func Guest() Doors { return Doors{Guest: true} }

// And returns both doors.
func (d Doors) And(o Doors) Doors {
	d.Guest, d.Frame = d.Guest || o.Guest, d.Frame || o.Frame
	if o.Path != "" {
		d.Method, d.Path = o.Method, o.Path
	}
	return d
}

func (d Doors) at(door Door) bool {
	switch door {
	case GuestDoor:
		return d.Guest
	case FrameDoor:
		return d.Frame
	case HTTPDoor:
		return d.Path != ""
	}
	return false
}

// names returns the doors for a document: "guest", "GET /api/v1/courses".
func (d Doors) names() []string {
	names := []string{}
	if d.Guest {
		names = append(names, string(GuestDoor))
	}
	if d.Frame {
		names = append(names, string(FrameDoor))
	}
	if d.Path != "" {
		names = append(names, d.Method+" "+d.Path)
	}
	return names
}

// Spec declares an operation.
type Spec struct {
	Name       string // noun and verb: "enrollments.list"
	Permission string // what it takes; "" for nothing but being somebody. One that ends in ":" is completed by the scope's argument
	Writes     bool   // whether it changes anything: denied within a filter, audited
	Doors      Doors
	Doc        string // one or two sentences
}

// Scope is what an input concerns. What is empty is not limited: the zero Scope
// is the whole tenant.
type Scope struct {
	Organisation, Course, Person string
	Argument                     string // of a permission with one: the host of "http:"

	Thing string // what the audit log names beside these: the ID of an extension, a token, a job. It decides nothing
}

// target names s in the audit log.
func (s Scope) target() string {
	at := s.Course
	if at == "" {
		at = s.Organisation
	}
	return strings.Join(strings.Fields(s.Thing+" "+at+" "+s.Person+" "+s.Argument), " ")
}

// Operation is something that can be asked of the platform. Make one with
// [Define] or [DefineList].
type Operation struct {
	spec    Spec
	narrows bool // it narrows itself to the caller's reach
	in, out reflect.Type
	call    func(ctx context.Context, in []byte, by served) ([]byte, error)
}

// served is what an API does about one call: it decides whether the call may
// begin and with which context, and what the caller may see of the answer.
type served interface {
	begin(context.Context, Scope) (context.Context, error)
	keep(context.Context, Scope) func(class string) bool
}

// Define declares an operation. Its scope says what an input concerns; it is
// refused to whoever does not reach there. The answer may hold personal data of
// nobody but those within the scope: what is left out is decided for all of it.
func Define[In, Out any](s Spec, scope func(In) Scope, fn func(context.Context, In) (Out, error)) Operation {
	return Operation{
		spec: s, in: reflect.TypeFor[In](), out: reflect.TypeFor[Out](),
		call: func(ctx context.Context, raw []byte, by served) ([]byte, error) {
			var in In
			if len(raw) > 0 { // an operation without an input may be called with nothing
				if err := trellis.DecodeStrict(raw, &in); err != nil {
					return nil, err
				}
			}
			at := scope(in)
			ctx, err := by.begin(ctx, at)
			if err != nil {
				return nil, err
			}
			out, err := fn(ctx, in)
			if err != nil {
				return nil, err
			}
			answer, err := json.Marshal(trellis.Redact(out, by.keep(ctx, at)))
			if err != nil {
				return nil, fmt.Errorf("encode the answer of %s: %w", s.Name, err)
			}
			return answer, nil
		},
	}
}

// DefineList declares an operation that narrows itself to the caller's reach
// ([ReachOf]). It is denied only to those who reach nowhere. Its scope decides
// which personal data is in the answer.
func DefineList[In, Out any](s Spec, scope func(In) Scope, fn func(context.Context, In) (Out, error)) Operation {
	o := Define(s, scope, fn)
	o.narrows = true
	return o
}

// Spec returns the declaration.
func (o Operation) Spec() Spec { return o.spec }

// In returns the type of the input.
func (o Operation) In() reflect.Type { return o.in }

// Out returns the type of the answer.
func (o Operation) Out() reflect.Type { return o.out }

// check reports what is wrong with the declaration.
func (o Operation) check() error {
	s := o.spec
	switch {
	case o.call == nil:
		return fmt.Errorf("operation %q was not made with Define", s.Name)
	case !trellis.ValidType(s.Name):
		return fmt.Errorf("operation %q: not a name like noun.verb", s.Name)
	case s.Permission != "" && !known(s.Permission):
		return fmt.Errorf("operation %s: there is no permission %q", s.Name, s.Permission)
	case len(s.Doors.names()) == 0:
		return fmt.Errorf("operation %s has no door", s.Name)
	case s.Doors.Path == "" && s.Doors.Method == "":
		return nil
	}
	switch s.Doors.Method {
	case "GET":
		if s.Writes { // a page of somebody else's could have it asked for
			return fmt.Errorf("operation %s writes, and has the door GET", s.Name)
		}
	case "POST", "PUT", "PATCH", "DELETE":
	default:
		return fmt.Errorf("operation %s: no door has the method %q", s.Name, s.Doors.Method)
	}
	if !strings.HasPrefix(s.Doors.Path, "/") {
		return fmt.Errorf("operation %s: the door's path %q does not begin with /", s.Name, s.Doors.Path)
	}
	schema, err := schemaOf(o.in)
	if err != nil {
		return fmt.Errorf("operation %s: %w", s.Name, err)
	}
	for part := range strings.SplitSeq(s.Doors.Path, "/") {
		if name, ok := strings.CutPrefix(part, ":"); ok && schema.Properties[name] == nil {
			return fmt.Errorf("operation %s: the path's parameter %q is no field of the input", s.Name, name)
		}
	}
	return nil
}

// shape returns the HTTP door without the names of its parameters: two doors of
// one shape cannot be told apart.
func (d Doors) shape() string {
	parts := strings.Split(d.Path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, ":") {
			parts[i] = ":"
		}
	}
	return d.Method + " " + strings.Join(parts, "/")
}
