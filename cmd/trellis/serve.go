package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"runtime/debug"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/app"
)

// lean lets the garbage collector keep half as much in hand as it would, unless
// somebody has said otherwise: a large import then needs a third less memory and
// takes no longer.
func lean() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

type serveCmd struct{ configFlag }

func (s *serveCmd) Run(e *env) error { return e.stopped(s.serve(e)) }

func (s *serveCmd) serve(e *env) (err error) {
	lean()
	cfg, err := s.read()
	if err != nil {
		return err
	}
	if cfg.NATS == "" {
		release, err := lock(cfg.Dir)
		if err != nil {
			return err
		}
		defer release()
	}
	listener, content, err := listen(cfg.Listen, cfg.Content)
	if err != nil {
		return err
	}
	a, err := cfg.open(e)
	if err != nil {
		return errors.Join(err, closeAll(listener, content))
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	at := map[string]any{"listen": listener.Addr().String(), "dir": cfg.Dir}
	if content != nil {
		at["content"] = content.Addr().String()
	}
	governed, err := hasOperator(e.ctx, a)
	if err != nil {
		return errors.Join(err, closeAll(listener, content))
	}
	e.done(at, "Trellis serves at %s, from %s. Stop with Ctrl-C or SIGTERM.", listener.Addr(), cfg.Dir)
	if !governed {
		e.note("Nobody runs this server yet. Next, on this machine: trellis operator create NAME%s", s.flag())
	}
	return a.Run(e.ctx, listener, content)
}

// flag returns the flag as it was given, for the commands that are to follow.
func (f configFlag) flag() string {
	if f.Config == "" {
		return ""
	}
	return " -config " + f.Config
}

// listen opens the listeners; content is nil where there is no second origin.
func listen(at, contentAt string) (listener, content net.Listener, err error) {
	listener, err = net.Listen("tcp", at)
	if err != nil {
		return nil, nil, advise(trellis.Errorf(trellis.Unavailable, "cannot listen at %s: %w", at, err), "another server may be there; port 0 takes any that is free")
	}
	if contentAt == "" {
		return listener, nil, nil
	}
	if content, err = net.Listen("tcp", contentAt); err != nil {
		return nil, nil, errors.Join(advise(trellis.Errorf(trellis.Unavailable, "cannot listen at %s: %w", contentAt, err), "say another address for content"), listener.Close())
	}
	return listener, content, nil
}

func closeAll(listeners ...net.Listener) error {
	var errs []error
	for _, l := range listeners {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}

// hasOperator reports whether anybody runs the platform.
func hasOperator(ctx context.Context, a *app.App) (bool, error) {
	raw, err := a.API.Serve(app.System(ctx, trellis.PlatformTenant), hostapi.HTTPDoor, "roles.list", nil)
	if err != nil {
		return false, err
	}
	var roles struct{ Items []struct{ Role string } }
	err = json.Unmarshal(raw, &roles)
	return len(roles.Items) > 0, err
}

func (c serveConfig) open(e *env) (*app.App, error) {
	cfg, err := c.app(slog.New(slog.NewTextHandler(e.errs, &slog.HandlerOptions{Level: slog.LevelInfo})))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	if cfg.Key, err = masterKey(c.Dir); err != nil {
		return nil, err
	}
	if err := checkKey(c.Dir, cfg.Key, true); err != nil {
		return nil, err
	}
	return app.New(e.ctx, cfg)
}

type migrateCmd struct{ configFlag }

func (m *migrateCmd) Run(e *env) error {
	cfg, err := m.read()
	if err != nil {
		return err
	}
	release, err := lock(cfg.Dir)
	if err != nil {
		return err
	}
	defer release()
	a, err := cfg.open(e)
	if err != nil {
		return err
	}
	if err := a.Close(); err != nil {
		return err
	}
	e.done(map[string]string{"dir": cfg.Dir, "state": "up to date"}, "The data in %s is up to date. Next: trellis serve%s", cfg.Dir, m.flag())
	return nil
}
