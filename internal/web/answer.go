package web

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
)

// JSON answers with a value.
func JSON(c *fiber.Ctx, status int, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	return Raw(c, status, raw)
}

// Raw answers with JSON that is made already.
func Raw(c *fiber.Ctx, status int, raw []byte) error {
	c.Status(status)
	c.Set(fiber.HeaderContentType, "application/json")
	return c.Send(raw)
}

// Stream answers with what write writes, for a [Route] that is a stream. Write
// runs after the handler has returned, so it must not use c. It flushes what is
// to go out now, and returns when the context, which is that of [Context], ends
// or a write fails. After it has returned, the context ends. An error cuts the
// answer off, so that the client sees that it is not whole; a panic too, and it
// is logged.
func Stream(c *fiber.Ctx, contentType string, write func(context.Context, *bufio.Writer) error) error {
	st, conn := stateOf(c), c.Context().Conn()
	c.Set(fiber.HeaderContentType, contentType)
	c.Set("X-Accel-Buffering", "no")
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer st.cancel()
		defer func() {
			if p := recover(); p != nil {
				st.of.log.Error("stream panicked", "route", st.route, "trace", st.trace.id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				_ = conn.Close() // else what follows is an end as it should be
			}
		}()
		if err := write(st.ctx, w); err != nil {
			st.of.log.Debug("stream cut off", "route", st.route, "trace", st.trace.id, "err", err)
			_ = conn.Close()
		}
	})
	return nil
}

// Param returns a copy of a parameter of the path, unescaped; a plus stays a
// plus, as course keys have it. The error's kind is [trellis.Invalid].
func Param(c *fiber.Ctx, name string) (string, error) {
	v, err := url.PathUnescape(strings.Clone(c.Params(name)))
	if err != nil || !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
		return "", trellis.Errorf(trellis.Invalid, "%s in the path is not escaped rightly", name)
	}
	return v, nil
}

// Query returns a copy of the parameters after the question mark. A plus stays a
// plus, as in the path. The error's kind is [trellis.Invalid].
func Query(c *fiber.Ctx) (url.Values, error) {
	v, err := url.ParseQuery(strings.ReplaceAll(string(c.Request().URI().QueryString()), "+", "%2B"))
	if err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "the query is not escaped rightly")
	}
	for name, values := range v {
		for _, text := range append(values[:len(values):len(values)], name) {
			if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
				return nil, trellis.Errorf(trellis.Invalid, "the query is not text")
			}
		}
	}
	return v, nil
}
