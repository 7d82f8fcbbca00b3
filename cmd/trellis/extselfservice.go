package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/hostapi"
)

type extSelfServiceCmd struct {
	remote
	Allow  []string `help:"Permissions that course staff may grant from now on."`
	Forbid []string `help:"Permissions that they may not grant any more."`
}

func (c *extSelfServiceCmd) Run(e *env) error {
	var set extensions.SelfService
	if err := c.do(e.ctx, "GET", "/api/v1/self-service", nil, nil, &set); err != nil {
		return err
	}
	if len(c.Allow)+len(c.Forbid) > 0 {
		set.Permissions = slices.DeleteFunc(slices.Concat(set.Permissions, c.Allow), func(p string) bool { return slices.Contains(c.Forbid, p) })
		if err := c.do(e.ctx, "PUT", "/api/v1/self-service", nil, map[string]any{"permissions": append([]string{}, set.Permissions...)}, &set); err != nil {
			return err
		}
	}
	e.show(set, func(w io.Writer) {
		if len(set.Permissions) == 0 {
			fmt.Fprintln(w, "Course staff may grant extensions nothing: whatever asks for a permission waits for approval.")
		} else {
			fmt.Fprintln(w, "In their own courses, course staff may grant extensions without approval:")
		}
		for _, p := range set.Permissions {
			sentence, err := hostapi.Sentence(p)
			if err != nil {
				sentence = "a permission that this program does not know"
			}
			fmt.Fprintf(w, "  - %s (%s)\n", sentence, p)
		}
		fmt.Fprintln(w, "\nNext: trellis ext self-service -allow PERMISSION, -forbid PERMISSION; trellis ext list shows what waits for approval")
	})
	return nil
}
