package delivery

import (
	"context"
	"fmt"
	"time"
)

func (t *tail) leaseName(partition int) string {
	return fmt.Sprintf("delivery/%s/%02d", t.role.Name, partition)
}

func (t *tail) nodePrefix() string { return "delivery/" + t.role.Name + "/node/" }

func (t *tail) nodeName() string { return t.nodePrefix() + t.l.cfg.Node }

// renew keeps this node's share of the partitions: as many as there are, divided
// by the nodes that are alive. A node that joins gets its share as the others
// give up theirs, each once what is under way in it has ended.
func (t *tail) renew(ctx context.Context) {
	began := time.Now()
	nodes, err := t.nodes(ctx)
	if err != nil {
		t.warn(ctx, "nodes could not be counted", err)
		return
	}
	share := (Partitions + nodes - 1) / nodes
	quiet, keep, want := t.divide(share)
	if len(quiet) > 0 {
		t.give(ctx, quiet)
	}
	held, err := t.l.db.Acquire(ctx, t.l.cfg.Node, t.l.cfg.Lease, keep...)
	if err != nil {
		t.warn(ctx, "partitions could not be leased", err)
		return
	}
	if len(quiet) == 0 { // or it would take back at once what it has just given
		for have := len(held); have < share && len(want) > 0; have = len(held) {
			n := min(share-have, len(want))
			more, err := t.l.db.Acquire(ctx, t.l.cfg.Node, t.l.cfg.Lease, want[:n]...)
			if err != nil {
				t.warn(ctx, "partitions could not be leased", err)
				break
			}
			for name, fence := range more {
				held[name] = fence
			}
			want = want[n:]
		}
	}
	// A lease is written again when a third of its time is gone, so it holds for
	// two thirds of it from the moment of asking at least.
	if rest := t.l.cfg.Lease*2/3 - time.Since(began); rest > 0 { // else what is held is no news any more
		t.watch.Reset(rest)
		t.settle(ctx, held)
	}
}

// divide lets go of what is beyond the share. It returns the partitions that are
// leaving and quiet, and the names of the leases to keep and of those to ask for.
func (t *tail) divide(share int) (quiet []*part, keep, want []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine := 0
	for i, p := range t.parts {
		switch {
		case p == nil:
			want = append(want, t.leaseName(i))
			continue
		case p.leaving && p.active == 0:
			quiet = append(quiet, p)
			continue
		case p.leaving:
			if time.Since(p.since) > t.l.cfg.Lease {
				p.end() // it has had time
			}
		case mine == share:
			p.until = t.dispatched(p)
			p.leaving, p.since = true, time.Now()
			t.room.Broadcast()
		default:
			mine++
		}
		keep = append(keep, t.leaseName(i))
	}
	return quiet, keep, want
}

// give releases partitions in which nothing is under way, with their marks where
// they are.
func (t *tail) give(ctx context.Context, quiet []*part) {
	t.store(ctx)
	var names []string
	t.mu.Lock()
	for _, p := range quiet {
		t.lose(p)
		names = append(names, t.leaseName(p.n))
	}
	t.mu.Unlock()
	if err := t.l.db.Release(ctx, t.l.cfg.Node, names...); err != nil {
		t.warn(ctx, "partitions not released", err)
	}
}

// nodes says that this one is alive and counts those that are.
func (t *tail) nodes(ctx context.Context) (int, error) {
	if _, err := t.l.db.Acquire(ctx, t.l.cfg.Node, t.l.cfg.Lease, t.nodeName()); err != nil {
		return 1, err
	}
	n, err := t.l.db.CountLeases(ctx, t.nodePrefix())
	return max(n, 1), err
}

// settle takes over what was won and lets go of what was lost.
func (t *tail) settle(ctx context.Context, held map[string]uint64) {
	var won []int
	t.mu.Lock()
	for i, p := range t.parts {
		fence, ok := held[t.leaseName(i)]
		if p != nil && (!ok || fence != p.fence) {
			t.lose(p)
			p = nil
		}
		if p == nil && ok {
			won = append(won, i)
		}
	}
	t.mu.Unlock()
	for _, i := range won {
		if t.haunted(i) {
			continue // the next time, when nobody of before is at work any more
		}
		if err := t.take(ctx, i, held[t.leaseName(i)]); err != nil {
			t.warn(ctx, "partition could not be taken over", err)
		}
	}
}

// haunted reports whether somebody is still at work in a partition from the last
// time that this node had it.
func (t *tail) haunted(n int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lost[n] != nil && t.lost[n].active > 0
}

// distrust ends all work: the leases were not renewed for so long that others
// may have them by now.
func (t *tail) distrust() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.parts {
		if p != nil {
			t.lose(p)
		}
	}
}
