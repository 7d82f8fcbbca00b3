package frame

import (
	"net/url"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
)

// CourseTabs are the pages of a course, for those who may see more than the first;
// none for the others.
func CourseTabs(r *Request, key string) []Link {
	at, base := InCourse(key), "/courses/"+url.PathEscape(key)
	tabs := []Link{{"Course", base}}
	for _, t := range []struct {
		Link
		permission string
	}{
		{Link{"People", base + "/people"}, "enrollments:read"},
		{Link{"Extensions", base + "/extensions"}, "extensions:read"},
		{Link{"Settings", base + "/settings"}, "courses:write"},
	} {
		if Can(r.Ctx, t.permission, at) {
			tabs = append(tabs, t.Link)
		}
	}
	if len(tabs) == 1 {
		return nil
	}
	return tabs
}

// InCourse is the scope of what is done in a course.
func InCourse(key string) hostapi.Scope {
	return hostapi.Scope{Organisation: trellis.OrganisationOf(key), Course: key}
}
