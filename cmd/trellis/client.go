package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
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

// client bounds what a server that has gone silent may take; a body that goes on
// may take as long as it likes.
var client = &http.Client{Transport: &http.Transport{
	Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
	ResponseHeaderTimeout: 2 * time.Minute, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
}}

// request sends a request and returns the answer, whose body the caller closes.
func (r remote) request(ctx context.Context, method, path string, query url.Values, body io.Reader, contentType string) (*http.Response, error) {
	target, err := url.Parse(strings.TrimSuffix(r.URL, "/") + path)
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" {
		return nil, advise(trellis.Errorf(trellis.Invalid, "%q is not the address of a server", r.URL), "set TRELLIS_URL, or -url http://127.0.0.1:8080")
	}
	if len(query) > 0 {
		target.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // a plus is one, as course keys have it
	}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), body)
	if err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "%w", err)
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
	res, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, advise(trellis.Errorf(trellis.Unavailable, "no server answers at %s", r.URL), "trellis demo starts one here; or set TRELLIS_URL, or -url, to where one runs")
	}
	if res.StatusCode < 400 {
		return res, nil
	}
	defer func() { _ = res.Body.Close() }()
	raw, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20)) // what cannot be read is no problem document
	return nil, r.fault(res, raw)
}

// bareDetail is a detail that only names what there is not: course "x".
var bareDetail = regexp.MustCompile(`^\w+ "[^"]*"$`)

func (r remote) fault(res *http.Response, raw []byte) error {
	var p problem
	if json.Unmarshal(raw, &p) != nil || p.Kind == "" {
		return advise(trellis.Errorf(trellis.Unavailable, "the server answered %s", res.Status), "is %s a Trellis? trellis doctor looks", r.URL)
	}
	text := p.Detail
	switch {
	case text == "":
		text = p.Title
	case p.Kind == trellis.NotFound && bareDetail.MatchString(text):
		text = "there is no " + text
	case p.Kind == trellis.Unavailable || p.Kind == trellis.Internal:
		text = strings.ToLower(p.Title[:1]) + p.Title[1:]
	}
	a := &answer{err: trellis.Errorf(p.Kind, "%s", text), status: res.StatusCode, trace: strings.TrimPrefix(p.Instance, "urn:trace:")}
	if p.Extension != "" {
		a.err = &trellis.Refusal{Extension: p.Extension, Filter: p.Filter, Code: p.Code, Message: text}
	}
	if n, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
		a.after = time.Duration(n) * time.Second
	}
	return a
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
		return advise(trellis.Errorf(trellis.Unavailable, "the answer of %s is not one of Trellis", r.URL), "trellis doctor looks what is there")
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

// some returns an object of the pairs whose values are not empty.
func some(pairs ...string) map[string]any {
	out := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			out[pairs[i]] = pairs[i+1]
		}
	}
	return out
}
