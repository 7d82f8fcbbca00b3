package slots

import (
	"slices"
	"strings"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
)

// Place is a place in a page that extensions can fill.
type Place = bundle.Place

// DefaultTarget is what operations call that which a page itself puts in a place.
const DefaultTarget = bundle.DefaultTarget

// Places returns the places that there are.
func Places() []Place {
	const tenant, course = string(extensions.TenantLevel), string(extensions.CourseLevel)
	return []Place{
		{Name: "course.sidebar.v1", Sentence: "in the side column of the course page", Level: course},
		{Name: "course.main.v1", Sentence: "above the content of the course page", Level: course},
		{Name: "course.about.v1", Sentence: "where the course page says what the course is about", Level: course, Default: "The course's description and its facts."},
		{Name: "courses.banner.v1", Sentence: "above a learner's list of courses", Level: tenant},
		{Name: "login.notice.v1", Sentence: "on the sign-in page, to people who are not signed in", Level: tenant},
		{Name: "account.main.v1", Sentence: "on a person's account page", Level: tenant},
		{Name: "extensions.course.v1", Sentence: "on the page where a course team looks after extensions", Level: course},
		{Name: "console.main.v1", Sentence: "on the first page of the console, to those who run the tenant", Level: tenant},
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

// dashed returns a name as a part of an id in a page.
func dashed(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		}
		return '-'
	}, name)
}
