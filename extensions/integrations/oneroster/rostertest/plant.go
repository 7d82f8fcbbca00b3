package rostertest

import (
	"fmt"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
)

// refusal is a refusal by nobody in particular.
func refusal() trellis.Refusal {
	return trellis.Refusal{Extension: "policy", Message: "refused by the policy of the test"}
}

// bulk writes every file of a bulk archive.
func (g *generator) bulk() {
	g.around()
	g.bulkClasses()
	g.bulkUsers()
	g.bulkEnrollments()
}

// around writes the files that are only consulted.
func (g *generator) around() {
	g.begin("orgs", "sourcedId", "status", "dateLastModified", "name", "type", "identifier", "parentSourcedId")
	district := g.id("district", 0)
	g.line(append(g.begun(district, "active"), "District", "district", "D-1", "")...)
	g.came(oneroster.Skipped)
	for i := range g.cfg.Schools {
		g.line(append(g.begun(g.school(i), "active"), fmt.Sprintf("School %d", i), "school", fmt.Sprintf("S-%d", i), district)...)
		g.came(oneroster.Skipped)
	}
	g.begin("academicSessions", "sourcedId", "status", "dateLastModified", "title", "type", "startDate", "endDate", "parentSourcedId", "schoolYear")
	g.line(append(g.begun(g.id("term", 0), "active"), "Autumn", "term", "2026-09-01", "2027-06-30", "", "2027")...)
	g.came(oneroster.Skipped)
	g.begin("courses", "sourcedId", "status", "dateLastModified", "schoolYearSourcedId", "title", "courseCode", "grades", "orgSourcedId", "subjects", "subjectCodes")
	for i := 0; i < g.size.classes+g.size.closed; i += 2 {
		c := g.class(i)
		g.line(append(g.begun(c.course, "active"), "", fmt.Sprintf("Course %d", i/2), fmt.Sprintf("CO-%d", i/2), "", c.school, "", "")...)
		g.came(oneroster.Skipped)
	}
}

// share is how many of n things of k takers the taker number i gets.
func share(n, k, i int) int { return (n + k - 1 - i) / k }

// strew writes rows rows with planted ones spread evenly among them, never first.
func (g *generator) strew(rows int, row func(i int), planted int, plant func(i int)) {
	done := 0
	for i := range rows {
		row(i)
		for done < planted && done*rows < (i+1)*planted {
			plant(done)
			done++
		}
	}
	for ; done < planted; done++ {
		plant(done)
	}
}

// The faults are shared out among three files by number modulo 3.
func (g *generator) bulkClasses() {
	g.beginClasses()
	total := g.size.classes + g.size.closed
	g.strew(total, func(i int) { g.classRow(g.class(i), "active", oneroster.Created) },
		share(g.cfg.Faults, 3, 2), func(i int) { g.classFault(i, g.class(0)) })
	for i := range share(g.cfg.Deletions, 3, 2) {
		g.classRow(g.class(2_000_000_000+i), "tobedeleted", oneroster.Unchanged)
	}
}

func (g *generator) classFault(i int, earlier class) {
	c := g.class(3_000_000_000 + i)
	switch i % 2 {
	case 0:
		c.title = ""
		g.line(g.classCells(c, "active")...)
		g.invalid("title")
	case 1:
		c.id = earlier.id
		g.line(g.classCells(c, "active")...)
		g.invalid("sourcedId")
	}
}

func (g *generator) bulkUsers() {
	g.beginUsers()
	g.strew(g.size.students, func(i int) { g.user(g.person(student, i), "active", oneroster.Created) },
		share(g.cfg.Faults, 3, 0), func(i int) { g.userFault(i, g.person(student, 0)) })
	for i := range g.size.teachers {
		g.user(g.person(teacher, i), "active", oneroster.Created)
	}
	for i := range g.size.parents {
		g.user(g.person(parent, i), "active", oneroster.Created)
	}
	for i := range g.cfg.RefusedPeople {
		g.refusedUser(i)
	}
	for i := range share(g.cfg.Deletions, 3, 1) {
		g.user(g.person(student, 2_000_000_000+i), "tobedeleted", oneroster.Unchanged)
	}
	if g.cfg.Version != oneroster.V12 {
		return
	}
	g.beginRoles()
	for i := range g.size.students {
		g.role(g.person(student, i))
	}
	for i := range g.size.teachers {
		g.role(g.person(teacher, i))
	}
	for i := range g.size.parents {
		g.role(g.person(parent, i))
	}
}

