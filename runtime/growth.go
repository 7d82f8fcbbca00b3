package runtime

import "context"

// growth counts how often instances had to be shrunk, or thrown away, because
// they had grown, which costs more than putting them back.
type growth struct {
	times, attempts int
	warm            int // bytes that the allocator was made ready for
	over            bool
}

const (
	growthsBefore  = 3 // instances that grew before another image is tried
	growthAttempts = 4
)

// grown remembers that a call grew the memory by so many bytes. Giving them back
// takes time, and is not always possible. If that goes on, a new image is taken after
// asking the guest's own allocator for as much: then it has the room at the
// start. (Growing it from outside would not help: an allocator asks for memory
// when it has none of its own, however large the memory is.) The call under way has
// a worker, in which that is done.
func (m *Module) grown(ctx context.Context, by, input int) {
	m.mu.Lock()
	g := &m.growth
	g.times++
	if g.over || g.times < growthsBefore || m.closed {
		m.mu.Unlock()
		return
	}
	g.times = 0
	g.attempts++
	g.over = g.attempts == growthAttempts
	g.warm = max(g.warm*2, by, input, 2*warmup)
	g.warm = min(g.warm, m.limits.Memory/2)
	warm := g.warm
	m.mu.Unlock()
	inst, _, err := m.start(ctx, warm, m.rt.startBudget())
	if err != nil {
		m.rt.log.Debug("no larger image", "warm", warm, "err", err)
		return
	}
	if err := m.begin(ctx, inst); err != nil {
		m.rt.log.Debug("no larger image", "warm", warm, "err", err)
	}
}
