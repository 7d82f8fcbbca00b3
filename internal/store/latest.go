package store

import (
	"context"

	"github.com/trellis-learning/trellis"
)

// Narrow says which events of a tenant are wanted. What is empty narrows nothing.
type Narrow struct {
	Type   string // or a pattern, see [trellis.MatchType]
	Person string
	Course string
	Trace  string
	Cause  string
}

func (n Narrow) takes(e trellis.Event) bool {
	return (n.Type == "" || trellis.MatchType(n.Type, e.Type)) && (n.Person == "" || n.Person == e.Person) && (n.Course == "" || n.Course == e.Course) &&
		(n.Trace == "" || n.Trace == e.Trace) && (n.Cause == "" || n.Cause == e.Cause)
}

const (
	latestPage = 500
	// latestScan is how many events of the tenant one search looks at.
	latestScan = 20_000
)

// Latest returns the newest events of the tenant of ctx before a position (0: the
// newest of all), newest first, at most limit of those that keep keeps. It looks at
// 20,000 events at most; next is the position to go on before, 0 if there are no more.
func (l *Log) Latest(ctx context.Context, before uint64, limit int, n Narrow, keep func(trellis.Event) bool) (found []trellis.Event, next uint64, err error) {
	tenant, err := Tenant(ctx)
	if err != nil {
		return nil, 0, err
	}
	if before == 0 {
		before = l.Head() + 1
	}
	for scanned := 0; scanned < latestScan; scanned += latestPage {
		var page []trellis.Event
		err := l.db.Read(ctx, func(tx *Tx) (err error) {
			page, err = selectEvents(ctx, tx, `tenant = ? AND position < ? ORDER BY position DESC LIMIT ?`, tenant, int64(before), latestPage)
			return err
		})
		if err != nil {
			return nil, 0, err
		}
		for _, e := range page {
			before = e.Position
			if n.takes(e) && keep(e) {
				if found = append(found, e); len(found) == limit {
					return found, before, nil
				}
			}
		}
		if len(page) < latestPage {
			return found, 0, nil
		}
	}
	return found, before, nil
}
