package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/app"
)

type demoCmd struct {
	Listen string `default:"127.0.0.1:8080" help:"Address to listen at."`
	Data   string `default:".trellis" help:"Directory for everything that is kept."`
}

func (d *demoCmd) Run(e *env) error { return e.stopped(d.demo(e)) }

func (d *demoCmd) demo(e *env) (err error) {
	lean()
	began := time.Now()
	dir, err := filepath.Abs(d.Data)
	if err != nil {
		return err
	}
	release, err := lock(dir)
	if err != nil {
		return err
	}
	defer release()
	cfg, err := demoConfig(dir, e)
	if err != nil {
		return err
	}
	listener, content, err := listen(d.Listen, contentHost(d.Listen)+":0")
	if err != nil {
		return err
	}
	_, err = os.Stat(filepath.Join(dir, "trellis.db"))
	first := errors.Is(err, fs.ErrNotExist)
	cfg.PublicURL, cfg.ContentURL = urlOf(listener, d.Listen), urlOf(content, contentHost(d.Listen)+":0")
	a, err := app.New(e.ctx, cfg)
	if err != nil {
		return errors.Join(err, closeAll(listener, content))
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	file := filepath.Join(dir, "demo.env")
	earlier, _ := os.ReadFile(file) // there is none at the first start
	demo, err := a.SeedDemo(e.ctx, app.ReadDemo(earlier))
	if err != nil {
		return errors.Join(err, closeAll(listener, content))
	}
	at := urlOf(listener, d.Listen)
	if err := writeFile(file, []byte(demo.Env(at))); err != nil {
		return errors.Join(err, closeAll(listener, content))
	}
	took := time.Since(began)
	e.show(map[string]any{"url": at, "content": urlOf(content, contentHost(d.Listen)+":0"), "env": file, "ready_ms": took.Milliseconds()}, func(w io.Writer) {
		d.greet(w, at, file, first, took)
	})
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		e.note("Take care: whoever reaches %s can log in as the operator, for the demo's password is known to everybody.", listener.Addr())
	}
	var examples sync.WaitGroup
	examples.Go(func() { goExamples(e.ctx, e, a) })
	defer examples.Wait()
	return a.Run(e.ctx, listener, content)
}

// demoConfig returns how the platform of a demo works. What modules may be and take is
// said in the environment, as it is to a server.
func demoConfig(dir string, e *env) (app.Config, error) {
	cfg := app.Config{Dir: dir, Tenant: app.DemoTenant, Unsigned: true, Version: programVersion(), Logger: e.log, Quotas: hostapi.Quotas{Reads: 5000, Writes: 2000}}
	m, err := modulesHere()
	if err != nil {
		return cfg, err
	}
	err = m.into(&cfg)
	cfg.Modules.Raise = raiseDemo
	return cfg, err
}

// contentHost is the host of the second origin: the other name of this machine,
// because cookies do not know ports.
func contentHost(listen string) string {
	if host, _, err := net.SplitHostPort(listen); err == nil && strings.EqualFold(host, "localhost") {
		return "127.0.0.1"
	}
	return "localhost"
}

// urlOf is how a listener is reached from this machine, by the host that it was
// asked to listen at.
func urlOf(l net.Listener, asked string) string {
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return "http://" + l.Addr().String()
	}
	host, _, err := net.SplitHostPort(asked)
	if ip := net.ParseIP(host); err != nil || host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

func (d *demoCmd) greet(w io.Writer, url, file string, first bool, took time.Duration) {
	if dir, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(dir, file); err == nil && filepath.IsLocal(rel) {
			file = rel
		}
	}
	state := "Everything is as you left it."
	if first {
		state = "A school with its courses and people was made."
	}
	fmt.Fprintf(w, `Open %[1]s in a browser. (Ready in %.1[2]f s. %[3]s)

  Sign in (the password of each is %[9]s):
    learner    your courses. Join "%[8]s",
               and read on its card why nobody gets in
    staff      the team of "Welcome to Trellis": drop an extension on its page
    operator   the console: extensions, imports, events, who did what

Or without a browser, in another terminal:

  # who you are: the operator
  set -a; . %[4]s; set +a
  # what is installed, and what it may do
  %[5]s ext list
  # let through
  %[5]s enroll learner $TRELLIS_COURSE
  # refused, with the policy's reason
  %[5]s enroll learner %[6]s
  # what happens, as it happens
  %[5]s events -follow
  # your own
  %[5]s ext new -lang go acme.first first

API: %[1]s/api/openapi.json   metrics: %[1]s/metrics
Stop with Ctrl-C; everything is kept in %[7]s.
`, url, took.Seconds(), state, file, typed(), app.ClosedDemo, d.Data, app.ClosedDemoTitle, app.DemoPassword)
}

// typed is how whoever started this program can start it again.
func typed() string {
	self, err := os.Executable()
	if err == nil && goRun(self) {
		return "go run ./cmd/trellis"
	}
	return os.Args[0]
}

// cached is how Go's build cache names the directory of a program that it keeps.
var cached = regexp.MustCompile(`^[0-9a-f]{64}-d$`)

// goRun says whether a program is one that go run has built: in a temporary
// directory at first, then in Go's build cache.
func goRun(self string) bool {
	dir := filepath.Dir(self)
	return cached.MatchString(filepath.Base(dir)) || slices.ContainsFunc(strings.Split(filepath.ToSlash(dir), "/"), func(part string) bool { return strings.HasPrefix(part, "go-build") })
}
