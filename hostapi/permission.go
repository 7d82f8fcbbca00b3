package hostapi

import (
	"regexp"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
)

// Permission is something that one may be allowed to do.
type Permission struct {
	Name      string // "enrollments:read"; one that ends in ":" takes an argument
	Sentence  string // what it means, for people; %s stands for the argument
	Grantable bool   // whether an extension may ask for it
}

// Permissions returns every permission that there is: the one table.
func Permissions() []Permission {
	return []Permission{
		{"users:read", "See who the people are, by their numbers", true},
		{"users:write", "Make accounts and change them", false},
		{"roles:read", "See who has which role", false},
		{"roles:write", "Give and take roles", false},
		{"organisations:read", "See the organisations", true},
		{"organisations:write", "Make and rename organisations", false},
		{"courses:read", "See the courses", true},
		{"courses:write", "Make and change courses", false},
		{"enrollments:read", "See who is enrolled in which course", true},
		{"enrollments:write", "Enrol people and end enrolments", true},
		{"grades:read", "See grades", true},
		{"grades:write", "Set grades", true},
		{"completions:read", "See how far people are", true},
		{"completions:write", "Set how far people are", true},
		{"events:read", "Follow what happens", false},
		{"events:emit", "Tell others of its own events", true},
		{"kv", "Keep notes of its own", true},
		{"jobs", "Do work in the background", true},
		{"http:", "Send requests to %s", true},
		{"pii:name", "See people's names", true},
		{"pii:email", "See people's email addresses", true},
		{"pii:username", "See the names that people log in with", true},
		{"pii:ip", "See the network addresses that people come from", true},
		{"extensions:read", "See the extensions, their settings and their logs", false},
		{"extensions:write", "Install, enable and configure extensions", false},
		{"deliveries:read", "See deliveries of events that failed", false},
		{"deliveries:write", "Send failed deliveries again", false},
		{"work:read", "See long work such as imports", false},
		{"work:write", "Stop long work and let it go on", false},
		{"imports:write", "Import rosters and content", false},
		{"exports:read", "Export rosters and content", false},
		{"audit:read", "Read the audit log and traces", false},
		{"tokens:write", "Make and end tokens", false},
		{"tenants:read", "See the tenant", false},
		{"tenants:write", "Make and change tenants", false},
		{"brand:write", "Change the title, the colour and the logo of the pages", false},
	}
}

// hostPattern is what may stand behind "http:". It is shown to people, so it must
// look like a host; whether it can be reached is for others to say.
var hostPattern = regexp.MustCompile(`^(\*\.)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)

// lookup returns the permission that name is, with the argument that completes it.
func lookup(name string) (p Permission, argument string, ok bool) {
	for _, p := range Permissions() {
		if p.Name == name && !strings.HasSuffix(name, ":") {
			return p, "", true
		}
		if rest, found := strings.CutPrefix(name, p.Name); found && strings.HasSuffix(p.Name, ":") && hostPattern.MatchString(rest) {
			return p, rest, true
		}
	}
	return Permission{}, "", false
}

func known(name string) bool {
	return slices.ContainsFunc(Permissions(), func(p Permission) bool { return p.Name == name })
}

// Sentence says in plain words what a permission allows. It fails with
// [trellis.Invalid] for one that does not exist.
func Sentence(permission string) (string, error) {
	p, argument, ok := lookup(permission)
	if !ok {
		return "", trellis.Errorf(trellis.Invalid, "there is no permission %.80q", permission)
	}
	return strings.ReplaceAll(p.Sentence, "%s", argument), nil
}

// Grantable reports whether an extension may ask for a permission.
func Grantable(permission string) bool {
	p, _, ok := lookup(permission)
	return ok && p.Grantable
}

// Right is what a role allows.
type Right struct {
	Permission string
	Own        bool // only as far as it concerns the person herself
}

// RoleRights returns what each role allows: the one table. A role that is limited
// to an organisation or a course allows it there only.
func RoleRights() map[string][]Right {
	all := func(except ...string) (rights []Right) {
		for _, p := range Permissions() {
			if !slices.Contains(except, p.Name) && !slices.Contains([]string{"events:emit", "kv", "jobs", "http:"}, p.Name) {
				rights = append(rights, Right{Permission: p.Name})
			}
		}
		return rights
	}
	return map[string][]Right{
		trellis.RoleOperator:    all(),
		trellis.RoleTenantAdmin: all("tenants:write"),
		trellis.RoleStaff: {
			{Permission: "users:read"}, {Permission: "roles:read"}, {Permission: "roles:write"},
			{Permission: "courses:read"}, {Permission: "courses:write"},
			{Permission: "enrollments:read"}, {Permission: "enrollments:write"},
			{Permission: "grades:read"}, {Permission: "grades:write"},
			{Permission: "completions:read"}, {Permission: "completions:write"},
			{Permission: "events:read"}, {Permission: "extensions:read"}, {Permission: "extensions:write"},
			{Permission: "pii:name"}, {Permission: "pii:email"}, {Permission: "pii:username"},
		},
		trellis.RoleLearner: {
			{Permission: "courses:read"}, {Permission: "organisations:read"}, {Permission: "tenants:read"},
			{"users:read", true}, {"enrollments:read", true}, {"enrollments:write", true}, {"grades:read", true},
			{"completions:read", true}, {"completions:write", true}, {"events:read", true}, {"tokens:write", true},
			{"work:read", true}, {"work:write", true},
			{"pii:name", true}, {"pii:email", true}, {"pii:username", true}, {"pii:ip", true},
		},
	}
}
