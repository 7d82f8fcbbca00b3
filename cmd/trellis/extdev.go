package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/extensions/project"
)

type extNewCmd struct {
	ID    string `arg:"" help:"ID of the extension: publisher.name."`
	Dir   string `arg:"" optional:"" help:"Directory to make; the second half of the ID if absent."`
	Kind  string `default:"filter" enum:"filter,card" help:"What it begins as: filter (decides about enrolments) or card (shown beside a course, with a button)."`
	Lang  string `default:"go" enum:"go,c,cpp,rust,assemblyscript" help:"Language: go, c, cpp, rust or assemblyscript."`
	Title string `help:"What it is called."`

	Convention string `default:"trellis" enum:"trellis,command,extism" help:"How it is called: trellis, command (a WASI program; in C) or extism (a plug-in; in C)."`
}

func (c *extNewCmd) Run(e *env) error {
	if c.Dir == "" {
		_, c.Dir, _ = strings.Cut(c.ID, ".")
	}
	switch err := project.New(c.Dir, c.Kind, c.Lang, c.Convention, c.ID, c.Title); {
	case trellis.KindOf(err) == trellis.Conflict:
		return advise(err, "say another directory: trellis ext new %s DIRECTORY", c.ID)
	case err != nil:
		return err
	}
	e.show(map[string]string{"dir": c.Dir}, func(w io.Writer) {
		what, ask, browser := "an enrolment filter", "ask it about an enrolment, here and now", ""
		if c.Kind == "card" {
			what, ask = "a card beside a course", "what it shows, here and now; -hook wave presses its button"
			browser = "\nOr drop the bundle on the page of your course, under Extensions (/courses/KEY/extensions).\n"
		}
		fmt.Fprintf(w, `%s is %s that works. Next:

  trellis ext test %s                 its tests, and whether everything fits together
  trellis ext build %s                main.wasm
  trellis ext run %s                  %s
  trellis ext pack %s                 the bundle
  trellis ext install %s
  trellis ext enable %s
%s`, c.Dir, what, c.Dir, c.Dir, c.Dir, ask, c.Dir, filepath.Join(c.Dir, c.ID+"-0.1.0.trellis"), c.ID, browser)
	})
	return nil
}

type extTestCmd struct {
	Dir string `arg:"" optional:"" default:"." help:"Directory of the project."`
}

func (c *extTestCmd) Run(e *env) error {
	if err := runTests(e, c.Dir); err != nil {
		return err
	}
	if err := build(e, c.Dir); err != nil {
		return err
	}
	b, err := bundle.Pack(c.Dir, io.Discard)
	if err != nil {
		return err
	}
	if err := check(e, b); err != nil {
		return err
	}
	if err := c.crashes(e, b); err != nil {
		return err
	}
	e.done(map[string]string{"dir": c.Dir, "state": "fits together"}, "Everything fits together. Next: trellis ext pack %s", c.Dir)
	return nil
}

// crashes asks the module that was built all that the platform would ask of it and
// returns the error if that ends in a crash.
func (c *extTestCmd) crashes(e *env, b *bundle.Archive) error {
	run := &extRunCmd{Path: c.Dir, Course: sampleCourse}
	all, settings, err := run.prepare(b, false)
	if err != nil {
		return err
	}
	s, err := run.stand(e, b)
	if err != nil {
		return err
	}
	defer s.close(e.ctx)
	if err := s.crashes(e, b, all, settings); err != nil {
		return &crashed{err, projectAt(c.Dir)}
	}
	return nil
}

type extGuestCmd struct {
	Dir string `arg:"" optional:"" default:"." help:"Directory of the project."`
}

func (c *extGuestCmd) Run(e *env) error {
	if err := project.UpgradeGuest(c.Dir); err != nil {
		return err
	}
	e.done(map[string]string{"dir": c.Dir, "state": "up to date"}, "The guest library in %s is that of this program. Next: trellis ext test %s", c.Dir, c.Dir)
	return nil
}
