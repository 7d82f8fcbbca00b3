// Package theming is the way of extending how pages look. This version has the
// brand of a tenant: its logo, and a stylesheet made of its one colour.
//
// The stylesheet sets four of the tokens that the platform's own uses. Whatever
// colour a tenant chooses, text in it and on it can be read, in light and in dark:
// its lightness is moved until it can, and its hue is kept.
package theming

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"sync"

	"github.com/trellis-learning/trellis"
)

// Logos knows the logos of tenants by their digests. Its error is of kind
// [trellis.NotFound] for one that there is not.
type Logos interface {
	Logo(ctx context.Context, digest string) (contentType string, data []byte, err error)
}

// Theming makes and serves what the pages of a tenant look like. It is safe for
// concurrent use.
type Theming struct {
	logos Logos

	mu     sync.Mutex
	sheets map[string]sheet // by accent
}

// sheet is a stylesheet and its name.
type sheet struct {
	name string // "0b6277-1f2e3d4c.css"
	css  []byte
}

// maxSheets bounds how many stylesheets are remembered; they are quickly made
// again.
const maxSheets = 1000

// New returns the theming of tenants with these logos.
func New(logos Logos) *Theming { return &Theming{logos: logos, sheets: map[string]sheet{}} }

const place = "/brand/"

// Sheet returns the path of the stylesheet for a colour such as "#0b6277", ""
// where that is no colour. What is at the path never changes.
func (t *Theming) Sheet(accent string) string {
	hexadecimal, ok := strings.CutPrefix(accent, "#")
	s, found := t.sheet(hexadecimal)
	if !ok || !found {
		return ""
	}
	return place + s.name
}

// Logo returns the path of a logo, "" where there is none. What is at the path
// never changes.
func (t *Theming) Logo(digest string) string {
	if digest == "" {
		return ""
	}
	return place + digest
}

var accentPattern = regexp.MustCompile(`^[0-9a-f]{6}$`)

// sheet returns the stylesheet for a colour of six hexadecimal digits.
func (t *Theming) sheet(accent string) (sheet, bool) {
	if !accentPattern.MatchString(accent) {
		return sheet{}, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s, ok := t.sheets[accent]; ok {
		return s, true
	}
	css := []byte(css(parseColour(accent)))
	sum := sha256.Sum256(css)
	s := sheet{accent + "-" + hex.EncodeToString(sum[:4]) + ".css", css}
	if len(t.sheets) >= maxSheets {
		clear(t.sheets)
	}
	t.sheets[accent] = s
	return s, true
}

// file returns what is at a path below /brand/.
func (t *Theming) file(ctx context.Context, name string) (contentType string, data []byte, err error) {
	if accent, _, ok := strings.Cut(name, "-"); ok {
		if s, found := t.sheet(accent); found && s.name == name {
			return "text/css; charset=utf-8", s.css, nil
		}
		return "", nil, trellis.Errorf(trellis.NotFound, "there is no such stylesheet")
	}
	return t.logos.Logo(ctx, name)
}