func (g *generator) userFault(i int, earlier person) {
	p := g.person(student, 3_000_000_000+i)
	cells := g.userCells(p, "active")
	switch i % 5 {
	case 0:
		p.family = ""
		g.line(g.userCells(p, "active")...)
		g.invalid("familyName")
	case 1:
		cells[3] = "perhaps"
		g.line(cells...)
		g.invalid("enabledUser")
	case 2:
		g.raw(strings.Join([]string{p.id, cells[1], cells[2], "true"}, ","))
		if g.cfg.Version == oneroster.V12 {
			g.invalid("givenName")
		} else {
			g.invalid("role")
		}
	case 3:
		g.width += 2
		g.line(append(cells, "one cell", "too many")...)
		g.width -= 2
		g.invalid("")
	case 4:
		p.id = earlier.id
		g.line(g.userCells(p, "active")...)
		g.invalid("sourcedId")
	}
}

// placed returns the class that a student is in, in a round.
func (g *generator) placed(s, round int) class {
	return g.class((s*7 + round) % g.size.classes)
}

func (g *generator) bulkEnrollments() {
	g.beginEnrollments()
	for i := range g.size.classes + g.size.closed {
		g.enrollment(g.class(i), g.person(teacher, i%g.size.teachers).id, teacher, "active", oneroster.Created)
	}
	g.strew(g.size.students*g.size.rounds, func(i int) {
		s := i % g.size.students
		g.enrollment(g.placed(s, i/g.size.students), g.id(student, s), student, "active", oneroster.Created)
	}, share(g.cfg.Faults, 3, 1), g.enrollmentFault)
	for i := range g.cfg.Refused {
		s := i % g.size.students
		g.line(g.enrollmentCells(g.class(g.size.classes+i/g.size.students), g.id(student, s), student, "active")...)
		g.refuse()
	}
	for i := range g.cfg.RefusedPeople {
		g.enrollment(g.class(i%g.size.classes), g.refused(i).id, student, "active", oneroster.Skipped)
	}
	if g.size.parents > 0 {
		g.enrollment(g.class(0), g.id(parent, 0), parent, "active", oneroster.Skipped)
	}
	for i := range share(g.cfg.Deletions, 3, 0) {
		g.enrollment(g.class(2_000_000_000+i), g.id(student, i%g.size.students), student, "tobedeleted", oneroster.Unchanged)
	}
}

func (g *generator) enrollmentFault(i int) {
	c, user, role := g.class(0), g.id(student, 0), student
	cells := g.enrollmentCells(c, user, role, "active")
	cells[0] = fmt.Sprintf("enr-fault-%d", i)
	column := ""
	switch i % 5 {
	case 0:
		cells[5], column = g.id("nobody", i), "userSourcedId"
	case 1:
		cells[3], column = g.id("nothing", i), "classSourcedId"
	case 2:
		cells[6], column = "pupil", "role"
	case 3:
		cells[4] = `"` + cells[4] // never closed
		g.raw(strings.Join(cells, ","))
		g.invalid("")
		return
	case 4:
		first := g.enrollmentCells(c, g.person(teacher, 0).id, teacher, "active")
		if g.cfg.Delta {
			first = g.enrollmentCells(c, g.added(0).id, student, "active")
		}
		cells[0], column = first[0], "sourcedId"
	}
	g.line(cells...)
	g.invalid(column)
}

// invalid notes that the row just written must be invalid, every time.
func (g *generator) invalid(column string) {
	for _, r := range []*oneroster.Report{&g.ledger.First, &g.ledger.Again} {
		r.Reject(oneroster.Fault{File: g.file, Row: g.row, Column: column, Message: "planted"})
	}
}
