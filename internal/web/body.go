package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/trellis-learning/trellis"
)

// body counts what is read of a request's body.
type body struct {
	rc      *fasthttp.RequestCtx
	ctx     context.Context
	r       io.Reader
	read    int64
	limit   int64
	timeout time.Duration // of each part
	waited  time.Duration // for what was read
	err     error         // that it ended with; io.EOF if all of it was read
}

// slowest is how many bytes a second a body comes with on average, at least. Who
// sends a byte now and then would else hold a connection for as long as the limit
// of a large upload allows.
const slowest = 1 << 10

// patience is how much longer than that is waited for a body in all, in timeouts
// of a part.
const patience = 10

// Body returns the body of a request. Beyond the limit of its route, whatever
// the request says of its length, it ends in an error that is answered with 413;
// if its next part does not come in time, or all of it comes more slowly than a
// kibibyte a second, in one that is answered with 408; and if it is cut off, in one
// of kind [trellis.Invalid]. Fiber's own c.Body has no limit and is not to be used.
func Body(c *fiber.Ctx) io.Reader {
	st := stateOf(c)
	if st.body == nil {
		b := &body{rc: c.Context(), ctx: st.ctx, r: c.Context().RequestBodyStream(), limit: st.limit, timeout: st.of.cfg.ReadTimeout}
		if b.r == nil {
			b.r = bytes.NewReader(nil) // no body at all
		}
		st.body = b
	}
	return st.body
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil { // to read on would be to read the next request
		return 0, b.err
	}
	if err := b.ctx.Err(); err != nil {
		b.err = err
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if left := b.limit - b.read; int64(len(p)) > left+1 {
		p = p[:left+1]
	}
	began := time.Now()
	deadline := began.Add(min(b.timeout, patience*b.timeout+time.Duration(b.read)*(time.Second/slowest)-b.waited))
	if end, ok := b.ctx.Deadline(); ok && end.Before(deadline) {
		deadline = end
	}
	if err := b.rc.Conn().SetReadDeadline(deadline); err != nil {
		b.err = errCutOff()
		return 0, b.err
	}
	n, err := b.r.Read(p)
	b.waited += time.Since(began)
	if b.read += int64(n); b.read > b.limit {
		b.err = tooLarge(b.limit)
		return n - 1, b.err
	}
	if err != nil {
		b.err = b.end(err)
	}
	return n, b.err
}

// end says what it means that the stream has ended with err: fasthttp ends a
// body that was cut off like a whole one.
func (b *body) end(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return errSlow()
	}
	if err != io.EOF {
		return errCutOff()
	}
	if n := b.rc.Request.Header.ContentLength(); n >= 0 && b.read < int64(n) {
		return errCutOff()
	}
	if mine, ok := b.rc.Conn().(*conn); ok && b.rc.Request.Header.ContentLength() == -1 && mine.ended.Load() {
		return errCutOff() // before the piece that says that it is the last
	}
	b.r = nil
	b.rc.Request.ResetBody() // so that nobody reads on
	return io.EOF
}

// prefetched is how much of a body of known length fasthttp has read before the
// request is routed.
const prefetched = 8 << 10

// consumed reports whether nothing of a request is left to read on its connection.
func consumed(rc *fasthttp.RequestCtx, st *state) bool {
	n := rc.Request.Header.ContentLength()
	return n != -1 && n <= prefetched || st != nil && st.body != nil && st.body.err == io.EOF
}

// ReadBody returns the whole body, with the errors of [Body].
func ReadBody(c *fiber.Ctx) ([]byte, error) { return io.ReadAll(Body(c)) }

// ReadJSON returns the whole body, which is JSON and says so, or empty. Pages of
// other sites can send anything but that type without asking first.
func ReadJSON(c *fiber.Ctx) ([]byte, error) {
	raw, err := ReadBody(c)
	if err != nil || len(raw) == 0 {
		return raw, err
	}
	said := c.Request().Header.PeekAll(fiber.HeaderContentType)
	if len(said) == 1 {
		if typ, _, err := mime.ParseMediaType(string(said[0])); err == nil && typ == fiber.MIMEApplicationJSON {
			return raw, nil
		}
	}
	return nil, errType("the body is to be JSON: send it with the header Content-Type: application/json")
}

// DecodeBody decodes the body, as [ReadJSON] and [trellis.DecodeStrict] do.
func DecodeBody(c *fiber.Ctx, v any) error {
	raw, err := ReadJSON(c)
	if err != nil {
		return err
	}
	return trellis.DecodeStrict(raw, v)
}

// wellFramed refuses requests of which two readers may think that they end at
// different places (RFC 9112, section 6.3): fasthttp takes the last of several
// lengths, and a proxy before it perhaps the first.
func wellFramed(head []byte) error {
	lengths, codings := 0, 0
	for line := range bytes.Lines(head) {
		if line[0] == ' ' || line[0] == '\t' {
			return errFraming("a header goes on in the next line")
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			lengths++
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			if codings++; !strings.EqualFold(string(bytes.TrimSpace(value)), "chunked") {
				return errFraming("the one Transfer-Encoding here is chunked")
			}
		}
	}
	if lengths+codings > 1 {
		return errFraming("the length of the body is said twice")
	}
	return nil
}
