package bundle

import "fmt"

// Bounds of what is searched for a name that was probably meant: whoever writes
// manifests and modules of many long names must not make us compare them all.
const (
	mostNear    = 500 // names
	longestNear = 64  // bytes of a name
)

// guess is the name that was probably meant, looked for only when it is shown.
type guess struct {
	name string
	all  []string
}

// near offers the name that was probably meant.
func near(name string, all []string) fmt.Stringer { return guess{name, all} }

// String is the end of a sentence that says that there is no such name.
func (g guess) String() string {
	if len(g.all) > mostNear || len(g.name) > longestNear {
		return ""
	}
	best, least := "", len(g.name)/3+1
	for _, a := range g.all {
		if max(len(a)-len(g.name), len(g.name)-len(a)) >= least {
			continue // so many letters are too many or too few
		}
		if d := distance(g.name, a); d < least {
			best, least = a, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %q?", best)
}

// distance is how many letters must change to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := min(row[j+1], row[j]) + 1
			if a[i] == b[j] {
				next = min(next, diagonal)
			} else {
				next = min(next, diagonal+1)
			}
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
