package rostertest

import "github.com/trellis-learning/trellis/extensions/integrations/oneroster"

// added returns somebody whom only the delta archive has.
func (g *generator) added(i int) person { return g.person(student, 4_000_000_000+i) }

// addedClass returns a class that only the delta archive has.
func (g *generator) addedClass(i int) class { return g.class(4_000_000_000 + i) }

// removals is how many classes, people and enrolments a delta archive removes. They
// are taken from the end, what is renamed or sent again from the beginning, so that
// no row has to do with another.
func (g *generator) removals() (classes, people, enrollments int) {
	d := g.cfg.Deletions
	classes = min(share(d, 6, 0), g.size.classes/4)
	people = min(share(d, 3, 1), g.size.students/4)
	return classes, people, min(d-classes-people, g.size.students/4)
}

// changes is how many of n things are renamed, and as many are sent again.
func (g *generator) changes(n int) int { return min(g.cfg.Changes, n/4) }

func (g *generator) delta() {
	removedClasses, removedPeople, removedEnrollments := g.removals()

	g.beginClasses()
	n := g.changes(g.size.classes)
	for i := range n {
		c := g.class(i)
		c.title += " (renamed)"
		g.classRow(c, "active", oneroster.Changed)
	}
	for i := range n {
		g.classRow(g.class(n+i), "active", oneroster.Unchanged)
	}
	g.strew(g.cfg.Changes, func(i int) { g.classRow(g.addedClass(i), "active", oneroster.Created) },
		share(g.cfg.Faults, 3, 2), func(i int) { g.classFault(i, g.addedClass(0)) })
	for i := range removedClasses {
		g.classRow(g.class(g.size.classes-1-i), "tobedeleted", oneroster.Removed)
	}

	g.beginUsers()
	n = g.changes(g.size.students)
	for i := range n {
		p := g.person(student, i)
		p.family += "-Renamed"
		g.user(p, "active", oneroster.Changed)
	}
	for i := range n {
		g.user(g.person(student, n+i), "active", oneroster.Unchanged)
	}
	g.strew(g.cfg.Changes, func(i int) { g.user(g.added(i), "active", oneroster.Created) },
		share(g.cfg.Faults, 3, 0), func(i int) { g.userFault(i, g.added(0)) })
	for i := range g.cfg.RefusedPeople {
		g.refusedUser(i)
	}
	for i := range removedPeople {
		g.user(g.person(student, g.size.students-1-i), "tobedeleted", oneroster.Removed)
	}
	if g.cfg.Version == oneroster.V12 {
		g.beginRoles()
		for i := range g.cfg.Changes {
			g.role(g.added(i))
		}
	}

	g.beginEnrollments()
	g.strew(g.cfg.Changes, func(i int) {
		g.enrollment(g.class(i%max(g.size.classes/2, 1)), g.added(i).id, student, "active", oneroster.Created)
	}, share(g.cfg.Faults, 3, 1), g.enrollmentFault)
	for i := range min(g.cfg.Refused, g.size.students/2) { // refused before, and still
		g.line(g.enrollmentCells(g.class(g.size.classes), g.id(student, i), student, "active")...)
		g.refuse()
	}
	for i := range g.cfg.RefusedPeople {
		g.enrollment(g.class(0), g.refused(i).id, student, "active", oneroster.Skipped)
	}
	for i := range removedEnrollments {
		g.enrollment(g.placed(i, 0), g.id(student, i), student, "tobedeleted", oneroster.Removed)
	}
	// A person that leaves: a row that enrols the person all the same is skipped.
	if removedPeople > 0 {
		g.enrollment(g.class(0), g.id(student, g.size.students-1), student, "active", oneroster.Skipped)
	}
}
