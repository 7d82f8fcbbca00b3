package slots

import "slices"

// Level is what a page is about.
type Level string

// The levels of pages.
const (
	TenantPage Level = "tenant"
	CoursePage Level = "course"
)

// Place is a place in a page that extensions can fill.
type Place struct {
	Name     string // what manifests name
	Sentence string // where it is, as a part of a sentence: "in the side column of the course page"
	Level    Level
	Default  string // what stands there if nobody says otherwise, in words; "" for nothing
}

// DefaultTarget is what operations call that which a page itself puts in a place.
const DefaultTarget = "default"

// Places returns the places that there are.
func Places() []Place {
	return []Place{
		{"course.sidebar.v1", "in the side column of the course page", CoursePage, ""},
		{"course.main.v1", "above the content of the course page", CoursePage, ""},
		{"course.about.v1", "where the course page says what the course is about", CoursePage, "The course's description and its facts."},
		{"courses.banner.v1", "above a learner's list of courses", TenantPage, ""},
		{"login.notice.v1", "on the sign-in page, to people who are not signed in", TenantPage, ""},
		{"account.main.v1", "on a person's account page", TenantPage, ""},
		{"extensions.course.v1", "on the page where a course team looks after extensions", CoursePage, ""},
		{"console.main.v1", "on the first page of the console, to those who run the tenant", TenantPage, ""},
	}
}

// PlaceOf returns the place with a name.
func PlaceOf(name string) (Place, bool) {
	all := Places()
	i := slices.IndexFunc(all, func(p Place) bool { return p.Name == name })
	if i < 0 {
		return Place{}, false
	}
	return all[i], true
}
