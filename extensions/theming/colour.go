package theming

import (
	"fmt"
	"math"
	"strconv"
)

// colour is one of sRGB, each part from 0 to 255.
type colour struct{ r, g, b uint8 }

// parseColour reads six hexadecimal digits.
func parseColour(hexadecimal string) colour {
	n, _ := strconv.ParseUint(hexadecimal, 16, 32) // whoever calls has looked at it
	return colour{uint8(n >> 16), uint8(n >> 8), uint8(n)}
}

// String returns the colour as CSS has it.
func (c colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c.r, c.g, c.b) }

// linear is the light of one part of a colour, 0 to 1.
func linear(part uint8) float64 {
	v := float64(part) / 255
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

// encoded is the part of a colour that has so much light.
func encoded(light float64) uint8 {
	if light <= 0.0031308 {
		light *= 12.92
	} else {
		light = 1.055*math.Pow(light, 1/2.4) - 0.055
	}
	return uint8(math.Round(255 * min(max(light, 0), 1)))
}

// luminance is how bright a colour is, as WCAG has it.
func (c colour) luminance() float64 {
	return 0.2126*linear(c.r) + 0.7152*linear(c.g) + 0.0722*linear(c.b)
}

// contrast is that of WCAG 2: 1 to 21.
func contrast(a, b colour) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// oklch is a colour by how we see it: lightness (0 to 1), chroma, hue (in radians).
// Its numbers are those of Björn Ottosson's Oklab.
type oklch struct{ l, c, h float64 }

func (c colour) oklch() oklch {
	r, g, b := linear(c.r), linear(c.g), linear(c.b)
	l := math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*b)
	m := math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*b)
	s := math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*b)
	x := 1.9779984951*l - 2.4285922050*m + 0.4505937099*s
	y := 0.0259040371*l + 0.7827717662*m - 0.8086757660*s
	return oklch{0.2104542553*l + 0.7936177850*m - 0.0040720468*s, math.Hypot(x, y), math.Atan2(y, x)}
}

// light returns the light of the three parts, which for a colour that no screen
// shows lie outside of 0 to 1.
func (k oklch) light() (r, g, b float64) {
	x, y := k.c*math.Cos(k.h), k.c*math.Sin(k.h)
	cube := func(v float64) float64 { return v * v * v }
	l := cube(k.l + 0.3963377774*x + 0.2158037573*y)
	m := cube(k.l - 0.1055613458*x - 0.0638541728*y)
	s := cube(k.l - 0.0894841775*x - 1.2914855480*y)
	return 4.0767416621*l - 3.3077115913*m + 0.2309699292*s,
		-1.2684380046*l + 2.6097574011*m - 0.3413193965*s,
		-0.0041960863*l - 0.7034186147*m + 1.7076147010*s
}

// shown reports whether a screen of sRGB can show it.
func (k oklch) shown() bool {
	const most = 1e-4
	r, g, b := k.light()
	return min(r, g, b) >= -most && max(r, g, b) <= 1+most
}

// colour returns the colour of sRGB with this lightness and hue, and as much of the
// chroma as can be shown.
func (k oklch) colour() colour {
	k.l = min(max(k.l, 0), 1)
	if !k.shown() {
		low, high := 0.0, k.c
		for range 16 {
			if k.c = (low + high) / 2; k.shown() {
				low = k.c
			} else {
				high = k.c
			}
		}
		k.c = low
	}
	r, g, b := k.light()
	return colour{encoded(r), encoded(g), encoded(b)}
}
