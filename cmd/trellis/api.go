package main

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/trellis-learning/trellis"
)

type apiCmd struct {
	remote
	Method string `arg:"" enum:"GET,POST,PUT,PATCH,DELETE" help:"GET, POST, PUT, PATCH or DELETE."`
	Path   string `arg:"" help:"Path, with what follows the question mark: /api/v1/organisations. All of them stand in /api/openapi.json."`
	Data   string `help:"Body: JSON, or @FILE."`
}

func (c *apiCmd) Run(e *env) error {
	if c.Path == "" || c.Path[0] != '/' {
		return trellis.Errorf(trellis.Invalid, "a path begins with /, as /api/v1/courses does")
	}
	var body io.Reader
	contentType := ""
	if c.Data != "" {
		raw, err := jsonArgument("-data", c.Data)
		if err != nil {
			return err
		}
		body, contentType = bytes.NewReader(raw), "application/json"
	}
	res, err := c.request(e.ctx, c.Method, c.Path, nil, body, contentType)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if json.Valid(raw) {
		e.print(json.RawMessage(raw))
		return nil
	}
	if e.json {
		e.print(map[string]string{"text": string(raw)})
		return nil
	}
	_, err = e.out.Write(raw)
	return err
}
