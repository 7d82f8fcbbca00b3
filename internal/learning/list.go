package learning

import (
	"context"
	"encoding/base64"
	"strings"
	"unicode/utf8"

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

// columns says where a row names its organisation, its course and the person
// whom it concerns; "" where it names none.
type columns struct{ organisation, course, person string }

// reach narrows to what the caller may see by a permission. A row that does not
// say what a part of the reach asks for is not within that part.
func (q *query) reach(ctx context.Context, permission string, of columns) {
	q.inside(hostapi.ReachOf(ctx, permission), of)
}

func (q *query) inside(reach hostapi.Reach, of columns) {
	if reach.All() {
		return
	}
	parts := []string{"1 = 0"}
	for _, c := range reach {
		var all []string
		if c.Course != "" {
			all = append(all, q.clause(of.course, c.Course))
		}
		if c.Organisation != "" {
			all = append(all, q.within(of, c.Organisation))
		}
		if c.Person != "" {
			all = append(all, q.clause(of.person, c.Person))
		}
		parts = append(parts, strings.Join(all, " AND "))
	}
	q.where = append(q.where, "("+strings.Join(parts, " OR ")+")")
}

func (q *query) clause(column, value string) string {
	if column == "" {
		return "1 = 0"
	}
	q.args = append(q.args, value)
	return column + " = ?"
}

// within is the condition that a row belongs to an organisation: it names it, or
// a course whose key does. Text is compared with text: LIKE would take Acme for
// acme on some databases, and "_" for any letter.
func (q *query) within(of columns, organisation string) string {
	cond := q.clause(of.organisation, organisation)
	if of.course == "" {
		return cond
	}
	prefix := "course-v1:" + organisation + "+"
	q.args = append(q.args, utf8.RuneCountInString(prefix), prefix)
	return "(" + cond + " OR substr(" + of.course + ", 1, ?) = ?)"
}

// byRoles returns where the roles of an actor allow something, whatever her token
// is narrowed to and whichever extension asks for her.
func byRoles(a trellis.Actor, permission string) hostapi.Reach {
	a.Scopes = nil
	return hostapi.ReachOf(trellis.WithActor(context.Background(), a), permission)
}

// list runs q for one page of rows. The columns of order must be a key: the next page
// begins behind the last row of this one, whatever was inserted meanwhile.
func list[T any](ctx context.Context, db *store.DB, sel string, q query, order []string, page Page,
	scan func(interface{ Scan(...any) error }) (T, error), key func(T) []string) (List[T], error) {
	limit, err := page.limit()
	if err != nil {
		return List[T]{}, err
	}
	if page.After != "" {
		values, err := decodeCursor(page.After, len(order))
		if err != nil {
			return List[T]{}, err
		}
		q.and("("+strings.Join(order, ", ")+") > ("+strings.TrimSuffix(strings.Repeat("?,", len(order)), ",")+")", values...)
	}
	sql := sel + " WHERE " + strings.Join(q.where, " AND ") + " ORDER BY " + strings.Join(order, ", ") + " LIMIT ?"
	var out List[T]
	err = db.Read(ctx, func(tx *store.Tx) error {
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

// limit returns how many rows are wanted.
func (p Page) limit() (int, error) {
	switch {
	case p.Limit == 0:
		return defaultLimit, nil
	case p.Limit < 0 || p.Limit > maxLimit:
		return 0, trellis.Errorf(trellis.Invalid, "the limit lies between 1 and %d", maxLimit)
	}
	return p.Limit, nil
}

func encodeCursor(values []string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(values, "\x00")))
}

func decodeCursor(s string, n int) ([]any, error) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	parts := strings.Split(string(raw), "\x00")
	if err != nil || len(parts) != n || !utf8.Valid(raw) {
		return nil, trellis.Errorf(trellis.Invalid, "after is not a cursor of this list")
	}
	values := make([]any, n)
	for i, p := range parts {
		values[i] = p
	}
	return values, nil
}
