package slots_test

import (
	"context"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/internal/app"
)

// turnstile is people whose names are told, or not before somebody lets them through.
type turnstile struct {
	sync.Mutex
	closed chan struct{} // nil: open
}

func (s *turnstile) shut() {
	s.Lock()
	defer s.Unlock()
	s.closed = make(chan struct{})
}

func (s *turnstile) open() {
	s.Lock()
	defer s.Unlock()
	close(s.closed)
	s.closed = nil
}

func (s *turnstile) FillPeople(_ context.Context, _ reflect.Type, data []byte, _ func(string) bool) ([]byte, error) {
	s.Lock()
	closed := s.closed
	s.Unlock()
	if closed != nil {
		<-closed
	}
	return data, nil
}

// TestLate: what is late is shown as it was a moment ago, to the same person alone;
// staff are told, and the page asks again until it comes.
func TestLate(t *testing.T) {
	r := newRig(t, app.Config{})
	people := &turnstile{}
	base := r.serve(t, slots.Config{People: people, Deadline: time.Hour, Calm: 20 * time.Millisecond})
	r.addWith(t, "acme.card", "", guest{"card": says("Card")}, map[string]any{"permissions": []string{"pii:name"}}, line{"call": "card"})
	other, _ := r.person(t, "acme", "otto")
	for _, who := range []context.Context{r.learner, r.staff} {
		if got := seen(r.fill(who, here)); got != "acme.card: Card" {
			t.Fatalf("seen %q", got)
		}
	}
	f := follow(t, base, r.token, query(here, side))
	people.shut()
	// leaving is somebody who does not wait: what is to come has come, or is late.
	leaving := func(who context.Context) context.Context {
		ctx, leave := context.WithCancel(who)
		time.AfterFunc(50*time.Millisecond, leave)
		return ctx
	}
	var all sync.WaitGroup
	for _, tt := range []struct {
		name string
		who  context.Context
		want string
	}{{"the same", r.learner, "acme.card: Card"}, {"staff", r.staff, "acme.card: Card"}, {"another", other, ""}} {
		all.Go(func() {
			container := r.fill(leaving(tt.who), here)
			if got := seen(container); got != tt.want {
				t.Errorf("%s: seen %q, want %q", tt.name, got, tt.want)
			}
			if told := strings.Contains(container, "did not answer in 3600000 ms. What it showed at "); told != (tt.who == r.staff) {
				t.Errorf("%s: %s", tt.name, container)
			}
		})
	}
	all.Wait()
	f.stale(t, "late", side)
	people.open()
	if got := seen(r.fill(r.learner, here)); got != "acme.card: Card" {
		t.Errorf("seen %q", got)
	}
	// Who was late before he followed is told, too.
	me, token := r.person(t, "acme", "theo")
	people.shut()
	if got := seen(r.fill(leaving(me), here)); got != "" {
		t.Errorf("seen %q", got)
	}
	people.open()
	follow(t, base, token, query(here, side)).stale(t, "late before", side)
	// With other rights he is another.
	a := trellis.ActorFrom(r.staff)
	a.Roles = []trellis.Role{{Name: trellis.RoleLearner}}
	people.shut()
	defer people.open()
	if got := seen(r.fill(leaving(trellis.WithActor(t.Context(), a)), here)); got != "" {
		t.Errorf("with less rights: %q", got)
	}
}
