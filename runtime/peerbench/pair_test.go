package main

import (
	"testing"
	"time"
)

// steady is a peer whose batches take what it is told to, in turns.
func steady(name string, wakes bool, batches ...time.Duration) *running {
	i := 0
	r := &running{peer: peer{name: name}, rounds: []float64{1e9}}
	r.wakes = wakes
	r.repeat = func(n int) (time.Duration, error) {
		i++
		return time.Duration(n) * batches[(i-1)%len(batches)], nil
	}
	return r
}

// A ratio compares medians with medians, or minima with minima: where the calls of
// one of the two vary it is the median of both.
func TestPairsCompareLikeWithLike(t *testing.T) {
	for _, tt := range []struct {
		name      string
		of, over  bool // vary
		wantRatio float64
	}{
		{"neither varies", false, false, 1},
		{"the first varies", true, false, 2},
		{"the second varies", false, true, 2},
		{"both vary", true, true, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			of := steady("of", tt.of, 100, 400, 400)
			over := steady("over", tt.over, 100, 200, 200)
			p, err := comparePair(t.Context(), of, over)
			if err != nil || p.Ratio != tt.wantRatio || p.Low != p.High {
				t.Errorf("%+v, %v, want %v", p, err, tt.wantRatio)
			}
			var f, floor figures
			for _, r := range []*running{of, over} {
				r.n, r.rounds = 1, nil
				for range 3 {
					if err := r.round(); err != nil {
						t.Fatal(err)
					}
				}
			}
			f.fill(of)
			floor.fill(over)
			if got := f.over(floor); got != tt.wantRatio {
				t.Errorf("in the table %v, want %v", got, tt.wantRatio)
			}
		})
	}
}
