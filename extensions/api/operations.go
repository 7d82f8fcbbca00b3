package api

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/store"
)

// ListEvents says which events are wanted.
type ListEvents struct {
	After  string `json:"after,omitempty" doc:"Position after which to begin: the value of next in the answer before."`
	Limit  int    `json:"limit,omitempty" doc:"How many at most: 50 if absent, at most 200."`
	Newest bool   `json:"newest,omitempty" doc:"Begin with the newest. Then before takes the place of after, and type may be a pattern such as org.openedx.*."`
	Before string `json:"before,omitempty" doc:"With newest: position before which to begin."`
	Type   string `json:"type,omitempty" doc:"Only those of this type."`
	Person string `json:"person,omitempty" doc:"Only those that concern this person."`
	Course string `json:"course,omitempty" doc:"Only those that concern this course."`
	Trace  string `json:"trace,omitempty" doc:"With newest: only those of this request, among the newest 20,000."`
	Cause  string `json:"cause,omitempty" doc:"With newest: only those that this event led to, among the newest 20,000."`
}

// Events is one page of the log.
type Events struct {
	Items []trellis.Event `json:"items" doc:"The events, oldest first unless the newest were asked for. Personal data is not in the log."`
	Next  string          `json:"next,omitempty" doc:"Give it as after, with newest as before, to get the page that follows."`
}

// EventByID names an event.
type EventByID struct {
	ID string `json:"id" doc:"ID of the event."`
}

// EventOperations returns the operations that read the event log.
func EventOperations(log *store.Log) []hostapi.Operation {
	return []hostapi.Operation{
		hostapi.DefineList(hostapi.Spec{Name: "events.list", Permission: "events:read", Doors: hostapi.HTTP("GET", "/api/v1/events"),
			Doc: "What has happened, oldest first, or the newest first."},
			func(in ListEvents) hostapi.Scope { return hostapi.Scope{Course: in.Course, Person: in.Person} },
			func(ctx context.Context, in ListEvents) (Events, error) { return listEvents(ctx, log, in) }),
		hostapi.DefineList(hostapi.Spec{Name: "events.get", Permission: "events:read", Doors: hostapi.HTTP("GET", "/api/v1/events/:id"),
			Doc: "An event of the log."}, func(EventByID) hostapi.Scope { return hostapi.Scope{} },
			func(ctx context.Context, in EventByID) (trellis.Event, error) { return getEvent(ctx, log, in.ID) }),
	}
}

// listEvents returns a page of the events that the caller may hear of. A page may
// be shorter than the limit, even empty, while there are more: next says so.
func listEvents(ctx context.Context, log *store.Log, in ListEvents) (Events, error) {
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
	find := find
	switch {
	case in.Newest && in.After != "":
		return Events{}, trellis.Errorf(trellis.Invalid, "after goes forward: with newest give before")
	case in.Newest && in.Before != "":
		var err error
		if after, err = strconv.ParseUint(in.Before, 10, 63); err != nil {
			return Events{}, trellis.Errorf(trellis.Invalid, "before is a position of the log")
		}
	case !in.Newest && in.Before+in.Trace+in.Cause != "":
		return Events{}, trellis.Errorf(trellis.Invalid, "before, trace and cause go with newest")
	}
	if in.Newest {
		find = latest
	}
	out, next, err := find(ctx, log, in, after)
	if next != 0 {
		out.Next = strconv.FormatUint(next, 10)
	}
	return out, err
}

// find reads each part of the caller's reach by itself, because each has an index
// of its own in the log, and puts the parts together. Next is the position up to
// which all of them were read; 0 if none has more.
func find(ctx context.Context, log *store.Log, in ListEvents, after uint64) (_ Events, next uint64, err error) {
	out := Events{Items: []trellis.Event{}}
	reach := hostapi.ReachOf(ctx, "events:read")
	if reach.Allows(hostapi.Scope{Course: in.Course, Person: in.Person}) {
		reach = hostapi.Reach{{}}
	}
	for _, clause := range reach {
		events, to, err := findWithin(ctx, log, in, after, clause)
		if err != nil {
			return Events{}, 0, err
		}
		if to != 0 && (next == 0 || to < next) {
			next = to
		}
		out.Items = append(out.Items, events...)
	}
	slices.SortFunc(out.Items, func(a, b trellis.Event) int { return cmp.Compare(a.Position, b.Position) })
	out.Items = slices.CompactFunc(out.Items, func(a, b trellis.Event) bool { return a.Position == b.Position })
	if len(out.Items) > in.Limit {
		out.Items = out.Items[:in.Limit]
		if last := out.Items[in.Limit-1].Position; next == 0 || last < next {
			next = last
		}
	}
	if next != 0 { // what lies beyond is not whole yet
		out.Items = slices.DeleteFunc(out.Items, func(e trellis.Event) bool { return e.Position > next })
	}
	return out, next, nil
}

// maxScanned bounds how many events of others one request reads past.
const maxScanned = 5000

// findWithin reads what of the wanted events lies within a clause. To is the
// position that was read up to, 0 if there are no more.
func findWithin(ctx context.Context, log *store.Log, in ListEvents, after uint64, clause hostapi.Clause) (found []trellis.Event, to uint64, err error) {
	person, course := cmp.Or(in.Person, clause.Person), cmp.Or(in.Course, clause.Course)
	if clause.Person != "" && person != clause.Person || clause.Course != "" && course != clause.Course {
		return nil, 0, nil
	}
	within := hostapi.Reach{clause}
	for scanned := 0; scanned < maxScanned; {
		events, err := log.Find(ctx, after, in.Limit, in.Type, person, course)
		if err != nil {
			return nil, 0, err
		}
		for _, e := range events {
			after = e.Position
			if clause == (hostapi.Clause{}) || within.Allows(hostapi.Scope{Course: e.Course, Person: e.Person}) {
				if found = append(found, e); len(found) == in.Limit {
					return found, after, nil
				}
			}
		}
		if len(events) < in.Limit {
			return found, 0, nil
		}
		scanned += len(events)
	}
	return found, after, nil
}

// latest returns the newest of the events that the caller may hear of.
func latest(ctx context.Context, log *store.Log, in ListEvents, before uint64) (Events, uint64, error) {
	reach := hostapi.ReachOf(ctx, "events:read")
	items, next, err := log.Latest(ctx, before, in.Limit, store.Narrow{Type: in.Type, Person: in.Person, Course: in.Course, Trace: in.Trace, Cause: in.Cause},
		func(e trellis.Event) bool { return reach.Allows(hostapi.Scope{Course: e.Course, Person: e.Person}) })
	return Events{Items: append([]trellis.Event{}, items...)}, next, err
}

// getEvent returns an event that the caller may hear of.
func getEvent(ctx context.Context, log *store.Log, id string) (trellis.Event, error) {
	e, err := log.Event(ctx, id)
	if err == nil && !hostapi.ReachOf(ctx, "events:read").Allows(hostapi.Scope{Course: e.Course, Person: e.Person}) {
		return trellis.Event{}, trellis.Errorf(trellis.NotFound, "event %q", id)
	}
	return e, err
}
