package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

// look is how the pages of a tenant are to look. What is not given stays.
type look struct {
	Accent *string `help:"Colour of its pages, such as #0b6277; empty for the platform's own."`
	Logo   *string `placeholder:"FILE" help:"Its logo: a PNG, JPEG or WebP of at most 64 KiB; empty for none."`
}

// add puts into a request what was given.
func (k look) add(to map[string]any) error {
	if k.Accent != nil {
		to["accent"] = *k.Accent
	}
	if k.Logo == nil {
		return nil
	}
	if *k.Logo == "" {
		to["logo"] = ""
		return nil
	}
	f, err := os.Open(*k.Logo)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	const most = 64<<10 + 1 // the server says what is too large
	data, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return fmt.Errorf("read the logo: %w", err)
	}
	to["logo"] = "data:" + http.DetectContentType(data) + ";base64," + base64.StdEncoding.EncodeToString(data)
	return nil
}

type tenantBrandCmd struct {
	remote
	Title string `help:"What it is called."`
	look
}

func (c *tenantBrandCmd) Run(e *env) error {
	in := map[string]any{}
	if c.Title != "" {
		in["title"] = c.Title
	}
	if err := c.add(in); err != nil {
		return err
	}
	if len(in) == 0 {
		return advise(trellis.Errorf(trellis.Invalid, "say what is to change"), "trellis tenant brand -title TITLE -accent '#0b6277' -logo FILE")
	}
	var t learning.Tenant
	if err := c.do(e.ctx, "PUT", "/api/v1/tenant/brand", nil, in, &t); err != nil {
		return err
	}
	e.show(t, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %s\t%s\t%s\n", t.Name, t.Title, t.Accent, t.Logo)
	})
	return nil
}
