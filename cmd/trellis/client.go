package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/trellis-learning/trellis"
)

// remote names the server that a command talks to.
type remote struct {
	URL    string `name:"url" env:"TRELLIS_URL" default:"http://127.0.0.1:8080" help:"Address of the server."`
	Token  string `name:"token" env:"TRELLIS_TOKEN" help:"Token that says who you are. The demo's is in .trellis/demo.env."`
	Tenant string `name:"tenant" env:"TRELLIS_TENANT" help:"Tenant to act in; the token's own if absent."`
}

// problem is an error as the server sends it (RFC 9457).
type problem struct {
	Title, Detail, Instance string
	Kind                    trellis.Kind
	Extension, Filter, Code string
}

// request sends a request and returns the answer's body, which the caller closes.
func (r remote) request(ctx context.Context, method, path string, query url.Values, body io.Reader, contentType string) (*http.Response, error) {
	target := strings.TrimSuffix(r.URL, "/") + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "the address %s is not one", r.URL)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if r.Token != "" {
		req.Header.Set("Authorization", "Bearer "+r.Token)
	}
	if r.Tenant != "" {
		req.Header.Set("Trellis-Tenant", r.Tenant)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, trellis.Errorf(trellis.Unavailable, "no server answers at %s: is one running? (trellis demo, or set TRELLIS_URL)", r.URL)
	}
	if res.StatusCode < 400 {
		return res, nil
	}
	defer func() { _ = res.Body.Close() }()
	raw, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return nil, r.fault(res.StatusCode, raw)
}

func (r remote) fault(status int, raw []byte) error {
	var p problem
	if json.Unmarshal(raw, &p) != nil || p.Kind == "" {
		return trellis.Errorf(trellis.Unavailable, "the server answered %d", status)
	}
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	switch {
	case p.Extension != "":
		return &trellis.Refusal{Extension: p.Extension, Filter: p.Filter, Code: p.Code, Message: text}
	case status == http.StatusUnauthorized && r.Token == "":
		text += "\nSet TRELLIS_TOKEN, or use -token. For the demo: set -a; . .trellis/demo.env; set +a"
	case p.Kind == trellis.Unavailable || p.Kind == trellis.Internal:
		text += " (" + p.Instance + ")"
	}
	return trellis.Errorf(p.Kind, "%s", text)
}

// do sends JSON and decodes JSON.
func (r remote) do(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body io.Reader
	contentType := ""
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body, contentType = bytes.NewReader(raw), "application/json"
	}
	res, err := r.request(ctx, method, path, query, body, contentType)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		return trellis.Errorf(trellis.Unavailable, "the server's answer is not JSON: %s", err)
	}
	return nil
}

// seg escapes a part of a path.
func seg(s string) string { return url.PathEscape(s) }

// params returns a query of the pairs whose values are not empty.
func params(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

// print writes one JSON document.
func (e *env) print(v any) {
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // what cannot be written to standard output can be told nobody
}

// show prints v as JSON if that was asked for, and otherwise lets text write it
// for people.
func (e *env) show(v any, text func(w io.Writer)) {
	if e.json {
		e.print(v)
		return
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	text(w)
	_ = w.Flush()
}

// say tells people what to do next; it is silent where JSON was asked for.
func (e *env) say(format string, args ...any) {
	if !e.json {
		fmt.Printf(format+"\n", args...)
	}
}

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// writeFile writes a file that only its owner reads, at once or not at all.
func writeFile(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	if _, err = tmp.Write(data); err == nil {
		err = tmp.Close()
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
	}
	return err
}
