package rostertest

import (
	"fmt"

	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
)

// person is one row of users.csv.
type person struct {
	id, role, username, given, family, email, org string
}

// The people of a district, by kind and number. New ones are those that only the
// delta archive has.
const (
	student = "student"
	teacher = "teacher"
	parent  = "parent"
)

func (g *generator) person(kind string, i int) person {
	h := mix(g.cfg.Seed, kind, i)
	givens := []string{"Ada", "Björn", "Chloé", "Devi", "Emeka", "Fatima", "Gao", "Hana", "Ines", "José", "Kofi", "Léa"}
	families := []string{"Lovelace", "Åkesson", "D'Souza", "Nguyễn", "Okafor", "Schmidt, Jr.", `O"Neil`, "García", "Kim", "Haddad"}
	p := person{
		id: g.id(kind, i), role: kind, username: fmt.Sprintf("%s%d.%d", kind[:1], g.cfg.Seed%100000, i),
		given: givens[h%uint64(len(givens))], family: families[h/64%uint64(len(families))], org: g.school(int(h / 4096 % uint64(g.cfg.Schools))),
	}
	if h%3 == 0 {
		p.given = "=" + p.given // what a spreadsheet would take for a formula goes through as it is
	}
	p.email = p.username + "@district.example"
	return p
}

// refused returns somebody whose registration the policy refuses.
func (g *generator) refused(i int) person {
	p := g.person(student, 1_000_000_000+i)
	p.email = p.username + "@" + g.cfg.Policy.Domain
	return p
}

// id is what a sourcedId is called: its kind, the seed and its number.
func (g *generator) id(kind string, i int) string {
	return fmt.Sprintf("%s-%d-%d", kind[:3], g.cfg.Seed%100000, i)
}

func (g *generator) school(i int) string { return g.id("school", i) }

// class is one row of classes.csv.
type class struct{ id, title, course, code, school string }

// class returns the class number i; those from sizes.classes on are closed.
func (g *generator) class(i int) class {
	c := class{
		id: g.id("class", i), title: fmt.Sprintf("Class %d, part %d", i/2, i%2), course: g.id("course", i/2),
		code: fmt.Sprintf("C %d-%d", i/2, i%2), school: g.school(i % g.cfg.Schools),
	}
	if i >= g.size.classes && i < g.size.classes+g.size.closed {
		c.code = fmt.Sprintf("%s-%d", g.cfg.Policy.Code, i)
	}
	return c
}

// mix makes a number of its arguments (FNV-1a).
func mix(seed uint64, kind string, i int) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range []byte(fmt.Sprint(seed, kind, i)) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h >> 8
}

const modified = "2026-09-01T08:00:00.000Z"

// begun is what a row begins with. A bulk file leaves status and time empty.
func (g *generator) begun(id, status string) []string {
	if !g.cfg.Delta && status == "active" {
		return []string{id, "", ""}
	}
	return []string{id, status, modified}
}

func (g *generator) beginUsers() {
	head := []string{"sourcedId", "status", "dateLastModified", "enabledUser"}
	tail := []string{"username", "userIds", "givenName", "familyName", "middleName", "identifier", "email", "sms", "phone", "agentSourcedIds", "grades", "password"}
	if g.cfg.Version == oneroster.V12 {
		tail = append(tail, "userMasterIdentifier", "preferredGivenName", "preferredMiddleName", "preferredFamilyName", "primaryOrgSourcedId", "pronouns")
	} else {
		head = append(head, "orgSourcedIds", "role")
	}
	g.begin("users", append(head, tail...)...)
}

func (g *generator) userCells(p person, status string) []string {
	cells := append(g.begun(p.id, status), "true")
	if g.cfg.Version == oneroster.V11 {
		cells = append(cells, p.org, p.role)
	}
	cells = append(cells, p.username, "{LDAP:"+p.id+"},{SIS:"+p.username+"}", p.given, p.family, "", p.id, p.email, "", "", "", "", "Secret-"+p.id)
	if g.cfg.Version == oneroster.V12 {
		cells = append(cells, "", "", "", "", p.org, "")
	}
	return cells
}

func (g *generator) user(p person, status string, o oneroster.Outcome) {
	g.line(g.userCells(p, status)...)
	g.came(o)
}

func (g *generator) refusedUser(i int) {
	g.line(g.userCells(g.refused(i), "active")...)
	g.refuse()
}

func (g *generator) beginRoles() {
	g.begin("roles", "sourcedId", "status", "dateLastModified", "userSourcedId", "roleType", "role", "beginDate", "endDate", "orgSourcedId", "userProfileSourcedId")
}

func (g *generator) role(p person) {
	g.line(append(g.begun("role-"+p.id, "active"), p.id, "primary", p.role, "", "", p.org, "")...)
	g.came(oneroster.Skipped)
}

func (g *generator) beginClasses() {
	g.begin("classes", "sourcedId", "status", "dateLastModified", "title", "grades", "courseSourcedId", "classCode", "classType",
		"location", "schoolSourcedId", "termSourcedIds", "subjects", "subjectCodes", "periods")
}

func (g *generator) classCells(c class, status string) []string {
	return append(g.begun(c.id, status), c.title, "09,10", c.course, c.code, "scheduled", "", c.school, g.id("term", 0), "", "", "1,2")
}

func (g *generator) classRow(c class, status string, o oneroster.Outcome) {
	g.line(g.classCells(c, status)...)
	g.came(o)
}

func (g *generator) beginEnrollments() {
	g.begin("enrollments", "sourcedId", "status", "dateLastModified", "classSourcedId", "schoolSourcedId", "userSourcedId", "role",
		"primary", "beginDate", "endDate")
}

func (g *generator) enrollmentCells(c class, user, role, status string) []string {
	return append(g.begun("enr-"+c.id+"-"+user, status), c.id, c.school, user, role, "false", "2026-09-01", "2027-06-30")
}

func (g *generator) enrollment(c class, user, role, status string, o oneroster.Outcome) {
	g.line(g.enrollmentCells(c, user, role, status)...)
	g.came(o)
}

// refuse notes that the row just written must be refused, every time.
func (g *generator) refuse() {
	for _, r := range []*oneroster.Report{&g.ledger.First, &g.ledger.Again} {
		r.Refuse(g.file, g.row, refusal())
	}
}
