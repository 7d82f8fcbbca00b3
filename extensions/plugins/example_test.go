package plugins_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

// full refuses everybody, as an extension would whose guest answers
// {"refuse": {"code": "full", "message": "The course is full."}}.
type full struct{}

func (full) Filter(_ context.Context, q trellis.Question) ([]byte, error) {
	return nil, &trellis.Refusal{Extension: "acme.seats", Filter: q.Type, Code: "full", Message: "The course is full."}
}

// The core asks its filters through one method; [plugins.Plugins] is what answers
// in a running platform. A refusal says who refused, and why.
func Example() {
	var filters trellis.Filters = full{}
	_, err := learning.EnrollmentStarted.Apply(context.Background(), filters, learning.EnrollmentQuestion{CourseKey: course, Mode: "audit"})
	var refusal *trellis.Refusal
	if errors.As(err, &refusal) {
		raw, _ := json.Marshal(refusal)
		fmt.Println(trellis.KindOf(err), string(raw))
	}
	// Output:
	// refused {"extension":"acme.seats","filter":"org.openedx.learning.course.enrollment.started.v1","code":"full","message":"The course is full."}
}
