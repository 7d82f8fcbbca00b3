// Package trellis is the vocabulary of the platform: who acts, what happened,
// what may still be changed before it happens, and how things fail.
//
// Everything else is said with these words. An operation checks the [Actor] of
// its context, asks its filter before it acts ([FilterType.Apply]), and tells of
// it afterwards with an event ([EventType.Emit]):
//
//	in, err := EnrollmentStarted.Apply(ctx, filters, in) // extensions may change or refuse it
//	…
//	return EnrollmentCreated.Emit(ctx, tx, subject, data) // on the transaction, or not at all
//
// The package imports the standard library only, and everything may import it.
package trellis

import (
	"context"
	"regexp"
	"strings"
)

// PlatformTenant is the tenant of the platform itself: its operators belong to
// it, and its events concern every tenant.
const PlatformTenant = "_"

// ActorKind says what sort of being an [Actor] is.
type ActorKind string

// The kinds of actor.
const (
	PersonActor    ActorKind = "person"    // somebody with an account
	ExtensionActor ActorKind = "extension" // an installation, in subscribers, jobs and schedules
	ServiceActor   ActorKind = "service"   // another system, known by its token
	SystemActor    ActorKind = "system"    // Trellis itself: migrations, the demo's seed, maintenance
)

// The names of roles. What each may do is in one table, hostapi.RoleRights.
const (
	RoleOperator    = "operator"     // runs the platform; acts in every tenant
	RoleTenantAdmin = "tenant-admin" // runs a tenant, or one organisation of it
	RoleStaff       = "staff"        // runs a course
	RoleLearner     = "learner"      // everybody with an account in the tenant has it
)

// Role is something that an actor may be, and where. A zero Organisation and
// Course mean the whole tenant; a Course alone means that course.
type Role struct {
	Name         string `json:"name"`
	Organisation string `json:"organisation,omitempty"`
	Course       string `json:"course,omitempty"`
}

// Actor is whoever acts: a person, an extension, a service, or the system. It
// travels in the context only ([WithActor]); every query reads the tenant there.
// The zero Actor may do nothing.
type Actor struct {
	Tenant string
	ID     string // of the person, the installation, the token or the part of the system
	Kind   ActorKind
	Roles  []Role
	// Scopes narrows what the roles allow to these permissions: a token may
	// have fewer rights than its owner. Nil means all of them; an empty slice none.
	Scopes []string
	// OnBehalfOf is the actor whose deed caused this one: in a subscriber the
	// actor is the extension, and OnBehalfOf the actor of the event.
	OnBehalfOf string
	// Via is the installation through which a person acts, if any.
	Via string
}

// Is reports whether a has the role in its whole tenant.
func (a Actor) Is(role string) bool {
	for _, r := range a.Roles {
		if r.Name == role && r.Organisation == "" && r.Course == "" {
			return true
		}
	}
	return false
}

// String names a for logs and for [Event.Actor]: "person:0190…", never a name
// or an address.
func (a Actor) String() string {
	if a.Kind == "" {
		return "nobody"
	}
	return string(a.Kind) + ":" + a.ID
}

type contextKey int

const (
	actorKey contextKey = iota
	traceKey
	seedKey
)

// WithActor returns a context in which a acts.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey, a)
}

// ActorFrom returns the actor of ctx, or the zero Actor.
func ActorFrom(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey).(Actor)
	return a
}

// MaxHops is how many events may cause one another in a row. An event beyond
// it is not delivered but kept among the dead letters, so that two extensions
// cannot feed each other for ever.
const MaxHops = 8

// Trace ties together what one request led to, however far it went.
type Trace struct {
	ID    string // W3C trace ID: 32 lower-case hexadecimal digits
	Cause string // ID of the event that is being handled, if any
	Hops  int    // how many events led to this point
}

// WithTrace returns a context that belongs to t.
func WithTrace(ctx context.Context, t Trace) context.Context {
	return context.WithValue(ctx, traceKey, t)
}

// TraceFrom returns the trace of ctx, or the zero Trace.
func TraceFrom(ctx context.Context) Trace {
	t, _ := ctx.Value(traceKey).(Trace)
	return t
}

var (
	tenantPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)
	coursePattern = regexp.MustCompile(`^course-v1:([^/+\s:]+)\+([^/+\s:]+)\+([^/+\s:]+)$`)
	partPattern   = regexp.MustCompile(`^[\pL\pN._~-]{1,64}$`) // of a course key
)

// ValidTenant reports whether name may name a tenant of people: a lower-case
// letter, then up to 30 letters, digits or hyphens.
func ValidTenant(name string) bool { return tenantPattern.MatchString(name) }

// ValidOrganisation reports whether key may name an organisation, and so may
// stand in a course key: up to 64 letters, digits and . _ ~ -, and not points
// alone, which in an address mean something else.
func ValidOrganisation(key string) bool {
	return partPattern.MatchString(key) && strings.Trim(key, ".") != ""
}

// CourseKey is the name of a course run, course-v1:ORG+CODE+RUN, as Open edX
// writes it (opaque_keys, CourseLocator).
type CourseKey struct{ Organisation, Code, Run string }

// ParseCourseKey reads a course key. The error's kind is [Invalid].
func ParseCourseKey(s string) (CourseKey, error) {
	m := coursePattern.FindStringSubmatch(s)
	if m == nil || len(s) > 255 || !ValidOrganisation(m[1]) || !partPattern.MatchString(m[2]) || !partPattern.MatchString(m[3]) {
		return CourseKey{}, Errorf(Invalid, "course key %.80q is not of the form course-v1:ORG+CODE+RUN", s)
	}
	return CourseKey{m[1], m[2], m[3]}, nil
}

func (k CourseKey) String() string {
	return "course-v1:" + k.Organisation + "+" + k.Code + "+" + k.Run
}

// OrganisationOf returns the organisation that a course key names, or "" if the
// key has none. It does not check the rest of the key ([ParseCourseKey] does).
func OrganisationOf(course string) string {
	rest, ok := strings.CutPrefix(course, "course-v1:")
	if !ok {
		return ""
	}
	org, _, ok := strings.Cut(rest, "+")
	if !ok {
		return ""
	}
	return org
}
