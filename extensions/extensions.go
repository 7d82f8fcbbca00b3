// Package extensions installs extensions, grants and enables them, and finds
// those that are to be called.
//
// An extension is a bundle: a WebAssembly module with a manifest, which the package
// bundle reads; the package project makes the directory of a new one. Installing it
// enables it for nobody. Whoever enables it sees as sentences what it asks for
// and grants that, in the tenant or in one course; there it then takes part. All
// that it keeps or is given belongs to its installation: the tenant, the owner
// and the extension's ID together.
//
// Each other subpackage is one of the ways of extending the platform: plugins (filters
// and events), slots (places in pages), theming (a tenant's colour and logo), api
// (REST), bus (events over NATS), realtime (live streams by server-sent events),
// integrations (rosters by OneRoster).
//
// Planned beside them, and not there yet, are destinations of events, course blocks
// and graders, routes of an extension's own, business systems (registrar, proctoring,
// affiliates), reporting, GraphQL, xAPI and Caliper, and OLX, LTI, SCORM and Common
// Cartridge.
package extensions

import "github.com/trellis-learning/trellis"

// Level is how near to the learner something was decided. The nearest decides,
// unless a farther one is locked.
type Level string

// The levels. This version offers the tenant and the course.
const (
	PlatformLevel     Level = "platform"
	TenantLevel       Level = "tenant"
	OrganisationLevel Level = "organisation"
	CourseLevel       Level = "course"
	LearnerLevel      Level = "learner"
)

// Scope is where an extension is owned or enabled: the zero Scope is the whole
// tenant.
type Scope struct {
	Course string `json:"course,omitempty" doc:"Key of the course; absent for the whole tenant."`
}

// Level returns the level of the scope.
func (s Scope) Level() Level {
	if s.Course != "" {
		return CourseLevel
	}
	return TenantLevel
}

// check refuses a course that cannot be.
func (s Scope) check() error {
	if s.Course == "" {
		return nil
	}
	_, err := trellis.ParseCourseKey(s.Course)
	return err
}

// String names the scope for people.
func (s Scope) String() string {
	if s.Course != "" {
		return "the course " + s.Course
	}
	return "the whole tenant"
}
