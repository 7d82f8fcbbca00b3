package realtime_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/realtime"
	"github.com/trellis-learning/trellis/internal/web"
)

func TestResume(t *testing.T) {
	p := start(t, realtime.Config{}, web.Config{})
	p.log.add(trellis.Event{Type: typ}, trellis.Event{Type: typ}, trellis.Event{Type: typ})
	p.follow(t, "admin", "", "1").want("2", "3")
	p.follow(t, "admin", "?after=2", "").want("3")
	p.follow(t, "admin", "?after=0", "2").want("3") // what a client says as it comes back is newer than its address
	live := p.follow(t, "admin", "", "")
	p.log.add(trellis.Event{Type: typ})
	live.want("4")
}

func TestNarrowed(t *testing.T) {
	p := start(t, realtime.Config{}, web.Config{})
	p.log.add(trellis.Event{Type: typ, Course: here}, trellis.Event{Type: "org.example.other.v1", Course: there}, trellis.Event{Type: "org.elsewhere.x.v1", Course: here})
	p.follow(t, "admin", "?course="+here, "0").want("1", "3")
	p.follow(t, "admin", "?type=org.example.*", "0").want("1", "2")
	p.follow(t, "admin", "?type=org.example.other.v1&type=org.elsewhere.*", "0").want("2", "3")
}

// TestWhoHearsWhat: a learner hears of what concerns herself and staff of their
// course, whatever they ask for; and of people's data as much as their rights say.
func TestWhoHearsWhat(t *testing.T) {
	events := []trellis.Event{
		{Type: typ, Person: "lena", Course: here},
		{Type: typ, Person: "bob", Course: here},
		{Type: typ, Person: "bob", Course: there},
		{Type: typ, Person: "lena", Course: there},
		{Type: typ},
		{Type: typ, Person: "bob"},
		{Type: typ, Course: there},
	}
	const all = `{"email":"lena@example.org","name":"Lena"}`
	for _, tt := range []struct {
		token, query string
		want         []string
		data         string
	}{
		{"admin", "", []string{"1", "2", "3", "4", "5", "6", "7"}, all},
		{"operator", "", []string{"1", "2", "3", "4", "5", "6", "7"}, all},
		{"narrow", "", []string{"1", "2", "3", "4", "5", "6", "7"}, `{}`},
		{"learner", "", []string{"1", "4"}, all},
		{"learner", "?course=" + here, []string{"1"}, all},
		{"staff", "", []string{"1", "2"}, all},
		{"staff", "?course=" + there, nil, ""},
	} {
		t.Run(tt.token+tt.query, func(t *testing.T) {
			p := start(t, realtime.Config{Heartbeat: 20 * time.Millisecond}, web.Config{})
			p.log.add(events...)
			c := p.follow(t, tt.token, tt.query, "0")
			var got []string
			for {
				m, ok := c.next()
				if !ok {
					t.Fatal("the stream ended")
				}
				if m.event == "" && m.id == "7" || m.event != "" && m.id == "7" && slices.Contains(tt.want, "7") {
					if m.event != "" {
						got = append(got, m.id)
					}
					break // nothing else is to come
				}
				if m.event == "" {
					continue
				}
				got = append(got, m.id)
				var e struct {
					SpecVersion, Tenant string
					Data                json.RawMessage
				}
				if err := json.Unmarshal([]byte(m.data), &e); err != nil || e.SpecVersion != "1.0" || e.Tenant != "demo" || string(e.Data) != tt.data {
					t.Errorf("event %s, want the data %s", m.data, tt.data)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("heard of %v, want %v", got, tt.want)
			}
		})
	}
}

func TestResync(t *testing.T) {
	for _, tt := range []struct {
		name, last, reason string
	}{
		{"the log was trimmed", "1", "no longer reaches back"},
		{"the log is an older copy", "900", "does not reach forward"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p, _ := begin(t, realtime.Config{}, web.Config{})
				for range 5 {
					p.log.add(trellis.Event{Type: typ})
				}
				p.log.trim(4)
				c := p.follow(t, "admin", "", tt.last)
				m, ok := c.next()
				if !ok || m.event != "resync" || m.id != "5" || !strings.Contains(m.data, tt.reason) || !json.Valid([]byte(m.data)) {
					t.Fatalf("got %+v", m)
				}
				p.log.add(trellis.Event{Type: typ})
				c.want("6") // and the stream goes on
			})
		})
	}
}

