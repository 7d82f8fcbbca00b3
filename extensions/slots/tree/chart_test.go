package tree_test

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/extensions/slots/tree"
)

func TestAxis(t *testing.T) {
	for _, tt := range []struct {
		name        string
		low, high   float64
		line, whole bool
		want        string
	}{
		{"counts", 0, 12, false, true, "0 5 10 15"},
		{"few", 0, 2, false, true, "0 1 2"},
		{"one", 1, 1, false, true, "0 1"},
		{"all zero", 0, 0, false, true, "0 1"},
		{"parts", .2, .81, true, false, "0.0 0.2 0.4 0.6 0.8 1.0"},
		{"close together", 1000, 1003, true, true, "1000 1001 1002 1003"},
		{"close together, of bars", 1000, 1003, false, true, "0 500 1000 1500"},
		{"the same again and again", 1000, 1000, true, true, "0 200 400 600 800 1000"},
		{"both ways", -8, 8, false, true, "−10 −5 0 5 10"},
		{"below", -30, -3, false, true, "−30 −20 −10 0"},
		{"thousands", 0, 23_000, false, true, "0 5k 10k 15k 20k 25k"},
		{"millions", 0, 1_234_567, false, true, "0 0.5M 1.0M 1.5M"},
		{"the largest", -tree.MaxNumber, tree.MaxNumber, true, true, "−1000T −500T 0 500T 1000T"},
		{"small", 0, 1.2e-7, false, false, "0 5e-08 1e-07 1.5e-07"},
		{"too small to tell", 0, 1e-300, true, false, "0.0 0.2 0.4 0.6 0.8 1.0"},
		{"too close to tell", 1e15, 1e15 + 1, true, true, "0 500T 1000T"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			from, to, step := tree.Axis(tt.low, tt.high, tt.line, tt.whole)
			if got := strings.Join(tree.Ticks(from, to, step), " "); got != strings.Replace(tt.want, "0.0", "0", 1) {
				t.Errorf("ticks %s, want %s", got, tt.want)
			}
		})
	}
}

// TestAxisHolds: whatever the values, an axis has them between its ends and few
// steps.
func TestAxisHolds(t *testing.T) {
	values := []float64{0, 1e-12, 1e-3, .3, 1, 7, 99, 1e4, 123456, 1e9, tree.MaxNumber}
	for _, v := range slices.Clone(values) {
		values = append(values, -v)
	}
	for _, a := range values {
		for _, b := range values {
			for _, flags := range []int{0, 1, 2, 3} {
				low, high := min(a, b), max(a, b)
				from, to, step := tree.Axis(low, high, flags&1 != 0, flags&2 != 0)
				n := (to - from) / step
				if slack := step * 1e-6; from > low+slack || to < high-slack || !(step > 0) || n < 1 || n > 8 || math.IsInf(to-from, 0) {
					t.Errorf("axis(%g, %g, %d) = %g to %g by %g", low, high, flags, from, to, step)
				}
			}
		}
	}
}

// TestDrawing: all that is drawn lies within the drawing, and texts do not overlap.
func TestDrawing(t *testing.T) {
	number := regexp.MustCompile(` (x|x1|x2|cx|y|y1|y2|cy)="([^"]*)"`)
	point := regexp.MustCompile(`([-0-9.]+),([-0-9.]+)`)
	size := regexp.MustCompile(`viewBox="0 0 ([0-9.]+) ([0-9.]+)"`)
	for _, typ := range []string{"bar", "line"} {
		for _, points := range []int{1, 2, 7, 24, 200} {
			for series := 1; series <= 3; series++ {
				t.Run(fmt.Sprintf("%s, %d points, %d series", typ, points, series), func(t *testing.T) {
					n := tree.Node{Kind: tree.Chart, Type: typ, Title: "Title"}
					for k := range series {
						s := tree.Series{Name: strings.Repeat("name ", k*4+1)}
						for i := range points {
							s.Values = append(s.Values, math.Sin(float64(i+k))*math.Pow(10, float64(k)))
						}
						n.Series = append(n.Series, s)
					}
					for i := range points {
						n.Labels = append(n.Labels, strings.Repeat("word ", i%9))
					}
					if err := n.Check(); err != nil {
						t.Fatal(err)
					}
					out := rendered(t, n, options())
					sound(t, out)
					box := size.FindStringSubmatch(out)
					within := func(s, most string) {
						v, err := strconv.ParseFloat(s, 64)
						if limit, _ := strconv.ParseFloat(most, 64); err != nil || v < -.1 || v > limit+.1 {
							t.Errorf("%s is outside of 0 to %s", s, most)
						}
					}
					for _, m := range number.FindAllStringSubmatch(out, -1) {
						within(m[2], box[map[bool]int{true: 1, false: 2}[strings.Contains(m[1], "x")]])
					}
					for _, m := range point.FindAllStringSubmatch(strings.Join(regexp.MustCompile(`points="[^"]*"`).FindAllString(out, -1), " "), -1) {
						within(m[1], box[1])
						within(m[2], box[2])
					}
					if got := strings.Count(out, "<tr>"); got != points+1 {
						t.Errorf("%d rows of numbers for %d points", got-1, points)
					}
				})
			}
		}
	}
}

// TestUncheckedChart: what only Go could make is drawn, too.
func TestUncheckedChart(t *testing.T) {
	for _, values := range [][]float64{nil, {math.NaN()}, {math.Inf(1), math.Inf(-1)}, {1, math.NaN(), 3}, {1e300}} {
		for _, typ := range []string{"bar", "line", "pie"} {
			n := tree.Node{Kind: tree.Chart, Type: typ, Labels: []string{"a", "b"}, Series: []tree.Series{{Values: values}, {Values: []float64{1, 2}}, {}, {}}}
			sound(t, rendered(t, n, options()))
			n.Series = n.Series[:2]
			if out := rendered(t, n, options()); strings.Contains(out, "NaN") || strings.Contains(out, "Inf") {
				t.Errorf("%v as a %s: %s", values, typ, out)
			}
		}
	}
}
