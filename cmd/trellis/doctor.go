package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/secret"
	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

type doctorCmd struct {
	remote
	configFlag
}

// finding is something that the doctor looked at.
type finding struct {
	What  string `json:"what"`
	State string `json:"state"` // ok, absent, wrong
	Note  string `json:"note,omitempty"`
}

// doctor gathers findings.
type doctor struct{ findings []finding }

func (d *doctor) add(what, state, note string) {
	d.findings = append(d.findings, finding{what, state, note})
}

// judge is ok with a note, or wrong with an error.
func (d *doctor) judge(what, note string, err error) {
	if err != nil {
		d.add(what, "wrong", err.Error())
		return
	}
	d.add(what, "ok", note)
}

func (c *doctorCmd) Run(e *env) error {
	d := &doctor{}
	d.machine(e.ctx)
	elsewhere := ""
	if c.Config != "" || os.Getenv("TRELLIS_DIR") != "" {
		d.server(c.configFlag)
		if cfg, err := c.read(); err == nil && !cfg.reachedAt(c.URL) {
			elsewhere = ", which is not the configured one: that listens at " + cfg.Listen + "; -url looks at that one"
		}
	}
	d.running(e.ctx, c.remote, elsewhere)
	wrong := 0
	for _, f := range d.findings {
		if f.State == "wrong" {
			wrong++
		}
	}
	e.show(d.findings, func(w io.Writer) {
		for _, f := range d.findings {
			fmt.Fprintf(w, "%s\t%s\t%s\n", f.State, f.What, f.Note)
		}
	})
	if wrong > 0 {
		return advise(trellis.Errorf(trellis.Conflict, "%d of it is wrong", wrong), "mend what is marked so, then trellis doctor again")
	}
	if !e.json {
		e.note("Nothing is wrong. What is absent matters only to those who want it.")
	}
	return nil
}

// machine looks at what extensions need here.
func (d *doctor) machine(ctx context.Context) {
	d.add("system", "ok", fmt.Sprintf("%s/%s, %d processors", goruntime.GOOS, goruntime.GOARCH, goruntime.NumCPU()))
	if goruntime.GOOS != "linux" {
		d.add("limits of the compiling process", "absent", "memory and processor time are limited on Linux only; elsewhere a deadline holds: install what you trust")
	}
	for _, tool := range [][2]string{
		{"go", "to build extensions in Go: https://go.dev/dl"}, {"clang", "to build extensions in C and C++: apt-get install clang lld"},
		{"cargo", "to build extensions in Rust: https://rustup.rs, then rustup target add wasm32-unknown-unknown"},
		{"node", "to build extensions in AssemblyScript: https://nodejs.org, then npm install --ignore-scripts in the project"},
	} {
		if path, err := exec.LookPath(tool[0]); err == nil {
			d.add(tool[0], "ok", path)
		} else {
			d.add(tool[0], "absent", tool[1])
		}
	}
	took, err := compiling(ctx)
	d.judge("compiling extensions", took, err)
}

// compiling compiles a small module and loads it again, and says how long that took.
func compiling(ctx context.Context) (took string, err error) {
	r, err := runtime.New(ctx, runtime.Config{Compiler: compiler()})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, r.Close(ctx)) }()
	var times [2]time.Duration
	for i := range times {
		began := time.Now()
		m, err := r.Compile(ctx, wasm.EnrollmentPolicy, runtime.Limits{})
		if err != nil {
			return "", err
		}
		times[i] = time.Since(began)
		if err := m.Close(ctx); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("in a process of its own: a small one in %v, from the cache in %v", times[0].Round(time.Millisecond), times[1].Round(10*time.Microsecond)), nil
}

// server looks at a configuration and at what is kept where it says. It changes
// nothing.
func (d *doctor) server(f configFlag) {
	cfg, err := f.read()
	if err == nil {
		_, err = cfg.app(nil)
	}
	d.judge("configuration", f.Config, err)
	if err != nil {
		return
	}
	info, err := os.Stat(cfg.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.add("directory", "absent", cfg.Dir+": trellis serve makes it")
		return
	case err == nil && !info.IsDir():
		err = fmt.Errorf("%s is no directory", cfg.Dir)
	case err == nil && goruntime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		err = fmt.Errorf("others may read %s: chmod 700 %s", cfg.Dir, cfg.Dir)
	}
	d.judge("directory", cfg.Dir, err)
	d.key(cfg.Dir)
	if _, err := os.Stat(filepath.Join(cfg.Dir, "trellis.db")); err != nil {
		d.add("data", "absent", "trellis serve or trellis migrate makes it")
	}
}

