package realtime_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/realtime"
	"github.com/trellis-learning/trellis/internal/web"
)

func Example() {
	log, keys := newLog(), newKeys()
	log.add(trellis.Event{Type: typ, Person: "lena"}, trellis.Event{Type: typ, Person: "bob"}, trellis.Event{Type: typ, Person: "lena"})
	server := web.New(web.Config{Authenticator: keys, Tenants: keys})
	if err := server.Mount(realtime.New(realtime.Config{Source: log, Auth: keys}).Routes()...); err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- server.Serve(ctx, listener) }()

	req, err := http.NewRequest("GET", "http://"+listener.Addr().String()+"/stream/sse", nil)
	if err != nil {
		panic(err)
	}
	req.Header.Set("Authorization", "Bearer learner") // lena's
	req.Header.Set("Last-Event-ID", "0")              // from the beginning
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	lines := bufio.NewScanner(res.Body)
	for n := 0; n < 2 && lines.Scan(); {
		if text := lines.Text(); len(text) > 3 && text[:3] == "id:" {
			fmt.Println(text)
			n++
		}
	}
	_ = res.Body.Close()
	stop()
	if err := <-done; err != nil {
		panic(err)
	}
	// Output:
	// id: 1
	// id: 3
}
