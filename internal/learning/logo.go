package learning

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// Limits of a logo.
const (
	maxLogo     = 64 << 10 // bytes
	maxLogoSide = 2048     // pixels
)

// logo is a picture that was looked at.
type logo struct {
	digest, typ string
	data        []byte
}

// readLogo reads a logo from a data: URL. What it is, its bytes say; the URL has to
// say the same.
func readLogo(url string) (logo, error) {
	rest, ok := strings.CutPrefix(url, "data:")
	typ, encoded, found := strings.Cut(rest, ";base64,")
	if !ok || !found {
		return logo{}, trellis.Errorf(trellis.Invalid, "a logo is a data: URL: data:image/png;base64,…")
	}
	if base64.StdEncoding.DecodedLen(len(encoded)) > maxLogo+2 {
		return logo{}, errLargeLogo()
	}
	data, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") { // which decoding passes over
		return logo{}, trellis.Errorf(trellis.Invalid, "the logo is not base64")
	}
	if len(data) > maxLogo {
		return logo{}, errLargeLogo()
	}
	is, size, ok := pictureOf(data)
	switch {
	case !ok:
		return logo{}, trellis.Errorf(trellis.Invalid, "a logo is a PNG, a JPEG or a WebP, and this is none of them")
	case is != typ:
		return logo{}, trellis.Errorf(trellis.Invalid, "the logo says that it is %.40q, and is %s", typ, is)
	case size.X < 1 || size.Y < 1 || size.X > maxLogoSide || size.Y > maxLogoSide:
		return logo{}, trellis.Errorf(trellis.Invalid, "a logo has at most %d by %d pixels, and this has %d by %d", maxLogoSide, maxLogoSide, size.X, size.Y)
	}
	return logo{hashKey(string(data)), is, data}, nil
}

func errLargeLogo() error {
	return trellis.Errorf(trellis.Invalid, "the logo has more than %d KiB", maxLogo>>10)
}

// pictureOf says what picture bytes are, and how large.
func pictureOf(data []byte) (typ string, size image.Point, ok bool) {
	var cfg image.Config
	var err error
	switch {
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		typ = "image/png"
		cfg, err = png.DecodeConfig(bytes.NewReader(data))
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		typ = "image/jpeg"
		cfg, err = jpeg.DecodeConfig(bytes.NewReader(data))
	default:
		size, ok := webpSize(data)
		return "image/webp", size, ok
	}
	return typ, image.Pt(cfg.Width, cfg.Height), err == nil
}

// webpSize reads the size of a WebP from the first piece of its RIFF container, in
// each of its three forms.
func webpSize(data []byte) (size image.Point, ok bool) {
	if len(data) < 30 || string(data[:4]) != "RIFF" || string(data[8:12]) != "WEBP" || uint64(binary.LittleEndian.Uint32(data[4:])) != uint64(len(data)-8) {
		return size, false
	}
	body := data[20:]
	switch string(data[12:16]) {
	case "VP8 ": // after three bytes and the start code, 14 bits each
		if body[0]&1 != 0 || string(body[3:6]) != "\x9d\x01\x2a" {
			return size, false
		}
		return image.Pt(int(binary.LittleEndian.Uint16(body[6:])&0x3fff), int(binary.LittleEndian.Uint16(body[8:])&0x3fff)), true
	case "VP8L": // after its mark, 14 bits each, less one
		bits := binary.LittleEndian.Uint32(body[1:])
		return image.Pt(int(bits&0x3fff)+1, int(bits>>14&0x3fff)+1), body[0] == 0x2f
	case "VP8X": // after the flags, 24 bits each, less one
		side := func(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 + 1 }
		return image.Pt(side(body[4:]), side(body[7:])), true
	}
	return size, false
}

// put keeps the logo as the tenant's only one.
func (g logo) put(ctx context.Context, tx *store.Tx, tenant string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM logos WHERE tenant = ?`, tenant); err != nil || g.digest == "" {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO logos (tenant, digest, type, data) VALUES (?, ?, ?, ?)`, tenant, g.digest, g.typ, base64.StdEncoding.EncodeToString(g.data))
	return err
}

// Logo returns the type and the bytes of a logo that some tenant has now, by its
// digest. Whoever knows the digest may see it, as whoever sees the tenant's page of
// signing in does.
func (l *Learning) Logo(ctx context.Context, digest string) (contentType string, data []byte, err error) {
	var encoded string
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT type, data FROM logos WHERE digest = ? LIMIT 1`, digest).Scan(&contentType, &encoded)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil, trellis.Errorf(trellis.NotFound, "there is no such logo")
	}
	if err != nil {
		return "", nil, err
	}
	data, err = base64.StdEncoding.DecodeString(encoded)
	return contentType, data, err
}