// key looks at the master key, without making one.
func (d *doctor) key(dir string) {
	key, err := envKey()
	where := "TRELLIS_MASTER_KEY"
	if key == nil && err == nil {
		where = filepath.Join(dir, "master.key")
		if _, err := os.Stat(where); errors.Is(err, fs.ErrNotExist) {
			d.add("master key", "absent", where+": trellis serve makes it; keep a copy elsewhere, or say TRELLIS_MASTER_KEY")
			return
		}
		key, err = secret.Open(where)
	}
	if err == nil {
		err = checkKey(dir, key, false)
	}
	d.judge("master key", where+": keep a copy elsewhere; without it no secret can be read", err)
}

// reachedAt says whether an address is that of the server which is configured so,
// as far as can be told: a host without a name is any, and so is port 0.
func (c serveConfig) reachedAt(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	if public, err := url.Parse(c.PublicURL); err == nil && public.Host != "" && strings.EqualFold(public.Host, u.Host) {
		return true
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return false
	}
	given := u.Port()
	if given == "" {
		given = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	ip, at := net.ParseIP(host), net.ParseIP(u.Hostname())
	local := strings.EqualFold(u.Hostname(), "localhost") || at != nil && at.IsLoopback()
	here := host == "" || ip != nil && ip.IsUnspecified() || strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
	return (port == "0" || port == given) && (strings.EqualFold(host, u.Hostname()) || local && here)
}

// running looks at the server that commands would talk to, which may be elsewhere
// than the one that is configured.
func (d *doctor) running(ctx context.Context, r remote, elsewhere string) {
	anonymous := r
	anonymous.Token, anonymous.Tenant = "", ""
	if err := anonymous.do(ctx, "GET", "/readyz", nil, nil, nil); err != nil {
		state := "absent"
		if a := (*answer)(nil); errors.As(err, &a) || os.Getenv("TRELLIS_URL") != "" {
			state = "wrong"
		}
		note := err.Error()
		if !strings.Contains(note, r.URL) {
			note = r.URL + ": " + note
		}
		d.add("server", state, note+elsewhere)
		return
	}
	d.add("server", "ok", r.URL+elsewhere)
	if r.Token == "" {
		d.add("token", "absent", "set TRELLIS_TOKEN: "+loginFirst)
		return
	}
	var me learning.Me
	if err := r.do(ctx, "GET", "/api/v1/me", nil, nil, &me); err != nil {
		d.judge("token", "", fmt.Errorf("at %s: %w", r.URL, err))
		return
	}
	d.add("token", "ok", me.Kind+" in "+me.Tenant+", at "+r.URL)
	d.deliveries(ctx, r, me.Tenant)
	var tenants learning.List[learning.Tenant]
	err := r.do(ctx, http.MethodGet, "/api/v1/tenants", nil, nil, &tenants)
	switch {
	case err == nil && len(tenants.Items) == 0:
		d.add("tenants", "absent", "trellis tenant put NAME -title TITLE")
	case err == nil:
		d.add("tenants", "ok", fmt.Sprintf("%d, at %s", len(tenants.Items), r.URL))
	}
}

// deliveries says what was given up and waits for people, if whoever asks may know.
func (d *doctor) deliveries(ctx context.Context, r remote, tenant string) {
	var s delivery.Standing
	if r.do(ctx, http.MethodGet, "/api/v1/deliveries/standing", nil, nil, &s) != nil {
		return
	}
	if s.Dead == 0 {
		d.add("deliveries", "ok", "none was given up in "+tenant)
		return
	}
	note := fmt.Sprintf("%d were given up in %s", s.Dead, tenant)
	if s.Oldest != nil {
		note += fmt.Sprintf("; the oldest waits since %s", s.Oldest.Format(time.RFC3339))
	}
	if s.Kept > 0 {
		note += fmt.Sprintf("; %d are about events older than the log, which are kept for them", s.Kept)
	}
	d.add("deliveries", "absent", note+": trellis deliveries list -state dead, then retry or discard them")
}
