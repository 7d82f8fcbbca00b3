package theming

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func hexColour(t testing.TB, text string) colour {
	t.Helper()
	c := parseColour(text[1:])
	if c.String() != text {
		t.Fatalf("%s is read as %s", text, c)
	}
	return c
}

// TestTokensAreReadable makes the tokens of 4,000 random colours and of the edges,
// and measures every pair that pages set one upon the other.
func TestTokensAreReadable(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	all := []colour{{}, {255, 255, 255}, {255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 0}, {0, 255, 255}, {255, 0, 255}, {128, 128, 128}, {1, 0, 0}, {254, 255, 255}}
	for range 4000 {
		n := random.Uint32()
		all = append(all, colour{uint8(n), uint8(n >> 8), uint8(n >> 16)})
	}
	texts := map[float64][]colour{
		-1: {hexColour(t, "#18211c"), hexColour(t, "#4c5751"), hexColour(t, "#1e4fd6")}, // text, text-2, focus
		+1: {hexColour(t, "#e9eeeb"), hexColour(t, "#a9b4ae"), hexColour(t, "#9dbbff")},
	}
	worst := map[string]float64{}
	for _, c := range all {
		for _, s := range []scheme{light(), dark()} {
			got := s.tokens(c)
			look := func(what string, a, b colour) {
				ratio := contrast(a, b)
				if was, ok := worst[what]; !ok || ratio < was {
					worst[what] = ratio
				}
				if ratio < readable {
					t.Errorf("%s, towards %v: %s, %s on %s, has %.2f", c, s.towards, what, a, b, ratio)
				}
			}
			for _, g := range s.grounds {
				look("accent on a ground", got.accent, g)
				look("hover on a ground", got.hover, g)
			}
			look("on accent", got.on, got.accent)
			look("on hover", got.on, got.hover)
			look("accent on soft", got.accent, got.soft)
			look("hover on soft", got.hover, got.soft)
			for _, text := range texts[s.towards] {
				look("text on soft", text, got.soft)
			}
			if got.hover == got.accent {
				t.Errorf("%s, towards %v: the pointer changes nothing", c, s.towards)
			}
			if s.read(c) && got.accent != c {
				t.Errorf("%s can be read, and becomes %s", c, got.accent)
			}
			was, is := c.oklch(), got.accent.oklch()
			turned := math.Abs(math.Remainder(was.h-is.h, 2*math.Pi))
			if min(was.c, is.c) > 0.04 && turned > 0.12 { // 7 degrees: what rounding to 8 bits may do
				t.Errorf("%s, towards %v: %s has another hue, %.0f degrees off", c, s.towards, got.accent, turned*180/math.Pi)
			}
		}
	}
	t.Log("the least contrasts:", fmt.Sprint(worst))
}

func TestContrast(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want float64
	}{{"#000000", "#ffffff", 21}, {"#ffffff", "#ffffff", 1}, {"#0b6277", "#f6f7f5", 6.4}, {"#6cc4da", "#222a26", 7.3}, {"#777777", "#ffffff", 4.4}} {
		a, b := hexColour(t, tt.a), hexColour(t, tt.b)
		if got := contrast(a, b); math.Floor(got*10)/10 != tt.want || got != contrast(b, a) {
			t.Errorf("%s on %s: %.3f, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestOklch(t *testing.T) {
	for n := 0; n < 1<<24; n += 4093 { // there and back
		c := colour{uint8(n >> 16), uint8(n >> 8), uint8(n)}
		if got := c.oklch().colour(); got != c {
			t.Fatalf("%s becomes %s", c, got)
		}
	}
	for text, want := range map[string]oklch{"#ff0000": {0.628, 0.2577, 29.23}, "#0000ff": {0.452, 0.3132, 264.05}, "#ffffff": {1, 0, 0}} { // as CSS Color 4 has them
		got := hexColour(t, text).oklch()
		if math.Abs(got.l-want.l) > 0.001 || math.Abs(got.c-want.c) > 0.001 || want.c > 0 && math.Abs(math.Mod(got.h*180/math.Pi+360, 360)-want.h) > 0.1 {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

func BenchmarkSheet(b *testing.B) {
	for n := range b.N {
		_ = css(colour{uint8(n), uint8(n >> 8), uint8(n >> 16)})
	}
}
