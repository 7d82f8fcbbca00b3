package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// site is where modules are compiled, one step at a time.
type site struct {
	*runtime.Builds
	mu    sync.Mutex
	began []string
	end   map[string]chan error
	ended map[string]error
}

func newSite(slots int) *site {
	return &site{Builds: runtime.NewBuilds(slots), end: map[string]chan error{}, ended: map[string]error{}}
}

// order has a module compiled for a class, or for a key of one ("class/key"), and
// notes what came of it under the name of whoever wanted it.
func (s *site) order(ctx context.Context, who, class, module string) {
	class, key, _ := strings.Cut(class, "/")
	end := make(chan error)
	s.end[who] = end
	go func() {
		err := s.Do(ctx, class, key, module, func() error {
			s.mu.Lock()
			s.began = append(s.began, who)
			s.mu.Unlock()
			return <-end
		})
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended[who] = err
	}()
	synctest.Wait()
}

// finish ends a compilation that is under way.
func (s *site) finish(who string, err error) {
	s.end[who] <- err
	synctest.Wait()
}

func (s *site) want(t *testing.T, began ...string) {
	t.Helper()
	if !slices.Equal(s.began, began) {
		t.Fatalf("compilations began: %v, want %v", s.began, began)
	}
}

func TestCompilingTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(2)
		// A class that floods has one of the places, however many are free.
		for i := range runtime.WaitingBuilds + 1 {
			s.order(t.Context(), fmt.Sprint("flood", i), "flood", fmt.Sprint("slow", i))
		}
		s.want(t, "flood0")
		s.order(t.Context(), "too many", "flood", "one more")
		if err := s.ended["too many"]; trellis.KindOf(err) != trellis.Exhausted || trellis.RetryAfter(err) == 0 {
			t.Errorf("one more: %v", err)
		}
		s.order(t.Context(), "ada", "school", "a")
		s.order(t.Context(), "bob", "college", "b")
		s.want(t, "flood0", "ada")
		s.finish("ada", nil)
		s.want(t, "flood0", "ada", "bob")
		s.finish("flood0", nil)
		s.want(t, "flood0", "ada", "bob", "flood1")
		s.finish("bob", nil)
		for i := 1; i <= runtime.WaitingBuilds; i++ {
			s.finish(fmt.Sprint("flood", i), nil)
		}
	})
}

// The courses of a school take turns: one that floods makes only itself wait, and
// all of them together leave room for others.
func TestCompilingTakesTurnsWithinAClass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(3)
		for i := range runtime.WaitingBuilds + 1 {
			s.order(t.Context(), fmt.Sprint("flood", i), "school/math", fmt.Sprint("slow", i))
		}
		s.want(t, "flood0")
		s.order(t.Context(), "too many", "school/math", "one more")
		if err := s.ended["too many"]; trellis.KindOf(err) != trellis.Exhausted {
			t.Errorf("one more: %v", err)
		}
		s.order(t.Context(), "art", "school/art", "a")
		s.order(t.Context(), "music", "school/music", "m")
		s.want(t, "flood0", "art") // one is left to other schools
		s.order(t.Context(), "bob", "college/math", "b")
		s.want(t, "flood0", "art", "bob")
		s.finish("flood0", nil) // math has the next turn, then music has
		s.want(t, "flood0", "art", "bob", "flood1")
		s.finish("flood1", nil)
		s.want(t, "flood0", "art", "bob", "flood1", "music")
		for _, who := range []string{"art", "music", "bob"} {
			s.finish(who, nil)
		}
		for i := 2; i <= runtime.WaitingBuilds; i++ {
			s.finish(fmt.Sprint("flood", i), nil)
		}
	})
}

func TestCompilingOnce(t *testing.T) {
	broken, over := errors.New("broken"), context.Canceled
	for _, tt := range []struct {
		name  string
		first error
		began []string
	}{
		{"it succeeds", nil, []string{"ada"}},
		{"the module is wrong", broken, []string{"ada"}},
		{"whoever began has gone", over, []string{"ada", "bob"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(2)
				s.order(t.Context(), "ada", "school", "same")
				s.order(t.Context(), "bob", "college", "same")
				gone, cancel := context.WithCancel(t.Context())
				s.order(gone, "carl", "university", "same")
				cancel()
				synctest.Wait()
				if err := s.ended["carl"]; !errors.Is(err, context.Canceled) {
					t.Errorf("who waited and left: %v", err)
				}
				s.finish("ada", tt.first)
				s.want(t, tt.began...)
				if len(tt.began) == 2 {
					s.finish("bob", nil)
					tt.first = nil
				}
				if err, ok := s.ended["bob"]; !ok || !errors.Is(err, tt.first) {
					t.Errorf("who waited: %v, want %v", err, tt.first)
				}
			})
		})
	}
}

// Nobody waits for a module that another class has queued behind its others.
func TestCompilingIsNotHeldUpByTheSameModule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(2)
		s.order(t.Context(), "flood0", "flood", "slow")
		s.order(t.Context(), "flood1", "flood", "same")
		s.order(t.Context(), "ada", "school", "same")
		s.want(t, "flood0", "ada")
		s.finish("flood0", nil) // its next one is under way already
		s.want(t, "flood0", "ada")
		s.finish("ada", nil)
		if err, ok := s.ended["flood1"]; !ok || err != nil {
			t.Errorf("the one that waited: %v, %v", ok, err)
		}
	})
}
