package trellis_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/trellis-learning/trellis"
)

// Booking is what an operation of ours is about: it names the person and the
// course that it concerns, so that its event and its filter are found by them.
type Booking struct {
	Person string `json:"person"`
	Course string `json:"course"`
	Seats  int    `json:"seats"`
}

func (b Booking) About() (person, course string) { return b.Person, b.Course }

var (
	bookingRequested = trellis.DefineFilter[Booking]("org.example.booking.requested.v1", "Asked before seats are booked.")
	bookingMade      = trellis.DefineEvent[Booking]("org.example.booking.made.v1", "Seats were booked.")
)

// atMostTwo is what stands behind a filter: here a rule, in Trellis the chain
// of extensions.
type atMostTwo struct{}

func (atMostTwo) Filter(_ context.Context, q trellis.Question) ([]byte, error) {
	if strings.Contains(string(q.Data), `"seats":3`) {
		return nil, &trellis.Refusal{Extension: "example.seats", Filter: q.Type, Code: "too_many", Message: "Two seats at most."}
	}
	return q.Data, nil
}

type printed struct{}

func (printed) Emit(_ context.Context, e trellis.Event) error {
	fmt.Println(e.Type, "in", e.Tenant, "by", e.Actor, string(e.Data))
	return nil
}

// An operation asks its filter, acts, and tells of it.
func Example() {
	ctx := trellis.WithActor(context.Background(), trellis.Actor{Tenant: "demo", ID: "7", Kind: trellis.PersonActor})
	book := func(b Booking) error {
		b, err := bookingRequested.Apply(ctx, atMostTwo{}, b)
		if err != nil {
			return err
		}
		return bookingMade.Emit(ctx, printed{}, b.Course, b)
	}

	if err := book(Booking{Person: "7", Course: "course-v1:edX+DemoX+2026", Seats: 2}); err != nil {
		fmt.Println(err)
	}
	err := book(Booking{Person: "7", Course: "course-v1:edX+DemoX+2026", Seats: 3})
	var refusal *trellis.Refusal
	fmt.Println(errors.As(err, &refusal), trellis.KindOf(err), refusal.Message)
	// Output:
	// org.example.booking.made.v1 in demo by person:7 {"person":"7","course":"course-v1:edX+DemoX+2026","seats":2}
	// true refused Two seats at most.
}
