//go:build browser

package browser_test

import (
	"fmt"
	"maps"
	"math"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// TestTokens: each colour stands out from the grounds that it is used on, in light
// and in dark, and dark is the same whoever asks for it.
func TestTokens(t *testing.T) {
	sheet, err := os.ReadFile("../pages/frame/static/trellis.css")
	if err != nil {
		t.Fatal(err)
	}
	block := func(selector string) map[string]string {
		found := regexp.MustCompile(regexp.QuoteMeta(selector) + ` \{([^}]*)\}`).FindSubmatch(sheet)
		if found == nil {
			t.Fatalf("there is no %s", selector)
		}
		tokens := map[string]string{}
		for _, m := range regexp.MustCompile(`--tr-([\w-]+): ([^;]+);`).FindAllSubmatch(found[1], -1) {
			tokens[string(m[1])] = string(m[2])
		}
		return tokens
	}
	light, dark := block("\n  :root"), block(`:root[data-theme="dark"]`)
	if other := block(`:root:not([data-theme="light"])`); !maps.Equal(dark, other) {
		t.Errorf("dark by the page is %v, and by the system %v", dark, other)
	}
	grounds := []string{"bg", "surface", "inset"}
	pairs := []struct {
		least  float64
		colour string
		on     []string
	}{
		{4.5, "text", append(grounds, "accent-soft", "ok-soft", "warn-soft", "bad-soft", "info-soft")},
		{4.5, "text-2", append(grounds, "warn-soft")}, {4.5, "accent", grounds}, {4.5, "accent-hover", append(grounds, "accent-soft")},
		{3, "edge", grounds}, {3, "focus", append(grounds, "ok-soft", "warn-soft", "bad-soft", "info-soft", "accent-soft")},
		{3, "chart-1", grounds}, {3, "chart-2", grounds}, {3, "chart-3", grounds},
		{4.5, "ok", append(grounds, "ok-soft")}, {4.5, "warn", append(grounds, "warn-soft")},
		{4.5, "bad", append(grounds, "bad-soft")}, {4.5, "info", append(grounds, "info-soft")},
		{4.5, "on-accent", []string{"accent", "accent-hover"}}, {4.5, "on-bad", []string{"bad", "bad-hover"}},
	}
	for name, tokens := range map[string]map[string]string{"light": light, "dark": dark} {
		for _, p := range pairs {
			for _, on := range p.on {
				if got := contrast(t, tokens[p.colour], tokens[on]); got < p.least {
					t.Errorf("%s: %s on %s is %.2f:1, not %.1f:1", name, p.colour, on, got, p.least)
				}
			}
		}
	}
}

// contrast is the ratio of WCAG 2 of two colours as #rgb or #rrggbb.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	light := func(colour string) float64 {
		if len(colour) == 4 {
			colour = fmt.Sprintf("#%[1]c%[1]c%[2]c%[2]c%[3]c%[3]c", colour[1], colour[2], colour[3])
		}
		var sum float64
		for i, share := range []float64{0.2126, 0.7152, 0.0722} {
			n, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
			if err != nil || len(colour) != 7 {
				t.Fatalf("%q is no colour", colour)
			}
			v := float64(n) / 255
			if v <= 0.04045 {
				v /= 12.92
			} else {
				v = math.Pow((v+0.055)/1.055, 2.4)
			}
			sum += share * v
		}
		return sum
	}
	x, y := light(a), light(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}
