package learning_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

func pngOf(t testing.TB, width, height int) []byte {
	t.Helper()
	var out bytes.Buffer
	must(t, png.Encode(&out, image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.Black})))
	return out.Bytes()
}

// webpOf returns the first piece of a WebP, which is as far as it is read.
func webpOf(kind, body string) []byte {
	body = "WEBP" + kind + "\x20\x00\x00\x00" + body + strings.Repeat("\x00", 32)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

func dataURL(typ string, data []byte) *string {
	return ptr("data:" + typ + ";base64," + base64.StdEncoding.EncodeToString(data))
}

func TestBrand(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	before := len(c.events(t, sys, learning.TenantChanged.Name()))
	logo := pngOf(t, 16, 16)

	made, err := c.Brand(sys, learning.Brand{Title: "Acme School", Accent: ptr("#0B6277"), Logo: dataURL("image/png", logo)})
	must(t, err)
	if made.Title != "Acme School" || made.Accent != "#0b6277" || len(made.Logo) != 64 {
		t.Errorf("tenant %+v", made)
	}
	typ, data, err := c.Logo(t.Context(), made.Logo)
	if err != nil || typ != "image/png" || !bytes.Equal(data, logo) {
		t.Errorf("logo: %s, %d bytes, %v", typ, len(data), err)
	}
	again, err := c.Brand(sys, learning.Brand{Accent: ptr("#0b6277"), Logo: dataURL("image/png", logo)})
	if err != nil || again != made {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	events := c.events(t, sys, learning.TenantChanged.Name())[before:]
	if len(events) != 1 || !strings.Contains(string(events[0].Data), made.Logo) || strings.Contains(string(events[0].Data), "base64") {
		t.Errorf("events %+v", events)
	}

	put, err := c.PutTenant(as(t, operator()), learning.PutTenant{Name: "acme", Title: "Acme"}) // who says nothing of it leaves it
	if err != nil || put.Title != "Acme" || put.Accent != made.Accent || put.Logo != made.Logo {
		t.Errorf("put: %+v, %v", put, err)
	}
	put, err = c.PutTenant(as(t, operator()), learning.PutTenant{Name: "acme", Title: "Acme", Accent: ptr(""), Logo: ptr("")})
	if err != nil || put.Accent != "" || put.Logo != "" {
		t.Errorf("taken away: %+v, %v", put, err)
	}
	if _, _, err := c.Logo(t.Context(), made.Logo); kind(err) != trellis.NotFound {
		t.Errorf("the logo is still there: %v", err)
	}
	fresh, err := c.PutTenant(as(t, operator()), learning.PutTenant{Name: "fresh", Title: "Fresh", Accent: ptr("#ffffff"), Logo: dataURL("image/png", logo)})
	if err != nil || fresh.Accent != "#ffffff" || fresh.Logo != made.Logo {
		t.Errorf("a new one: %+v, %v", fresh, err)
	}
	if other, err := c.Tenant(system(t, "other")); err != nil || other.Accent != "" || other.Logo != "" {
		t.Errorf("another tenant: %+v, %v", other, err)
	}
	if _, err := c.Brand(system(t, trellis.PlatformTenant), learning.Brand{Accent: ptr("#000000")}); kind(err) != trellis.Invalid {
		t.Errorf("the platform's own: %v", err)
	}
}

func TestBrandIsChecked(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	var photo, moving bytes.Buffer
	must(t, jpeg.Encode(&photo, image.NewGray(image.Rect(0, 0, 9, 7)), nil))
	must(t, gif.Encode(&moving, image.NewPaletted(image.Rect(0, 0, 9, 7), color.Palette{color.Black}), nil))
	picture := pngOf(t, 16, 16)
	for _, tt := range []struct {
		name string
		in   learning.Brand
		want string // of the error; "" for none
	}{
		{"a JPEG", learning.Brand{Logo: dataURL("image/jpeg", photo.Bytes())}, ""},
		{"a WebP", learning.Brand{Logo: dataURL("image/webp", webpOf("VP8 ", "\x10\x00\x00\x9d\x01\x2a\x40\x00\x20\x00"))}, ""},
		{"a WebP without loss", learning.Brand{Logo: dataURL("image/webp", webpOf("VP8L", "\x2f\x3f\xc0\x07\x00"))}, ""},
		{"an extended WebP", learning.Brand{Logo: dataURL("image/webp", webpOf("VP8X", "\x10\x00\x00\x00\x3f\x00\x00\x1f\x00\x00"))}, ""},
		{"the largest", learning.Brand{Logo: dataURL("image/png", pngOf(t, 2048, 1))}, ""},
		{"a colour in capitals", learning.Brand{Accent: ptr("#ABCDEF")}, ""},

		{"a colour by name", learning.Brand{Accent: ptr("red")}, "no colour"},
		{"a short one", learning.Brand{Accent: ptr("#fff")}, "no colour"},
		{"one that goes on", learning.Brand{Accent: ptr("#0b6277;}body{display:none")}, "no colour"},
		{"one that ends a line", learning.Brand{Accent: ptr("#0b6277\n")}, "no colour"},
		{"a title of two lines", learning.Brand{Title: "a\nb"}, "begins a new line"},
		{"a title that turns what follows", learning.Brand{Title: "Acme\u202e"}, "turns the order"},
		{"a title that isolates", learning.Brand{Title: "\u2067Acme"}, "never ends"},
		{"a long title", learning.Brand{Title: strings.Repeat("a", 256)}, "256 characters, of at most 255"},
		{"an address", learning.Brand{Logo: ptr("https://evil.example/logo.png")}, "data: URL"},
		{"a script", learning.Brand{Logo: ptr("javascript:alert(1)")}, "data: URL"},
		{"without base64", learning.Brand{Logo: ptr("data:image/png,abc")}, "data: URL"},
		{"wrong base64", learning.Brand{Logo: ptr("data:image/png;base64,a*b=")}, "not base64"},
		{"base64 with lines", learning.Brand{Logo: ptr(strings.Replace(*dataURL("image/png", picture), ",", ",\n", 1) + "\n")}, "not base64"},
		{"an SVG", learning.Brand{Logo: dataURL("image/svg+xml", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`))}, "none of them"},
		{"an SVG that says PNG", learning.Brand{Logo: dataURL("image/png", []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`))}, "none of them"},
		{"HTML", learning.Brand{Logo: dataURL("image/png", []byte("<script>alert(1)</script>"))}, "none of them"},
		{"a GIF", learning.Brand{Logo: dataURL("image/gif", moving.Bytes())}, "none of them"},
		{"a PNG that says JPEG", learning.Brand{Logo: dataURL("image/jpeg", picture)}, "says that it is"},
		{"a PNG that says HTML", learning.Brand{Logo: dataURL("text/html", picture)}, "says that it is"},
		{"half a PNG", learning.Brand{Logo: dataURL("image/png", picture[:20])}, "none of them"},
		{"a JPEG of a head alone", learning.Brand{Logo: dataURL("image/jpeg", photo.Bytes()[:4])}, "none of them"},
		{"a WebP of another length", learning.Brand{Logo: dataURL("image/webp", append(webpOf("VP8L", "\x2f\x3f\xc0\x07\x00"), 0))}, "none of them"},
		{"a WebP of another kind", learning.Brand{Logo: dataURL("image/webp", webpOf("ALPH", ""))}, "none of them"},
		{"a WebP without its mark", learning.Brand{Logo: dataURL("image/webp", webpOf("VP8L", "\x2e\x3f\xc0\x07\x00"))}, "none of them"},
		{"a moving WebP frame", learning.Brand{Logo: dataURL("image/webp", webpOf("VP8 ", "\x11\x00\x00\x9d\x01\x2a\x40\x00\x20\x00"))}, "none of them"},
		{"nothing", learning.Brand{Logo: ptr("data:image/png;base64,")}, "none of them"},
		{"too wide", learning.Brand{Logo: dataURL("image/png", pngOf(t, 2049, 1))}, "2048 by 2048"},
		{"too large", learning.Brand{Logo: dataURL("image/png", append(bytes.Clone(picture), make([]byte, 64<<10)...))}, "64 KiB"},
		{"far too large", learning.Brand{Logo: dataURL("image/png", make([]byte, 1<<20))}, "64 KiB"},
	} {
		_, err := c.Brand(sys, tt.in)
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if kind(err) != trellis.Invalid || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func FuzzLogo(f *testing.F) {
	c := newCore(f)
	sys := system(f, "acme")
	f.Add("image/png", pngOf(f, 2, 2))
	f.Add("image/webp", webpOf("VP8X", "\x10\x00\x00\x00\x3f\x00\x00\x1f\x00\x00"))
	f.Add("image/jpeg", []byte("\xff\xd8\xff\xe0\x00\x10JFIF"))
	f.Fuzz(func(t *testing.T, typ string, data []byte) {
		made, err := c.Brand(sys, learning.Brand{Logo: dataURL(typ, data)})
		if err != nil {
			if kind(err) != trellis.Invalid {
				t.Errorf("%v", err)
			}
			return
		}
		got, kept, err := c.Logo(t.Context(), made.Logo)
		if err != nil || !bytes.Equal(kept, data) || got != typ || got != "image/png" && got != "image/jpeg" && got != "image/webp" {
			t.Errorf("%s: %s, %d of %d bytes, %v", typ, got, len(kept), len(data), err)
		}
	})
}
