package web_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis/internal/testkit/pipe"
	"github.com/trellis-learning/trellis/internal/web"
)

// live is a stream that says "hello" and goes on until its context ends.
func live(ended chan<- error) web.Route {
	return web.Route{Method: "GET", Path: "/live", Public: true, Stream: true, Handle: func(c *fiber.Ctx) error {
		return web.Stream(c, "text/event-stream", func(ctx context.Context, w *bufio.Writer) error {
			_, _ = w.WriteString("data: hello\n\n")
			if err := w.Flush(); err != nil {
				ended <- err
				return err
			}
			<-ctx.Done()
			ended <- ctx.Err()
			return nil
		})
	}}
}

func follow(t *testing.T, l *pipe.Listener, path string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, r := connect(t, l)
	send(t, c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "data: hello") {
			return c, r
		}
	}
}

func wait[T any](t *testing.T, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(patience):
		t.Fatal("nothing happened")
	}
	return v
}

func TestStreamSeesTheClientGo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ended := make(chan error, 1)
		cfg := config()
		cfg.Timeout, cfg.ReadTimeout = 50*time.Millisecond, 50*time.Millisecond // neither is a stream's
		l, _ := begin(t, newServer(t, cfg, live(ended)))
		c, _ := follow(t, l, "/live")
		time.Sleep(time.Hour)
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("it ended by itself: %v", err)
		default:
		}
		_ = c.Close()
		synctest.Wait()
		if err := wait(t, ended); !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
	})
}

func TestStreamSeesTheServerStop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ended := make(chan error, 1)
		l, stop := begin(t, newServer(t, config(), live(ended)))
		_, r := follow(t, l, "/live")
		began := time.Now()
		stopped := make(chan error, 1)
		go func() { stopped <- stop() }()
		if rest, err := io.ReadAll(r); err != nil || !strings.HasSuffix(string(rest), "0\r\n\r\n") {
			t.Errorf("the client sees %q, %v", rest, err)
		}
		if err := <-stopped; err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("stopping took %v", took)
		}
		if err := wait(t, ended); !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
	})
}

// TestStreamSeesASlowClient: one who does not read holds the stream no longer
// than a write may take.
func TestStreamSeesASlowClient(t *testing.T) {
	cfg := config()
	cfg.WriteTimeout = 100 * time.Millisecond
	failed := make(chan error, 1)
	addr, _ := start(t, newServer(t, cfg, web.Route{Method: "GET", Path: "/flood", Public: true, Stream: true, Handle: func(c *fiber.Ctx) error {
		return web.Stream(c, "text/plain", func(ctx context.Context, w *bufio.Writer) error {
			line := strings.Repeat("x", 64<<10)
			for {
				if _, err := w.WriteString(line); err != nil {
					failed <- err
					return err
				}
				if ctx.Err() != nil {
					failed <- ctx.Err()
					return ctx.Err()
				}
			}
		})
	}}))
	c, _ := dial(t, addr)
	send(t, c, "GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
	if err := wait(t, failed); err == nil {
		t.Error("no error")
	}
}

// TestStreamsThatFail end so that the client sees that they are not whole.
func TestStreamsThatFail(t *testing.T) {
	var log logs
	cfg := config()
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	begin := func(w *bufio.Writer) error {
		_, _ = w.WriteString("data: hello\n\n")
		return w.Flush()
	}
	addr, _ := start(t, newServer(t, cfg,
		web.Route{Method: "GET", Path: "/error", Public: true, Stream: true, Handle: func(c *fiber.Ctx) error {
			return web.Stream(c, "text/plain", func(_ context.Context, w *bufio.Writer) error {
				return errors.Join(begin(w), errors.New("no more"))
			})
		}},
		web.Route{Method: "GET", Path: "/panic", Public: true, Stream: true, Handle: func(c *fiber.Ctx) error {
			return web.Stream(c, "text/plain", func(_ context.Context, w *bufio.Writer) error {
				_ = begin(w)
				panic("no more")
			})
		}},
		web.Route{Method: "GET", Path: "/whole", Public: true, Stream: true, Handle: func(c *fiber.Ctx) error {
			return web.Stream(c, "text/plain", func(_ context.Context, w *bufio.Writer) error { return begin(w) })
		}},
	))
	for path, whole := range map[string]bool{"/error": false, "/panic": false, "/whole": true} {
		c, r := dial(t, addr)
		send(t, c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
		all, _ := io.ReadAll(r) // that the connection is reset is as good an end
		if got := strings.HasSuffix(string(all), "0\r\n\r\n"); got != whole {
			t.Errorf("%s: %q", path, all)
		}
	}
	if !strings.Contains(log.String(), "stream panicked") {
		t.Errorf("the panic is not in the log:\n%s", log.String())
	}
}
