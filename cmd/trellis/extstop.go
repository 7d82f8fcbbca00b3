package main

import (
	"fmt"
	"io"

	"github.com/trellis-learning/trellis/extensions"
)

type extStopCmd struct {
	where
	Reason string `help:"Why, for whoever sees it."`
}

func (c *extStopCmd) Run(e *env) error {
	return c.say(e, "/stop", c.Reason, "It is off on the node that answered, and within a second on the others. Next: trellis ext resume "+c.ID+courseFlag(c.Course))
}

type extResumeCmd struct{ where }

func (c *extResumeCmd) Run(e *env) error {
	return c.act(e, "POST", "/resume", "It goes on where it was enabled, as it was. Next: trellis ext show "+c.ID+courseFlag(c.Course))
}

// say is [where.act] with a reason.
func (w where) say(e *env, action, reason, next string) error {
	var out extensions.Extension
	in := some("course", w.Course, "reason", reason)
	if err := w.do(e.ctx, "POST", w.path(action), nil, in, &out); err != nil {
		return err
	}
	e.show(out, func(t io.Writer) {
		describe(t, out)
		fmt.Fprintf(t, "\n%s\n", next)
	})
	return nil
}
