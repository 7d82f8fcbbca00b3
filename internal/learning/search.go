package learning

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// search reads pages of a list until it has one of the rows that it keeps. It is
// for lists of a size that a person looks through: it may read all of it. What
// text a row holds is compared here and not by the database, for each database
// knows another set of letters.
func search[T any](page Page, read func(Page) (List[T], error), key func(T) []string, keep func(T) bool) (List[T], error) {
	limit, err := page.limit()
	if err != nil {
		return List[T]{}, err
	}
	out := List[T]{Items: []T{}}
	for next := (Page{After: page.After, Limit: maxLimit}); ; {
		part, err := read(next)
		if err != nil {
			return List[T]{}, err
		}
		for _, row := range part.Items {
			if !keep(row) {
				continue
			}
			if len(out.Items) == limit {
				out.Next = encodeCursor(key(out.Items[limit-1]))
				return out, nil
			}
			out.Items = append(out.Items, row)
		}
		if next.After = part.Next; part.Next == "" {
			return out, nil
		}
	}
}

// words returns what tells whether a text has all the words of a search, whatever
// their case and width.
func words(search string) func(texts ...string) bool {
	wanted := strings.Fields(folded(search))
	return func(texts ...string) bool {
		text := folded(strings.Join(texts, "\n"))
		for _, w := range wanted {
			if !strings.Contains(text, w) {
				return false
			}
		}
		return true
	}
}

func folded(s string) string { return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s))) }
