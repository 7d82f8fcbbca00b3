package egress_test

import (
	"context"
	"fmt"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/egress"
)

// What an extension asks for reaches the hosts that it was granted, and no
// address of a private network.
func Example() {
	client := egress.New(egress.Config{Resolver: addresses{"169.254.169.254"}})
	_, err := client.Do(context.Background(), egress.Request{
		Method: "GET", URL: "https://api.example.org/latest/meta-data?key=1", Hosts: []string{"*.example.org"},
	})
	fmt.Println(trellis.KindOf(err), "-", err)
	_, err = client.Do(context.Background(), egress.Request{Method: "GET", URL: "https://elsewhere.example/", Hosts: []string{"*.example.org"}})
	fmt.Println(trellis.KindOf(err), "-", err)
	// Output:
	// denied - the host "api.example.org" has an address in a private or reserved network
	// denied - the host "elsewhere.example" is not among those that were granted
}
