package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// pair is how the times of two peers compare, measured side by side.
type pair struct {
	Of     string  `json:"of"`
	Over   string  `json:"over"`
	Ratio  float64 `json:"ratio"` // the median
	Low    float64 `json:"low"`   // half of the pairs lie between low and high
	High   float64 `json:"high"`
	Number int     `json:"pairs"`
}

const pairs = 41

// pairs measures the two peers of each aim side by side: the fastest of some
// milliseconds of one, then of the other, many times. Whoever was interrupted in a
// millisecond is not in another, and what slows the whole machine down slows both
// of two neighbours down. So their ratio holds where medians of the whole run,
// which lie seconds apart, tell more of the machine than of the peers. Where the
// calls of one of the two vary by themselves both get longer pieces, and the median
// of each counts: a median over a minimum would be no ratio of the two.
func (b *bench) pairs(ctx context.Context, ready []*running) ([]pair, error) {
	find := func(name string) *running {
		if i := slices.IndexFunc(ready, func(r *running) bool { return r.name == name }); i >= 0 {
			return ready[i]
		}
		return nil
	}
	var all []pair
	for _, a := range aims() {
		of, over := find(a.of), find(a.over)
		if of == nil || over == nil {
			continue
		}
		b.progress("compare %s with %s", a.of, a.over)
		p, err := comparePair(ctx, of, over)
		if err != nil {
			return nil, fmt.Errorf("compare %s with %s: %w", a.of, a.over, err)
		}
		all = append(all, p)
	}
	return all, nil
}

func comparePair(ctx context.Context, of, over *running) (pair, error) {
	vary := of.varies() || over.varies()
	ratios := make([]float64, pairs)
	for i := range ratios {
		if err := ctx.Err(); err != nil {
			return pair{}, err
		}
		first, second := of, over
		if i%2 == 1 { // who comes first changes, should that make a difference
			first, second = over, of
		}
		a, err := first.piece(vary)
		if err != nil {
			return pair{}, err
		}
		b, err := second.piece(vary)
		if err != nil {
			return pair{}, err
		}
		ratios[i] = a / b
		if first == over {
			ratios[i] = b / a
		}
	}
	slices.Sort(ratios)
	return pair{Of: of.name, Over: over.name, Ratio: median(ratios), Low: ratios[pairs/4], High: ratios[pairs*3/4], Number: pairs}, nil
}

// piece is one peer's part of a pair: the fastest of some batches or, if one of the
// two varies, the middle one.
func (r *running) piece(vary bool) (float64, error) {
	tries, batch := 6, time.Millisecond
	if vary {
		tries, batch = 3, 10*time.Millisecond
	}
	fastest, middle, err := r.typical(max(1, int(float64(batch)/median(r.rounds))), tries)
	if vary {
		return middle, err
	}
	return fastest, err
}
