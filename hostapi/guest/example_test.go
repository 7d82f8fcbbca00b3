//go:build !wasip1

package guest_test

import (
	"fmt"

	"github.com/trellis-learning/trellis/hostapi/guest"
)

// A filter is an ordinary function: it is tried without a platform, with a host
// that answers the operations that it calls.
func Example() {
	defer guest.SetHost(func(operation string, in []byte) ([]byte, error) {
		if operation != "kv.get" {
			return nil, &guest.Error{Kind: guest.NotFound, Message: "no such operation here"}
		}
		return []byte(`{"value":30,"version":8}`), nil
	})()

	decide := func(q guest.Question) guest.Answer {
		var enrolment struct {
			Course string `json:"course_key"`
		}
		if err := q.Decode(&enrolment); err != nil {
			return guest.Refuse("not_understood", "The question cannot be read.")
		}
		taken, err := guest.GetNote("seats/" + enrolment.Course)
		if err != nil {
			return guest.Refuse("not_known", "Nobody knows how many seats are left.")
		}
		if string(taken.Value) == "30" {
			return guest.Refuse("full", "All seats of "+enrolment.Course+" are taken.")
		}
		return guest.Pass()
	}

	answer, failed := guest.Ask([]byte(`{"data":{"course_key":"course-v1:A+B+C"}}`), decide)
	fmt.Printf("%s %v\n", answer, failed)
	// Output:
	// {"refuse":{"code":"full","message":"All seats of course-v1:A+B+C are taken."}} false
}
