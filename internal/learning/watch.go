package learning

import (
	"slices"
	"sync"
)

// watches are those who want to hear when what a token allows may have changed, by
// what they follow: the hash of the token, and the person whose it is.
type watches struct {
	mu sync.Mutex
	by map[string][]chan struct{}
}

// Watch tells of what happens on this node to a token or to the account of the
// person, such as signing out: whoever goes on for long on the strength of a token
// then asks [Learning.Authenticate] anew. What happened between that and Watch is
// not told, so it is asked once more afterwards. What happens on other nodes is not
// told either. Stop is called when nobody listens any more.
func (l *Learning) Watch(person, token string) (changed <-chan struct{}, stop func()) {
	keys := []string{watchedToken(hashKey(token)), watchedPerson(person)}
	c := make(chan struct{}, 1)
	w := &l.watches
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by == nil {
		w.by = map[string][]chan struct{}{}
	}
	for _, key := range keys {
		w.by[key] = append(w.by[key], c)
	}
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, key := range keys {
			if w.by[key] = slices.DeleteFunc(w.by[key], func(o chan struct{}) bool { return o == c }); len(w.by[key]) == 0 {
				delete(w.by, key)
			}
		}
	}
}

func watchedToken(hash string) string { return "token/" + hash }

// watchedPerson names a person whatever the tenant: an operator's streams are in
// others than her account.
func watchedPerson(id string) string { return "person/" + id }

// changed is called after what tokens allow was changed: what this node remembers of
// them counts no more, and whoever watches is told.
func (l *Learning) changed(key string) {
	l.actors.clear()
	w := &l.watches
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.by[key] {
		select {
		case c <- struct{}{}:
		default: // it knows already
		}
	}
}
