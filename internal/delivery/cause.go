package delivery

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/trellis-learning/trellis/internal/store"
)

// Cause is why deliveries are stuck: those of one subscriber, type, state and error
// are one. What an extension logged before it crashed makes no other error of it.
type Cause struct {
	Subscriber string    `json:"subscriber" doc:"Who is owed them."`
	Type       string    `json:"type" doc:"Type of the events."`
	State      State     `json:"state" doc:"Why they are here." enum:"failing,parked,dead"`
	Error      string    `json:"error,omitempty" doc:"What went wrong the last time."`
	Count      int       `json:"count" doc:"How many there are."`
	Attempts   int       `json:"attempts" doc:"How often the one was tried that was tried most often."`
	Next       time.Time `json:"next,omitzero" doc:"When the first of them is tried again."`
	Updated    time.Time `json:"updated" doc:"When the last of them changed."`
}

// Causes is why deliveries are stuck, those that wait for people first.
type Causes struct {
	Items []Cause `json:"items" doc:"The causes, those that wait for people first, then the most frequent; at most 200."`
}

// maxCauses is how many causes are named.
const maxCauses = 200

// logged begins what the engine adds to an error: the last line that the extension
// logged, which mostly says what it was about and so differs from event to event.
const logged = " (last log line: "

// causeOf returns what of an error says why.
func causeOf(err string) string {
	why, _, _ := strings.Cut(err, logged)
	return why
}

// ofCause is the condition that an error has a cause, with what it takes.
func ofCause(err string) (condition string, args []any) {
	why := causeOf(err)
	escaped := strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(why + logged)
	return ` AND (error = ? OR error LIKE ? ESCAPE '\')`, []any{why, escaped + "%"}
}

// Causes groups what is stuck in the tenant of ctx.
func (l *Ledger) Causes(ctx context.Context) (Causes, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return Causes{}, err
	}
	out := Causes{Items: []Cause{}}
	type key struct{ subscriber, typ, state, why string }
	at := map[key]int{}
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, `SELECT subscriber, type, state, error, COUNT(*), MAX(attempts), MIN(next_at), MAX(updated) FROM deliveries WHERE tenant = ?
			GROUP BY subscriber, type, state, error`, tenant)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var c Cause
			var next, updated int64
			if err := rows.Scan(&c.Subscriber, &c.Type, &c.State, &c.Error, &c.Count, &c.Attempts, &next, &updated); err != nil {
				return err
			}
			if next != 0 {
				c.Next = store.FromMicros(next)
			}
			c.Error, c.Updated = causeOf(c.Error), store.FromMicros(updated)
			k := key{c.Subscriber, c.Type, string(c.State), c.Error}
			i, ok := at[k]
			if !ok {
				at[k] = len(out.Items)
				out.Items = append(out.Items, c)
				continue
			}
			out.Items[i].add(c)
		}
		return rows.Err()
	})
	slices.SortFunc(out.Items, func(a, b Cause) int {
		return cmp.Or(cmp.Compare(a.State, b.State), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Subscriber, b.Subscriber), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Error, b.Error))
	})
	out.Items = out.Items[:min(len(out.Items), maxCauses)]
	return out, err
}

// add counts what has the same cause.
func (c *Cause) add(o Cause) {
	c.Count += o.Count
	c.Attempts = max(c.Attempts, o.Attempts)
	if c.Next.IsZero() || !o.Next.IsZero() && o.Next.Before(c.Next) {
		c.Next = o.Next
	}
	if o.Updated.After(c.Updated) {
		c.Updated = o.Updated
	}
}
