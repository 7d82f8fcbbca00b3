package testkit

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
)

// Stream is a client of /stream/sse. It is for one goroutine.
type Stream struct {
	events chan trellis.Event
	stop   context.CancelFunc
}

// Follow opens a stream as the owner of a token, from after a position on. The
// query narrows it, as "type=org.openedx.learning.*" does. It ends with the test,
// or with [Stream.Close].
func (p *Platform) Follow(t testing.TB, token, query string, after uint64) *Stream {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", p.URL+"/stream/sse?"+query, nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Last-Event-ID", strconv.FormatUint(after, 10))
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	if res.StatusCode != 200 {
		t.Fatalf("the stream was answered with %d", res.StatusCode)
	}
	s := &Stream{events: make(chan trellis.Event, 64), stop: stop}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(s.events)
		defer func() { _ = res.Body.Close() }()
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			value, ok := strings.CutPrefix(lines.Text(), "data: ")
			if !ok {
				continue
			}
			var e trellis.Event
			if err := json.Unmarshal([]byte(value), &e); err != nil {
				if ctx.Err() != nil {
					return // the line was cut off with the stream
				}
				t.Errorf("not an event: %s", value)
				return
			}
			select {
			case s.events <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	return s
}

// Next returns the next event, and fails the test if none comes within [Patience].
func (s *Stream) Next(t testing.TB) trellis.Event {
	t.Helper()
	select {
	case e, ok := <-s.events:
		if !ok {
			t.Fatal("the stream ended")
		}
		return e
	case <-time.After(Patience):
		t.Fatal("no event came")
	}
	return trellis.Event{}
}

// Close ends the stream.
func (s *Stream) Close() { s.stop() }
