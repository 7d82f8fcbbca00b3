package api_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/api"
)

// TestNewestEvents: read from the newest, the log gives everybody the same events
// as from the oldest, on pages of any size; and one event to whom it concerns.
func TestNewestEvents(t *testing.T) {
	s := open(t)
	newest := func(token, query string) (all []trellis.Event) {
		t.Helper()
		for before := ""; ; {
			path := "/api/v1/events?newest=true&" + query
			if before != "" {
				path += "&before=" + before
			}
			status, body := s.Do(t, token, "GET", path, "")
			var page api.Events
			if err := json.Unmarshal([]byte(body), &page); err != nil || status != 200 {
				t.Fatalf("%s: %d %s", query, status, body)
			}
			all = append(all, page.Items...)
			if before = page.Next; before == "" {
				return all
			}
		}
	}
	ids := func(events []trellis.Event) string {
		var list []string
		for _, e := range events {
			list = append(list, e.ID)
		}
		return strings.Join(list, " ")
	}
	for who, token := range map[string]string{"admin": s.admin, "staff": s.staff, "lena": s.lena} {
		for _, query := range []string{"limit=3", "limit=200", "limit=2&person=" + s.lenaID, "course=" + there, "limit=1&type=org.openedx.learning.course.enrollment.created.v1"} {
			want := s.events(t, token, query)
			slices.Reverse(want)
			if got := newest(token, query); ids(got) != ids(want) {
				t.Errorf("%s, %s: %d events, from the oldest %d", who, query, len(got), len(want))
			}
		}
	}
	all := newest(s.admin, "limit=200")
	if got := newest(s.admin, "type=org.openedx.*"); len(got) == 0 || len(got) >= len(all) {
		t.Errorf("of a pattern: %d of %d", len(got), len(all))
	}
	e := all[0]
	if got := newest(s.admin, "trace="+e.Trace); len(got) == 0 || slices.ContainsFunc(got, func(x trellis.Event) bool { return x.Trace != e.Trace }) {
		t.Errorf("of a trace: %d", len(got))
	}
	if got := newest(s.admin, "cause=none"); len(got) != 0 {
		t.Errorf("of no cause: %d", len(got))
	}
	for query, detail := range map[string]string{"newest=true&after=1": "goes forward", "newest=true&before=x": "position", "trace=x": "go with newest", "before=1": "go with newest"} {
		if status, body := s.Do(t, s.admin, "GET", "/api/v1/events?"+query, ""); status != 400 || !strings.Contains(body, detail) {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
	theirs := s.events(t, s.admin, "person="+s.bob+"&course="+there)[0]
	for token, want := range map[string]int{s.admin: 200, s.staff: 404, s.lena: 404} {
		if status, body := s.Do(t, token, "GET", "/api/v1/events/"+theirs.ID, ""); status != want || (want == 404) == strings.Contains(body, s.bob) {
			t.Errorf("an event: %d %s", status, body)
		}
	}
	if status, _ := s.Do(t, s.admin, "GET", fmt.Sprintf("/api/v1/events/%s", trellis.NewID()), ""); status != 404 {
		t.Errorf("no event: %d", status)
	}
}
