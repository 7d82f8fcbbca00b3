package slots

import "context"

// Bounds of the calls of one page that are under way at the same time. The first is
// more than a page has as a rule, so that one that is late holds up nobody; how much
// runs at the same moment is for the sandbox to say. The second keeps one
// installation, whatever it shows there, from taking all of them.
const (
	atOnce   = 32
	perOwner = 3
)

// takeTurns does something with each of many things, side by side: atOnce at a time,
// and no more than perOwner of one owner. Owners take turns, each with what comes
// first of its own, so that who brings much makes only himself wait. It does not wait
// for the end, and begins nothing any more once ctx is done.
func takeTurns[T any](ctx context.Context, things []T, owner func(T) string, do func(T)) {
	var owners []string
	queues := map[string]chan T{}
	for _, t := range things {
		o := owner(t)
		if queues[o] == nil {
			owners, queues[o] = append(owners, o), make(chan T, len(things))
		}
		queues[o] <- t
	}
	for _, q := range queues {
		close(q)
	}
	turns := make(chan struct{}, atOnce) // who waits is served in the order of coming
	for n := range perOwner {
		for _, o := range owners {
			q := queues[o]
			if len(q) == 0 && n > 0 {
				continue // others have taken what there was
			}
			go func() {
				for t := range q {
					select {
					case turns <- struct{}{}:
					case <-ctx.Done():
						return
					}
					if ctx.Err() != nil { // both may be so at the same moment
						return
					}
					do(t)
					<-turns
				}
			}()
		}
	}
}
