package web_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/web"
)

// sized are routes that take a mebibyte, and nothing, and say how much came.
func sized() []web.Route {
	size := func(c *fiber.Ctx) error {
		n, err := io.Copy(io.Discard, web.Body(c))
		if err != nil {
			return fmt.Errorf("read the upload: %w", err)
		}
		return web.JSON(c, 200, n)
	}
	return []web.Route{
		{Method: "POST", Path: "/mebibyte", Public: true, Limit: 1 << 20, Handle: size},
		{Method: "PUT", Path: "/mebibyte", Public: true, Limit: 1 << 20, Stream: true, Handle: size},
		{Method: "POST", Path: "/none", Public: true, Handle: size},
		{Method: "GET", Path: "/none", Public: true, Handle: size},
		{Method: "POST", Path: "/unread", Public: true, Limit: 1 << 20, Handle: func(c *fiber.Ctx) error { return web.JSON(c, 200, "unread") }},
		{Method: "POST", Path: "/secret", Limit: 1 << 20, Handle: size},
	}
}

// unsized hides the length of a reader, so that it is sent in pieces.
type unsized struct{ io.Reader }

func TestBodyLimit(t *testing.T) {
	addr, _ := start(t, newServer(t, config(), sized()...))
	for _, tt := range []struct {
		name, method, path string
		size               int
		status             int
	}{
		{"nothing", "POST", "/mebibyte", 0, 200},
		{"a little", "POST", "/mebibyte", 100, 200},
		{"more than is read ahead", "POST", "/mebibyte", 100_000, 200},
		{"the limit", "POST", "/mebibyte", 1 << 20, 200},
		{"one more", "POST", "/mebibyte", 1<<20 + 1, 413},
		{"five times as much", "POST", "/mebibyte", 5 << 20, 413},
		{"the limit of a stream", "PUT", "/mebibyte", 1 << 20, 200},
		{"too much of a stream", "PUT", "/mebibyte", 5 << 20, 413},
		{"nothing where none is taken", "POST", "/none", 0, 200},
		{"something where none is taken", "POST", "/none", 1, 413},
		{"with GET", "GET", "/none", 1, 413},
		{"much with GET", "GET", "/none", 100_000, 413},
		{"before one has said who one is", "POST", "/secret", 5 << 20, 401},
		{"no such route", "POST", "/nowhere", 5 << 20, 404},
	} {
		for _, pieces := range []bool{false, true} {
			t.Run(fmt.Sprint(tt.name, pieces), func(t *testing.T) {
				var body io.Reader = bytes.NewReader(make([]byte, tt.size))
				if pieces {
					body = unsized{body}
				}
				req, err := http.NewRequest(tt.method, "http://"+addr+tt.path, body)
				if err != nil {
					t.Fatal(err)
				}
				res, err := http.DefaultTransport.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				raw, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err != nil || res.StatusCode != tt.status {
					t.Fatalf("%d %s, %v; want %d", res.StatusCode, raw, err, tt.status)
				}
				if tt.status == 200 && string(raw) != fmt.Sprint(tt.size) {
					t.Errorf("%s bytes came", raw)
				}
				if tt.status == 413 && problemOf(t, string(raw)).Kind != trellis.Exhausted {
					t.Errorf("%s", raw)
				}
			})
		}
	}
}

