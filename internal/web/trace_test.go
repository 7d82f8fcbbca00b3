package web_test

import (
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/web"
)

func TestTrace(t *testing.T) {
	s := newServer(t, config(), web.Route{Method: "GET", Path: "/", Public: true, Handle: func(c *fiber.Ctx) error {
		return web.JSON(c, 200, trellis.TraceFrom(web.Context(c)).ID)
	}})
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	res, raw := call(t, s, "GET", "/", "", "traceparent", "00-"+id+"-00f067aa0ba902b7-01")
	answer := res.Header.Get("traceparent")
	if raw != `"`+id+`"` || res.Header.Get("Trace-Id") != id || !strings.HasPrefix(answer, "00-"+id+"-") || !strings.HasSuffix(answer, "-01") || strings.Contains(answer, "00f067aa0ba902b7") {
		t.Errorf("%s %v", raw, res.Header)
	}
	first, other := "", ""
	for _, to := range []*string{&first, &other} {
		res, raw := call(t, s, "GET", "/", "", "traceparent", "00-nonsense")
		if *to = res.Header.Get("Trace-Id"); len(*to) != 32 || raw != `"`+*to+`"` {
			t.Errorf("%s %v", raw, res.Header)
		}
	}
	if first == other {
		t.Error("two requests have one trace")
	}
}