// TestAHeadToCome: a node that is a moment behind the one before does not send its
// clients back to the beginning.
func TestAHeadToCome(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p, _ := begin(t, realtime.Config{}, web.Config{})
		p.log.add(trellis.Event{Type: typ})
		c := p.follow(t, "admin", "", "2")
		p.log.add(trellis.Event{Type: typ}, trellis.Event{Type: typ})
		c.want("3")
	})
}

func TestRightsThatEnd(t *testing.T) {
	for _, tt := range []struct {
		name   string
		token  string
		change func(map[string]trellis.Actor)
	}{
		{"the token is revoked", "admin", func(m map[string]trellis.Actor) { delete(m, "admin") }},
		{"the role is taken away", "admin", func(m map[string]trellis.Actor) { m["admin"] = m["nobody"] }},
		{"an operator no more", "operator", func(m map[string]trellis.Actor) {
			m["operator"] = trellis.Actor{Tenant: trellis.PlatformTenant, ID: "olivia", Kind: trellis.PersonActor, Roles: []trellis.Role{{Name: trellis.RoleLearner}}}
		}},
		{"the token is narrowed", "admin", func(m map[string]trellis.Actor) {
			a := m["admin"]
			a.Scopes = []string{"courses:read"}
			m["admin"] = a
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p, _ := begin(t, realtime.Config{}, web.Config{})
				p.log.add(trellis.Event{Type: typ})
				c := p.follow(t, tt.token, "", "0")
				c.want("1")
				p.keys.set(tt.token, tt.change)
				c.ends("denied")
			})
		})
	}
}

// TestRightsThatShrink: what may no longer be heard is not, and the rest goes on.
func TestRightsThatShrink(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p, _ := begin(t, realtime.Config{Recheck: 5 * time.Second, Heartbeat: time.Hour}, web.Config{})
		c := p.follow(t, "admin", "", "")
		p.keys.set("admin", func(m map[string]trellis.Actor) { m["admin"] = m["staff"] })
		time.Sleep(6 * time.Second) // it has been looked at
		p.log.add(trellis.Event{Type: typ, Course: there}, trellis.Event{Type: typ, Course: here})
		c.want("2")
	})
}

// TestNobodyIsCutOffForOurFaults: not to know whether a token holds is no reason to
// end its stream.
func TestNobodyIsCutOffForOurFaults(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p, _ := begin(t, realtime.Config{Recheck: 5 * time.Second, Heartbeat: 5 * time.Second}, web.Config{})
		c := p.follow(t, "admin", "", "")
		p.keys.mu.Lock()
		p.keys.down = trellis.Errorf(trellis.Unavailable, "the database is away")
		p.keys.mu.Unlock()
		for range 10 {
			if _, ok := c.next(); !ok {
				t.Fatal("the stream ended")
			}
		}
		p.log.add(trellis.Event{Type: typ})
		c.want("1")
	})
}

// TestEventsWithoutCease: a token is asked after however much there is to write.
func TestEventsWithoutCease(t *testing.T) {
	p := start(t, realtime.Config{Recheck: 5 * time.Millisecond}, web.Config{})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				p.log.add(trellis.Event{Type: typ}, trellis.Event{Type: typ}, trellis.Event{Type: typ}, trellis.Event{Type: typ})
			}
		}
	})
	defer wg.Wait()
	defer close(stop)
	c := p.follow(t, "admin", "", "0")
	c.want("1", "2", "3")
	p.keys.set("admin", func(m map[string]trellis.Actor) { delete(m, "admin") })
	c.ends("denied")
}

