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

// What a slot shows is an ordinary function, too. What a form asks for is another.
func ExampleDisplay() {
	show := func(p guest.Place) (guest.Node, error) {
		return guest.Card("Lunch", guest.Text("Hello, ", guest.Bold(p.Person.Name)),
			guest.Form("order", guest.Radio("dish", "What would you like?", guest.Option{Value: "soup"}, guest.Option{Value: "salad"}).Required()).Submit("Order")), nil
	}
	order := func(a guest.Act) (guest.Reply, error) {
		var chosen struct{ Dish string }
		err := a.Decode(&chosen)
		return guest.Say("You will have "+chosen.Dish+".", guest.OK), err
	}

	tree, _ := guest.Display([]byte(`{"person":{"name":"Ada"}}`), show)
	fmt.Printf("%.60s…\n", tree)
	reply, _ := guest.Perform([]byte(`{"values":{"dish":"soup"}}`), order)
	fmt.Printf("%s\n", reply)
	// Output:
	// {"kind":"card","title":"Lunch","children":[{"kind":"text","r…
	// {"message":"You will have soup.","state":"ok"}
}
