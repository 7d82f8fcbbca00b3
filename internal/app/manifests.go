package app

import (
	"reflect"

	"github.com/trellis-learning/trellis/extensions/api"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/hostapi"
)

// manifests returns what the contract says of manifests, with a whole one for each
// kind of hook and each operation on a place.
func manifests() hostapi.Manifest {
	return hostapi.Manifest{
		Type: reflect.TypeFor[bundle.Manifest](), Schema: "extensions/bundle/schemas/extension-1.json", Path: api.ManifestSchema,
		Examples: []hostapi.Example{
			{Title: "Filters.", Doc: "Asked before somebody enrols, before most others; where it fails, people enrol all the same. It has settings.", JSON: `{
  "id": "acme.closed",
  "version": "1.0.0",
  "abi": 1,
  "title": "Closed courses",
  "description": "Refuses enrolment in courses that are closed.",
  "settings": {
    "type": "object",
    "required": ["closed"],
    "properties": {
      "closed": {"type": "array", "maxItems": 50, "title": "Closed courses", "items": {"type": "string"}},
      "tone": {"type": "string", "title": "How people are told", "default": "kind",
               "oneOf": [{"const": "kind", "title": "Kindly"}, {"const": "short", "title": "In a word"}]}
    }
  },
  "filters": [{"on": "org.openedx.learning.course.enrollment.started.v1", "call": "check", "order": 10, "on_error": "skip"}]
}`},
			{Title: "Events and jobs.", Doc: "Told of who enrolled, it asks for work with `jobs.enqueue`, and there sends a request to an outside host, with a secret.", JSON: `{
  "id": "acme.tell",
  "version": "1.0.0",
  "abi": 1,
  "title": "Tell the registrar",
  "permissions": ["jobs", "http:registrar.example.org"],
  "secrets": [{"name": "token", "title": "The registrar's token"}],
  "events": [{"on": "org.openedx.learning.course.enrollment.created.v1", "call": "hear"}],
  "jobs": [{"name": "tell", "call": "tell"}]
}`},
			{Title: "Schedules.", Doc: "Each Monday at six, UTC, with ten seconds and more memory than usual. Its instance is kept, as a cache.", JSON: `{
  "id": "acme.weekly",
  "version": "1.0.0",
  "abi": 1,
  "title": "Weekly report",
  "permissions": ["enrollments:read", "kv"],
  "limits": {"memory": "32MiB", "work": "10s"},
  "isolation": "pinned",
  "schedules": [{"name": "weekly", "cron": "0 6 * * 1", "call": "report"}]
}`},
			{Title: "Slots: insert, and actions.", Doc: "A card beside courses of one organisation, for half of their learners. Its buttons ask `wave`; it is asked anew when the extension has said that somebody waved.", JSON: `{
  "id": "acme.waves",
  "version": "1.0.0",
  "abi": 1,
  "title": "Waves",
  "permissions": ["kv", "events:emit"],
  "slots": [{
    "slot": "course.sidebar.v1", "op": "insert", "call": "card", "order": 40, "title": "Who waves",
    "actions": ["wave"], "refresh_on": ["acme.waves.waved"],
    "when": {"roles": ["learner"], "courses": ["course-v1:Demo+*"], "percent": 50}
  }]
}`},
			{Title: "Slots: hide.", Doc: "Nobody sees there what the page itself says of the course.", JSON: `{
  "id": "acme.quiet",
  "version": "1.0.0",
  "abi": 1,
  "title": "Quiet",
  "slots": [{"slot": "course.about.v1", "op": "hide", "target": "default"}]
}`},
			{Title: "Slots: modify.", Doc: "The card of another extension has another title, for those who teach.", JSON: `{
  "id": "acme.retitle",
  "version": "1.0.0",
  "abi": 1,
  "title": "Another title",
  "slots": [{"slot": "course.sidebar.v1", "op": "modify", "target": "acme.waves", "patch": {"title": "Your learners wave"}, "when": {"roles": ["staff"]}}]
}`},
			{Title: "Slots: replace.", Doc: "Its own tree stands in the place of the page's.", JSON: `{
  "id": "acme.about",
  "version": "1.0.0",
  "abi": 1,
  "title": "About",
  "permissions": ["courses:read"],
  "slots": [{"slot": "course.about.v1", "op": "replace", "target": "default", "call": "about"}]
}`},
			{Title: "Slots: wrap.", Doc: "Something stands before and after what another extension shows, and calls nothing.", JSON: `{
  "id": "acme.frame",
  "version": "1.0.0",
  "abi": 1,
  "title": "Frame",
  "slots": [{
    "slot": "course.sidebar.v1", "op": "wrap", "target": "acme.waves",
    "before": {"kind": "heading", "text": "This week"},
    "after": {"kind": "text", "text": "Thank you."}
  }]
}`},
		},
	}
}
