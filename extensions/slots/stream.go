package slots

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/trellis-learning/trellis"
)

// doors counts the streams that are open.
type doors struct {
	byActor map[string]int
	total   int
}

// enter counts a stream, or refuses it.
func (s *Slots) enter(actor string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.open.byActor[actor] >= s.cfg.PerActor:
		return trellis.Exhaustedf(10*time.Second, "you have %d pages open that follow what happens, of at most %d: close one", s.open.byActor[actor], s.cfg.PerActor)
	case s.open.total >= s.cfg.PerNode:
		return trellis.Exhaustedf(10*time.Second, "too many pages are open")
	}
	s.open.byActor[actor]++
	s.open.total++
	return nil
}

func (s *Slots) leave(actor string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open.byActor[actor]--; s.open.byActor[actor] <= 0 {
		delete(s.open.byActor, actor)
	}
	s.open.total--
}

// stream writes which slots have become stale until the client or the server goes,
// or the session ends. A client that does not read in time holds up nobody: what is
// stale stays so, and is said once when it reads again.
func (s *Slots) stream(ctx context.Context, w *watcher, token string, out *bufio.Writer) error {
	if _, err := fmt.Fprint(out, "retry: 2000\n\n"); err != nil {
		return err
	}
	beat, look := time.NewTicker(s.cfg.Heartbeat), time.NewTicker(s.cfg.Recheck)
	defer beat.Stop()
	defer look.Stop()
	var changed <-chan struct{}
	if watcher, ok := s.cfg.Auth.(Watcher); ok {
		var stop func()
		changed, stop = watcher.Watch(w.person, token)
		defer stop()
	}
	if going, err := s.recheck(ctx, w, token, out); err != nil || !going {
		return err
	}
	rest := time.NewTimer(time.Hour)
	defer rest.Stop()
	told := "" // the ID that the client knows
	for {
		wait, err := s.tell(w, out, &told)
		if err != nil {
			return err
		}
		if wait > 0 {
			rest.Reset(wait)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		case <-rest.C:
		case <-beat.C:
			if _, err := fmt.Fprint(out, ": still here\n\n"); err != nil {
				return err
			}
		case <-changed:
			if going, err := s.recheck(ctx, w, token, out); err != nil || !going {
				return err
			}
		case <-look.C:
			if going, err := s.recheck(ctx, w, token, out); err != nil || !going {
				return err
			}
		}
	}
}

// tell writes what is to be said now, and returns when to look again. The client's
// ID moves on only when nothing is left to be said: coming back with it, it would
// miss that.
func (s *Slots) tell(w *watcher, out *bufio.Writer, told *string) (wait time.Duration, err error) {
	position := s.hub.position() // before looking: all up to there has been heard
	said, wait, marks := w.due(time.Now())
	id := ""
	if now := (where{position, combined(marks)}).String(); wait == 0 && now != *told {
		id, *told = "id: "+now+"\n", now
	}
	for i, slot := range said {
		head := ""
		if i == len(said)-1 {
			head, id = id, ""
		}
		data, err := json.Marshal(map[string]string{"slot": slot})
		if err != nil {
			return 0, err
		}
		if _, err := fmt.Fprintf(out, "%sevent: stale\ndata: %s\n\n", head, data); err != nil {
			return 0, err
		}
	}
	if id != "" { // alone, it moves the client's ID and is shown to nobody
		if _, err := fmt.Fprint(out, id+"\n"); err != nil {
			return 0, err
		}
	}
	return wait, out.Flush()
}

// recheck asks whether the session still holds, and for what. Where it does not, the
// client is told, and the stream ends.
func (s *Slots) recheck(ctx context.Context, w *watcher, token string, out *bufio.Writer) (going bool, err error) {
	if s.cfg.Auth == nil {
		return true, nil
	}
	actor, err := s.cfg.Auth.Authenticate(ctx, w.tenant, token)
	switch {
	case err == nil:
		actor.Tenant = w.tenant
		w.become(actor)
		return true, nil
	case trellis.KindOf(err) != trellis.Denied:
		return true, nil // not to know is no reason to cut anybody off
	}
	if _, err := fmt.Fprint(out, "event: denied\ndata: {\"reason\":\"the session has ended\"}\n\n"); err != nil {
		return false, err
	}
	return false, out.Flush()
}
