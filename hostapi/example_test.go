package hostapi_test

import (
	"context"
	"fmt"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
)

type Seat struct {
	Course string `json:"course" doc:"Key of the course."`
	Person string `json:"person" doc:"ID of the person."`
}

type Seated struct {
	Enrolled bool `json:"enrolled" doc:"Whether the person has a seat."`
}

// An operation is declared once, and is then checked at each of its doors.
func Example() {
	get := hostapi.Define(
		hostapi.Spec{
			Name: "seats.get", Permission: "enrollments:read", Doc: "Says whether somebody has a seat in a course.",
			Doors: hostapi.HTTP("GET", "/api/v1/seats").And(hostapi.Guest()),
		},
		func(in Seat) hostapi.Scope { return hostapi.Scope{Course: in.Course, Person: in.Person} },
		func(context.Context, Seat) (Seated, error) { return Seated{true}, nil },
	)
	api, err := hostapi.New(hostapi.Config{Operations: []hostapi.Operation{get}})
	if err != nil {
		fmt.Println(err)
		return
	}

	// An extension that was granted the permission in one course asks.
	ctx := trellis.WithActor(context.Background(), trellis.Actor{Tenant: "demo", Kind: trellis.ExtensionActor, ID: "inst-1"})
	ctx = hostapi.WithCaller(ctx, hostapi.Caller{
		Installation: "inst-1", Extension: "acme.seats", Hook: "welcome",
		Grants: []hostapi.Grant{{Permission: "enrollments:read", Course: "course-v1:acme+go+2026"}},
	})
	for _, course := range []string{"course-v1:acme+go+2026", "course-v1:acme+rust+2026"} {
		out, err := api.Call(ctx, "seats.get", fmt.Appendf(nil, `{"course":%q,"person":"ada"}`, course))
		fmt.Printf("%q %q\n", out, trellis.KindOf(err))
	}
	// Output:
	// "{\"enrolled\":true}" ""
	// "" "not_found"
}
