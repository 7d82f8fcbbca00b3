package api

import (
	"context"
	"strconv"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/store"
)

// ListEvents says which events are wanted.
type ListEvents struct {
	After  string `json:"after,omitempty" doc:"Position after which to begin: the value of next in the answer before."`
	Limit  int    `json:"limit,omitempty" doc:"How many at most: 50 if absent, at most 200."`
	Type   string `json:"type,omitempty" doc:"Only those of this type."`
	Person string `json:"person,omitempty" doc:"Only those that concern this person."`
	Course string `json:"course,omitempty" doc:"Only those that concern this course."`
}

// Events is one page of the log.
type Events struct {
	Items []trellis.Event `json:"items" doc:"The events, oldest first. Personal data is not in the log."`
	Next  string          `json:"next,omitempty" doc:"Give it as after to get the page that follows."`
}

// EventOperations returns the operations that read the event log.
func EventOperations(log *store.Log) []hostapi.Operation {
	return []hostapi.Operation{
		hostapi.Define(hostapi.Spec{Name: "events.list", Permission: "events:read", Doors: hostapi.HTTP("GET", "/api/v1/events"),
			Doc: "What has happened, oldest first."},
			func(in ListEvents) hostapi.Scope { return hostapi.Scope{Course: in.Course, Person: in.Person} },
			func(ctx context.Context, in ListEvents) (Events, error) {
				var after uint64
				if in.After != "" {
					var err error
					if after, err = strconv.ParseUint(in.After, 10, 63); err != nil {
						return Events{}, trellis.Errorf(trellis.Invalid, "after is a position of the log")
					}
				}
				if in.Limit == 0 {
					in.Limit = 50
				}
				if in.Limit < 0 || in.Limit > 200 {
					return Events{}, trellis.Errorf(trellis.Invalid, "the limit lies between 1 and 200")
				}
				events, err := log.Find(ctx, after, in.Limit, in.Type, in.Person, in.Course)
				out := Events{Items: append([]trellis.Event{}, events...)}
				if len(events) == in.Limit {
					out.Next = strconv.FormatUint(events[len(events)-1].Position, 10)
				}
				return out, err
			}),
	}
}