// TestNoRequestWithinABody: what a handler leaves of a body is not taken for the
// next request. Whoever shares a connection with others (behind a proxy) could
// otherwise put words in their mouths.
func TestNoRequestWithinABody(t *testing.T) {
	var secret atomic.Int64
	routes := append(sized(), web.Route{Method: "GET", Path: "/smuggled", Public: true, Handle: func(c *fiber.Ctx) error {
		secret.Add(1)
		return web.JSON(c, 200, "smuggled")
	}})
	addr, _ := start(t, newServer(t, config(), routes...))
	const inner = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	padded := strings.Repeat("x", 8<<10) + inner
	for _, tt := range []struct{ name, head, body string }{
		{"unread", "POST /unread", padded},
		{"no such route", "POST /nowhere", padded},
		{"no such method", "BREW /unread", padded},
		{"another method", "PATCH /unread", padded},
		{"nobody", "POST /secret", padded},
		{"a GET", "GET /none", padded},
		{"a GET of no route", "GET /nowhere", padded},
		{"a HEAD", "HEAD /none", padded},
		{"too large", "POST /none", padded},
	} {
		for _, framing := range []string{
			fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(tt.body), tt.body),
			fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(tt.body), tt.body),
			"Transfer-Encoding: chunked\r\n\r\n" + inner, // no chunk at all
		} {
			t.Run(tt.name, func(t *testing.T) {
				c, r := dial(t, addr)
				send(t, c, tt.head+" HTTP/1.1\r\nHost: x\r\n"+framing)
				all, err := io.ReadAll(r)
				if err != nil || strings.Count(string(all), "HTTP/1.1") != 1 {
					t.Errorf("%v: %s", err, all)
				}
			})
		}
	}
	for _, tt := range []struct{ name, framing string }{
		{"two lengths", "Content-Length: 0\r\nContent-Length: " + fmt.Sprint(len(inner))},
		{"two lengths, the other way", "Content-Length: " + fmt.Sprint(len(inner)) + "\r\nContent-Length: 0"},
		{"a length and pieces", "Content-Length: 5\r\nTransfer-Encoding: chunked"},
		{"another coding", "Transfer-Encoding: gzip, chunked"},
		{"no coding", "Transfer-Encoding: identity\r\nContent-Length: 5"},
		{"a folded line", "X-A: b\r\n Content-Length: 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, r := dial(t, addr)
			send(t, c, "POST /unread HTTP/1.1\r\nHost: x\r\n"+tt.framing+"\r\n\r\n0\r\n\r\n"+inner)
			all, err := io.ReadAll(r)
			if err != nil || strings.Count(string(all), "HTTP/1.1") != 1 || !strings.HasPrefix(string(all), "HTTP/1.1 400") {
				t.Errorf("%v: %s", err, all)
			}
		})
	}
	if n := secret.Load(); n != 0 {
		t.Errorf("%d requests were smuggled", n)
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	addr, _ := start(t, newServer(t, config(), sized()...))
	c, r := dial(t, addr)
	for range 3 {
		send(t, c, "POST /mebibyte HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
		if res, raw := response(t, r); raw != "3" || res.Close {
			t.Fatalf("in pieces: %s, close %v", raw, res.Close)
		}
		send(t, c, "POST /mebibyte HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n"+strings.Repeat("x", 9000))
		if res, raw := response(t, r); raw != "9000" || res.Close {
			t.Fatalf("with a length: %s, close %v", raw, res.Close)
		}
		send(t, c, "POST /secret HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
		if res, _ := response(t, r); res.StatusCode != 401 || res.Close {
			t.Fatalf("a short body that is not read: %d, close %v", res.StatusCode, res.Close)
		}
	}
	// Two at once: reading the first to its end does not touch the second.
	send(t, c, strings.Repeat("POST /mebibyte HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 2))
	for range 2 {
		if _, raw := response(t, r); raw != "3" {
			t.Errorf("pipelined: %s", raw)
		}
	}
}

func TestBodiesThatEndTooEarly(t *testing.T) {
	addr, _ := start(t, newServer(t, config(), sized()...))
	for _, tt := range []struct{ name, text string }{
		{"with a length", "Content-Length: 20000\r\n\r\n" + strings.Repeat("x", 10000)},
		{"in a piece", "Transfer-Encoding: chunked\r\n\r\n5\r\nabc"},
		{"between two pieces", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"},
		{"before the first piece", "Transfer-Encoding: chunked\r\n\r\n"},
		{"no piece", "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, r := dial(t, addr)
			send(t, c, "POST /mebibyte HTTP/1.1\r\nHost: x\r\n"+tt.text)
			if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			res, raw := response(t, r)
			if res.StatusCode != 400 || problemOf(t, raw).Kind != trellis.Invalid {
				t.Errorf("%d %s", res.StatusCode, raw)
			}
		})
	}
}

// TestSlowBodies: what does not come is waited for as long as a part may take, and
// no longer; however long all parts take together.
func TestSlowBodies(t *testing.T) {
	cfg := config()
	cfg.ReadTimeout = 10 * time.Second
	for _, tt := range []struct{ name, text string }{
		{"the head", "POST /mebibyte HTTP/1.1\r\nHost: x\r\n"},
		{"what is read ahead", "POST /mebibyte HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"},
		{"the rest", "POST /mebibyte HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n" + strings.Repeat("x", 10000)},
		{"a piece", "POST /mebibyte HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l, _ := begin(t, newServer(t, cfg, sized()...))
				c, r := connect(t, l)
				began := time.Now()
				send(t, c, tt.text)
				if res, raw := response(t, r); res.StatusCode != 408 || problemOf(t, raw).Status != 408 {
					t.Errorf("%d %s", res.StatusCode, raw)
				}
				if took := time.Since(began); took != cfg.ReadTimeout {
					t.Errorf("answered after %v, want %v", took, cfg.ReadTimeout)
				}
			})
		})
	}
	t.Run("slow, but it comes", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			l, _ := begin(t, newServer(t, cfg, sized()...))
			c, r := connect(t, l)
			send(t, c, "PUT /mebibyte HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
			for range 8 { // longer in all than the time of one part
				time.Sleep(cfg.ReadTimeout - time.Second)
				send(t, c, "3\r\nabc\r\n")
			}
			send(t, c, "0\r\n\r\n")
			if res, raw := response(t, r); res.StatusCode != 200 || raw != "24" {
				t.Errorf("%d %s", res.StatusCode, raw)
			}
		})
	})
}

