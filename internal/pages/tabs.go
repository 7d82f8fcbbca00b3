package pages

import (
	"net/url"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
)

// courseTabs are the pages of a course, for those who may see more than the first;
// none for the others.
func courseTabs(r *request, key string) []link {
	at, base := inCourse(key), "/courses/"+url.PathEscape(key)
	tabs := []link{{"Course", base}}
	for _, t := range []struct {
		link
		permission string
	}{
		{link{"People", base + "/people"}, "enrollments:read"},
		{link{"Extensions", base + "/extensions"}, "extensions:read"},
		{link{"Settings", base + "/settings"}, "courses:write"},
	} {
		if can(r.ctx, t.permission, at) {
			tabs = append(tabs, t.link)
		}
	}
	if len(tabs) == 1 {
		return nil
	}
	return tabs
}

func inCourse(key string) hostapi.Scope {
	return hostapi.Scope{Organisation: trellis.OrganisationOf(key), Course: key}
}
