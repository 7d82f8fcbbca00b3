package theming

import "fmt"

// scheme is what pages stand on, in light or in dark.
type scheme struct {
	grounds [3]colour // the page, a surface, an inset: those of trellis.css
	towards float64   // which way text is moved to be read: darker or lighter
	soft    oklch     // how light a soft ground is, and how much colour it has at most
}

func light() scheme {
	return scheme{[3]colour{{0xf6, 0xf7, 0xf5}, {0xff, 0xff, 0xff}, {0xec, 0xef, 0xeb}}, -1, oklch{l: 0.945, c: 0.03}}
}

func dark() scheme {
	return scheme{[3]colour{{0x11, 0x15, 0x13}, {0x19, 0x1f, 0x1c}, {0x22, 0x2a, 0x26}}, +1, oklch{l: 0.31, c: 0.045}}
}

// readable is the contrast that text needs (WCAG 2.2, 1.4.3).
const readable = 4.5

// tokens are those of an accent in one scheme.
type tokens struct{ accent, hover, on, soft colour }

// tokens moves the lightness of a colour until it can be read on every ground, and
// makes what goes with it.
func (s scheme) tokens(of colour) tokens {
	k := of.oklch()
	t := tokens{accent: of}
	for !s.read(t.accent) {
		k.l += s.towards * 1.0 / 256
		t.accent = k.colour()
	}
	t.on = colour{0xff, 0xff, 0xff}
	if black := (colour{}); contrast(t.accent, black) > contrast(t.accent, t.on) {
		t.on = black
	}
	t.hover = s.hover(k)
	soft := oklch{s.soft.l, min(k.c, s.soft.c), k.h}
	for t.soft = soft.colour(); min(contrast(t.accent, t.soft), contrast(t.hover, t.soft)) < readable; t.soft = soft.colour() {
		soft.l -= s.towards * 1.0 / 256
	}
	return t
}

// step is how far a colour moves under the pointer: far enough to be seen.
const step = 0.08

// hover is the accent a step further from the grounds or, at the end of the way, as
// far back.
func (s scheme) hover(k oklch) colour {
	further := oklch{k.l + s.towards*step, k.c, k.h}
	if further.l > 0.05 && further.l < 0.97 {
		return further.colour()
	}
	return oklch{k.l - s.towards*1.5*step, k.c, k.h}.colour()
}

// read reports whether text of a colour can be read on every ground.
func (s scheme) read(c colour) bool {
	for _, g := range s.grounds {
		if contrast(c, g) < readable {
			return false
		}
	}
	return true
}

// css returns the stylesheet for an accent. It stands behind trellis.css, in no
// layer, and leaves paper and forced colours alone.
func css(accent colour) string {
	set := func(t tokens) string {
		return fmt.Sprintf("--tr-accent: %s; --tr-accent-hover: %s; --tr-on-accent: %s; --tr-accent-soft: %s;", t.accent, t.hover, t.on, t.soft)
	}
	day, night := set(light().tokens(accent)), set(dark().tokens(accent))
	return "@media screen {\n" +
		"  :root { " + day + " }\n" +
		"  @media (prefers-color-scheme: dark) { :root:not([data-theme=\"light\"]) { " + night + " } }\n" +
		"  :root[data-theme=\"dark\"] { " + night + " }\n" +
		"}\n"
}
