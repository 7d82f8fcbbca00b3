package extensions_test

import (
	"fmt"

	"github.com/trellis-learning/trellis/extensions"
)

// What a filter's export answers is read strictly, and its change is applied to what
// would happen.
func Example() {
	a, err := extensions.ReadAnswer([]byte(`{"patch": {"mode": "audit", "coupon": null}}`), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := extensions.Patch([]byte(`{"course": "course-v1:A+B+1", "mode": "verified", "coupon": "MAY"}`), a.Patch, nil)
	fmt.Println(string(data), err)
	_, err = extensions.ReadAnswer([]byte(`{"refuse": {"code": "closed"}}`), nil)
	fmt.Println(err)
	// Output:
	// {"course":"course-v1:A+B+1","mode":"audit"} <nil>
	// the message of the refusal must have 1 to 500 characters that one sees
}