// TestDrippingFiles: a form with a file is given as long as any other request, unless its
// route is a stream, though each of its bytes comes in time.
func TestDrippingFiles(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := config()
		cfg.Timeout, cfg.ReadTimeout = 30*time.Second, 10*time.Second
		ended := make(chan error, 1)
		l, _ := begin(t, newServer(t, cfg, web.Route{Method: "POST", Path: "/file", Page: true, File: true, Limit: 1 << 20, Handle: func(c *fiber.Ctx) error {
			_, err := io.Copy(io.Discard, web.FormOf(c).File)
			ended <- err
			return err
		}}))
		c, _ := connect(t, l)
		began := time.Now()
		const head = "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n"
		send(t, c, fmt.Sprintf("POST /file HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer demo-learner\r\nContent-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(head), head))
		for range 100 {
			select {
			case err := <-ended:
				if took := time.Since(began); !web.TooSlow(err) || took < 29*time.Second || took > 31*time.Second {
					t.Errorf("%v after %v", err, took)
				}
				return
			case <-time.After(time.Second):
			}
			_ = c.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = io.WriteString(c, "1\r\na\r\n")
		}
		t.Fatal("it goes on for ever")
	})
}

// TestDrippingBodies: whoever sends a byte now and then, each in time, does not go
// on for ever.
func TestDrippingBodies(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := config()
		cfg.ReadTimeout = 10 * time.Second
		l, _ := begin(t, newServer(t, cfg, sized()...))
		c, r := connect(t, l)
		began := time.Now()
		send(t, c, "PUT /mebibyte HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
		answered := make(chan int, 1)
		go func() {
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				answered <- 0
				return
			}
			_ = res.Body.Close()
			answered <- res.StatusCode
		}()
		for n := 0; ; n++ {
			select {
			case status := <-answered:
				if took := time.Since(began); status != 408 || took < 5*cfg.ReadTimeout || took > 15*cfg.ReadTimeout {
					t.Errorf("status %d after %d bytes and %v", status, n, took)
				}
				return
			case <-time.After(time.Second):
			}
			if n == 1000 {
				t.Fatal("it goes on for ever")
			}
			_ = c.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = io.WriteString(c, "1\r\na\r\n") // if nobody reads it, the answer is on its way
		}
	})
}

// TestFormsAreNotParsedBeforehand: fasthttp takes in a whole form, and writes its
// files to the disk, before the request is routed, unless it is told not to.
func TestFormsAreNotParsedBeforehand(t *testing.T) {
	addr, _ := start(t, newServer(t, config(), sized()...))
	c, r := dial(t, addr)
	send(t, c, "POST /secret HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 50000000\r\n\r\n"+
		"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n"+strings.Repeat("x", 16<<10))
	if res, _ := response(t, r); res.StatusCode != 401 { // though the form has hardly begun
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestDecodeBody(t *testing.T) {
	s := newServer(t, config(), web.Route{Method: "POST", Path: "/", Public: true, Limit: 100, Handle: func(c *fiber.Ctx) error {
		var in struct {
			X int `json:"x"`
		}
		if err := web.DecodeBody(c, &in); err != nil {
			return err
		}
		return web.JSON(c, 200, in.X)
	}})
	for body, want := range map[string]int{`{"x":1}`: 200, `{"y":1}`: 400, ``: 400, `{"x":1} {}`: 400, `{"x":"` + strings.Repeat("x", 100) + `"}`: 413} {
		if res, raw := call(t, s, "POST", "/", body, "Content-Type", "application/json"); res.StatusCode != want {
			t.Errorf("%s: %d %s, want %d", body, res.StatusCode, raw, want)
		}
	}
	for typ, want := range map[string]int{
		"application/json; charset=utf-8": 200, "Application/JSON": 200,
		"": 415, "text/plain": 415, "text/plain; application/json": 415, "application/x-www-form-urlencoded": 415, "multipart/form-data; boundary=x": 415,
		"application/json,text/plain": 415, "text/plain, application/json": 415, "application/jsonp": 415, "text/json": 415, "*/*": 415,
	} {
		headers := []string{"Content-Type", typ}
		if typ == "" {
			headers = nil
		}
		res, raw := call(t, s, "POST", "/", `{"x":1}`, headers...)
		if res.StatusCode != want || want == 415 && !strings.Contains(problemOf(t, raw).Detail, "Content-Type: application/json") {
			t.Errorf("%q: %d %s, want %d", typ, res.StatusCode, raw, want)
		}
	}
}

// TestSlowHeads: a head that comes byte by byte holds its connection no longer than
// one that does not come at all.
func TestSlowHeads(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := config()
		cfg.ReadTimeout = 10 * time.Second
		l, _ := begin(t, newServer(t, cfg, web.Route{Method: "GET", Path: "/a/:b", Public: true, Handle: whoami}))
		c, r := connect(t, l)
		began := time.Now()
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			_, _ = io.Copy(io.Discard, r) // an answer or none: until the connection ends
		}()
		for n := 0; ; n++ {
			select {
			case <-gone:
				if took := time.Since(began); took > cfg.ReadTimeout+time.Second {
					t.Errorf("the connection was held for %v, and a head may take %v", took, cfg.ReadTimeout)
				}
				return
			case <-time.After(time.Second / 2):
			}
			if n == 500 {
				t.Fatalf("the connection is still open after %v", time.Since(began))
			}
			_, _ = c.Write([]byte("GET /a/b HTTP/1.1\r\nX-" + strings.Repeat("x", 500))[n : n+1]) // it may be closed by now
		}
	})
}