// TestHeartbeat: it takes the id of a client that hears of little past what others
// hear of, and never past what is still to come.
func TestHeartbeat(t *testing.T) {
	p := start(t, realtime.Config{Heartbeat: 5 * time.Millisecond}, web.Config{})
	c := p.follow(t, "learner", "", "")
	p.log.add(trellis.Event{Type: typ, Person: "bob"}, trellis.Event{Type: typ, Person: "bob"})
	for m, ok := c.next(); m.id != "2"; m, ok = c.next() {
		if !ok || m.event != "" || m.data != "" {
			t.Fatalf("got %+v", m)
		}
	}
	last := uint64(2)
	for n := range 400 {
		person := "bob"
		if n%3 == 0 {
			person = "lena"
		}
		p.log.add(trellis.Event{Type: typ, Person: person})
	}
	for heard := 0; heard < 134; {
		m, ok := c.next()
		if !ok {
			t.Fatal("the stream ended")
		}
		if m.id == "" {
			continue
		}
		id, err := strconv.ParseUint(m.id, 10, 64)
		if err != nil || id < last {
			t.Fatalf("the id goes from %d to %s", last, m.id)
		}
		if last = id; m.event != "" {
			heard++
		}
	}
}

func TestRefused(t *testing.T) {
	p := start(t, realtime.Config{}, web.Config{})
	for _, tt := range []struct {
		name, token, query, last string
		want                     int
	}{
		{"nobody", "", "", "", 401},
		{"an unknown token", "x", "", "", 401},
		{"somebody without a role", "nobody", "", "", 403},
		{"a type that is none", "admin", "?type=a..b", "", 400},
		{"another parameter", "admin", "?cuorse=x", "", 400},
		{"a position that is none", "admin", "", "x", 400},
		{"a negative position", "admin", "?after=-1", "", 400},
		{"a position beyond all bounds", "admin", "", "99999999999999999999", 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := p.ask(t, tt.token, tt.query, tt.last)
			if res.StatusCode != tt.want || res.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %s, want %d", res.StatusCode, res.Header.Get("Content-Type"), tt.want)
			}
		})
	}
}

// TestLimits: an actor has so many streams, and gets one back when it ends one.
func TestLimits(t *testing.T) {
	p := start(t, realtime.Config{PerActor: 2, PerNode: 3}, web.Config{})
	one := p.follow(t, "admin", "", "")
	p.follow(t, "admin", "", "")
	res := p.ask(t, "admin", "", "")
	if res.StatusCode != 429 || res.Header.Get("Retry-After") == "" {
		t.Errorf("the third stream: %d, Retry-After %q", res.StatusCode, res.Header.Get("Retry-After"))
	}
	p.follow(t, "learner", "", "")
	if res := p.ask(t, "staff", "", ""); res.StatusCode != 429 {
		t.Errorf("a stream too many for the node: %d", res.StatusCode)
	}
	_ = one.body.Close()
	p.eventually(t, "admin")
}

// eventually waits until somebody may open a stream again.
func (p *platform) eventually(t *testing.T, token string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		res := p.ask(t, token, "", "")
		_ = res.Body.Close()
		if res.StatusCode == 200 {
			return
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("the stream was never given back")
		}
	}
}

// TestSlowClient: one that reads nothing holds up nobody, and is cut off.
func TestSlowClient(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p, l := begin(t, realtime.Config{PerActor: 1}, web.Config{})
		conn, err := l.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := fmt.Fprintf(conn, "GET /stream/sse HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin\r\nLast-Event-ID: 0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		other := p.follow(t, "operator", "", "0")
		big := json.RawMessage(`"` + strings.Repeat("x", 64<<10) + `"`)
		for n := 1; n <= 20; n++ {
			p.log.add(trellis.Event{Type: "org.example.big.v1", Data: big})
		}
		for n := 1; n <= 20; n++ {
			other.want(strconv.Itoa(n))
		}
		p.eventually(t, "admin")
	})
}
