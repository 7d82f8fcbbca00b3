package learning

import (
	"context"
	"encoding/base64"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/store"
)

// Page says which part of a list is wanted.
type Page struct {
	After string `json:"after,omitempty" doc:"The value of next in the answer before."`
	Limit int    `json:"limit,omitempty" doc:"How many at most: 50 if absent, at most 200."`
}

// List is one page of a list.
type List[T any] struct {
	Items []T    `json:"items" doc:"The rows, in a fixed order."`
	Next  string `json:"next,omitempty" doc:"Give it as after to get the page that follows; absent on the last one."`
}

const (
	defaultLimit = 50
	maxLimit     = 200
)

// query builds the statement of a list: conditions, keyset and limit.
type query struct {
	where []string
	args  []any
}

func (q *query) and(cond string, args ...any) {
	q.where = append(q.where, cond)
	q.args = append(q.args, args...)
}

// equal adds a condition for a value that was given.
func (q *query) equal(column, value string) {
	if value != "" {
		q.and(column+" = ?", value)
	}
}

// reach narrows to what the caller may see by a permission: columns name where a
// row says its organisation or course key, and whom it concerns; "" where it
// does not.
func (q *query) reach(ctx context.Context, permission, course, person string) {
	reach := hostapi.ReachOf(ctx, permission)
	if reach.All() {
		return
	}
	var any []string
	for _, c := range reach {
		var all []string
		if c.Course != "" {
			all = append(all, q.clause(course, "= ?", c.Course))
		}
		if c.Organisation != "" {
			all = append(all, q.clause(course, "LIKE ? ESCAPE '\\'", "course-v1:"+escapeLike(c.Organisation)+"+%"))
		}
		if c.Person != "" {
			all = append(all, q.clause(person, "= ?", c.Person))
		}
		any = append(any, strings.Join(all, " AND "))
	}
	q.where = append(q.where, "("+strings.Join(append(any, "1 = 0"), " OR ")+")")
}

func (q *query) clause(column, op string, value any) string {
	if column == "" {
		return "1 = 0" // a row that says nothing of this is not within such a reach
	}
	q.args = append(q.args, value)
	return column + " " + op
}

func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

// list runs q for one page of rows in the order of columns, which must be a key.
func list[T any](ctx context.Context, db *store.DB, sel string, q query, columns []string, page Page,
	scan func(interface{ Scan(...any) error }) (T, error), key func(T) []string) (List[T], error) {
	limit := page.Limit
	switch {
	case limit == 0:
		limit = defaultLimit
	case limit < 0 || limit > maxLimit:
		return List[T]{}, trellis.Errorf(trellis.Invalid, "the limit lies between 1 and %d", maxLimit)
	}
	if page.After != "" {
		values, err := decodeCursor(page.After, len(columns))
		if err != nil {
			return List[T]{}, err
		}
		q.and("("+strings.Join(columns, ", ")+") > ("+strings.TrimSuffix(strings.Repeat("?,", len(columns)), ",")+")", values...)
	}
	sql := sel + " WHERE " + strings.Join(q.where, " AND ") + " ORDER BY " + strings.Join(columns, ", ") + " LIMIT ?"
	var out List[T]
	err := db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, sql, append(q.args, limit+1)...)
		if err != nil {
			return err
		}
		out.Items, err = collect(rows, scan)
		return err
	})
	if err != nil {
		return List[T]{}, err
	}
	if len(out.Items) > limit {
		out.Items = out.Items[:limit]
		out.Next = encodeCursor(key(out.Items[limit-1]))
	}
	if out.Items == nil {
		out.Items = []T{}
	}
	return out, nil
}

func encodeCursor(values []string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(values, "\x00")))
}

func decodeCursor(s string, n int) ([]any, error) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	parts := strings.Split(string(raw), "\x00")
	if err != nil || len(parts) != n {
		return nil, trellis.Errorf(trellis.Invalid, "after is not a cursor of this list")
	}
	values := make([]any, n)
	for i, p := range parts {
		values[i] = p
	}
	return values, nil
}
