package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
)

// body counts what is read of a request's body.
type body struct {
	r     io.Reader
	left  int64
	limit int64
	err   error // that has come: fasthttp would wait for more after the end
	c     *fiber.Ctx
}

// Read implements [io.Reader]. More than the route's limit is an error, whatever
// the request said of its length.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		b.c.Response().Header.SetConnectionClose() // what it still sends is not read
		err = tooLarge(b.limit)
	}
	b.err = err
	return n, err
}

// Body returns the body of a request, which ends in an error beyond the limit of
// its route.
func Body(c *fiber.Ctx) io.Reader {
	st := stateOf(c)
	if st.body == nil {
		r := c.Context().RequestBodyStream()
		if r == nil {
			r = bytes.NewReader(c.Request().Body())
		}
		st.body = &body{r: r, left: st.limit, limit: st.limit, c: c}
	}
	return st.body
}

// ReadBody returns the whole body.
func ReadBody(c *fiber.Ctx) ([]byte, error) {
	raw, err := io.ReadAll(Body(c))
	if err != nil && !errors.Is(err, errTooLarge) {
		return nil, trellis.Errorf(trellis.Invalid, "the body ends too early")
	}
	return raw, err
}

// DecodeBody decodes the body strictly.
func DecodeBody(c *fiber.Ctx, v any) error {
	raw, err := ReadBody(c)
	if err != nil {
		return err
	}
	return trellis.DecodeStrict(raw, v)
}

// JSON answers with a value.
func JSON(c *fiber.Ctx, status int, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return Raw(c, status, raw)
}

// Raw answers with JSON that is made already.
func Raw(c *fiber.Ctx, status int, raw []byte) error {
	c.Status(status)
	c.Set(fiber.HeaderContentType, "application/json")
	return c.Send(raw)
}

// Param returns a parameter of the path, unescaped; a plus stays a plus, as course
// keys have it.
func Param(c *fiber.Ctx, name string) (string, error) {
	v, err := url.PathUnescape(strings.Clone(c.Params(name)))
	if err != nil {
		return "", trellis.Errorf(trellis.Invalid, "%s in the path is not escaped rightly", name)
	}
	return v, nil
}

// Query returns the parameters after the question mark. A plus stays a plus, as
// in the path.
func Query(c *fiber.Ctx) (url.Values, error) {
	v, err := url.ParseQuery(strings.ReplaceAll(string(c.Request().URI().QueryString()), "+", "%2B"))
	if err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "the query is not escaped rightly")
	}
	return v, nil
}
