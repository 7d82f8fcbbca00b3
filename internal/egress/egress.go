// Package egress is the only way out by HTTP for what extensions ask for. It
// reaches allowed hosts only, never an address of a private, local or reserved
// network, whatever a name resolves to and wherever a redirect leads, and within
// limits of size and time. It sends no cookies, keeps none, and uses no proxy.
package egress

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/trellis-learning/trellis"
)

// Config says how far out it goes. The zero value works.
type Config struct {
	Allow        []netip.Prefix // networks that may be reached although they are private: an operator's choice
	Timeout      time.Duration  // of a request with its redirects: 10 s if zero
	MaxResponse  int64          // bytes of an answer: 1 MiB if zero
	MaxRequest   int64          // bytes of a request: 1 MiB if zero
	MaxRedirects int            // 3 if zero; negative for none
	Resolver     Resolver       // the system's if nil
	UserAgent    string         // "Trellis" if empty
}

// Resolver finds the addresses of a host.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Request is what is to be sent.
type Request struct {
	Method   string
	URL      string
	Header   map[string]string
	Body     []byte
	Hosts    []string // that may be reached: "api.example.org", or "*.example.org" for what is below it
	ReadOnly bool     // GET and HEAD only
}

// Response is what came back.
type Response struct {
	Status int
	Header map[string]string
	Body   []byte
}

// Client sends requests. It is safe for concurrent use.
type Client struct {
	cfg  Config
	http *http.Client
}

// New returns a client.
func New(cfg Config) *Client {
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.MaxResponse == 0 {
		cfg.MaxResponse = 1 << 20
	}
	if cfg.MaxRequest == 0 {
		cfg.MaxRequest = 1 << 20
	}
	if cfg.MaxRedirects == 0 {
		cfg.MaxRedirects = 3
	}
	if cfg.Resolver == nil {
		cfg.Resolver = net.DefaultResolver
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "Trellis"
	}
	c := &Client{cfg: cfg}
	c.http = &http.Client{
		Transport: &http.Transport{
			DialContext: c.dial, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, DisableCompression: true,
			MaxIdleConns: 64, MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second, TLSHandshakeTimeout: cfg.Timeout,
			ResponseHeaderTimeout: cfg.Timeout, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: c.redirect,
	}
	return c
}

type hostsKey struct{}

// Do sends a request. A host, address or method that is not allowed is
// [trellis.Denied]; what cannot be reached is [trellis.Unavailable]; too much is
// [trellis.Exhausted]; nonsense is [trellis.Invalid]. Errors name neither
// headers nor queries.
func (c *Client) Do(ctx context.Context, r Request) (Response, error) {
	if err := c.check(&r); err != nil {
		return Response{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, hostsKey{}, r.Hosts), c.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return Response{}, trellis.Errorf(trellis.Invalid, "the address or the method is not one")
	}
	if err := c.allowed(req.URL, r.Hosts); err != nil {
		return Response{}, err
	}
	for name, value := range r.Header {
		req.Header.Set(name, value)
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", c.cfg.UserAgent)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return Response{}, c.fault(err, req.URL.Hostname())
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, c.cfg.MaxResponse+1))
	switch {
	case int64(len(body)) > c.cfg.MaxResponse:
		return Response{}, trellis.Errorf(trellis.Exhausted, "the answer of %s has more than %d bytes", req.URL.Hostname(), c.cfg.MaxResponse)
	case err != nil:
		return Response{}, c.fault(err, req.URL.Hostname())
	}
	out := Response{Status: res.StatusCode, Header: map[string]string{}, Body: body}
	for name, values := range res.Header {
		if name != "Set-Cookie" {
			out.Header[strings.ToLower(name)] = strings.Join(values, ", ")
		}
	}
	return out, nil
}

// forbidden are the headers that a caller does not decide.
var forbidden = []string{"Host", "Connection", "Content-Length", "Transfer-Encoding", "Upgrade", "Te", "Trailer", "Keep-Alive", "Cookie", "Cookie2", "Expect"}

func (c *Client) check(r *Request) error {
	r.Method = strings.ToUpper(r.Method)
	if !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, r.Method) {
		return trellis.Errorf(trellis.Invalid, "the method is GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS")
	}
	if r.ReadOnly && r.Method != "GET" && r.Method != "HEAD" {
		return trellis.Errorf(trellis.Denied, "here a request may only GET")
	}
	if int64(len(r.Body)) > c.cfg.MaxRequest {
		return trellis.Errorf(trellis.Exhausted, "the request has %d bytes, of at most %d", len(r.Body), c.cfg.MaxRequest)
	}
	size := 0
	seen := map[string]bool{}
	for name, value := range r.Header {
		size += len(name) + len(value)
		key := http.CanonicalHeaderKey(name)
		switch {
		case seen[key]:
			return trellis.Errorf(trellis.Invalid, "the header %.100q stands there twice", key)
		case !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value):
			return trellis.Errorf(trellis.Invalid, "a header is not one")
		case slices.Contains(forbidden, key) || strings.HasPrefix(key, "Proxy-"):
			return trellis.Errorf(trellis.Invalid, "the header %s is not the caller's to set", key)
		}
		seen[key] = true
	}
	if size > 32<<10 {
		return trellis.Errorf(trellis.Exhausted, "the headers have more than 32 KiB")
	}
	return nil
}

// allowed checks an address before anything is sent, and again at each redirect.
func (c *Client) allowed(u *url.URL, hosts []string) error {
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return trellis.Errorf(trellis.Denied, "only http and https addresses are reached")
	case u.User != nil:
		return trellis.Errorf(trellis.Denied, "an address with a user and password is not reached")
	case !AllowsHost(hosts, host):
		return trellis.Errorf(trellis.Denied, "the host %.100q is not among those that were granted", host)
	}
	// Where an operator allows networks, other ports and plain http are reached
	// there and nowhere else: dial sees the addresses.
	switch port := u.Port(); {
	case u.Scheme == "http" && (len(c.cfg.Allow) == 0 || port == "443"):
		return trellis.Errorf(trellis.Denied, "only https addresses are reached")
	case port != "" && port != "443" && len(c.cfg.Allow) == 0:
		return trellis.Errorf(trellis.Denied, "the port %s is not reached", port)
	}
	return nil
}

// redirect decides about a redirect. What was meant for one place is not for
// another: headers do not go there, also not by way of a third, and a body does
// not go at all.
func (c *Client) redirect(req *http.Request, via []*http.Request) error {
	if len(via) > max(c.cfg.MaxRedirects, 0) {
		return trellis.Errorf(trellis.Denied, "more than %d redirects", max(c.cfg.MaxRedirects, 0))
	}
	hosts, _ := req.Context().Value(hostsKey{}).([]string)
	if err := c.allowed(req.URL, hosts); err != nil {
		return err
	}
	away := !samePlace(via[0].URL, req.URL)
	for _, r := range via[1:] {
		away = away || !samePlace(via[0].URL, r.URL)
	}
	if !away {
		return nil
	}
	if req.ContentLength != 0 {
		return trellis.Errorf(trellis.Denied, "%.100q would pass on to %.100q what it was sent", via[0].URL.Hostname(), req.URL.Hostname())
	}
	for name := range req.Header {
		if name != "User-Agent" && name != "Accept" {
			req.Header.Del(name)
		}
	}
	return nil
}

// samePlace reports whether two addresses have the same scheme, host and port.
func samePlace(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && portFor(a) == portFor(b)
}

func portFor(u *url.URL) string {
	switch p := u.Port(); {
	case p != "":
		return p
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// fault says what went wrong without telling what was asked for.
func (c *Client) fault(err error, host string) error {
	if k := trellis.KindOf(err); k != trellis.Internal && k != trellis.Unavailable {
		var inner *url.Error
		if errors.As(err, &inner) {
			return inner.Err
		}
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return trellis.Errorf(trellis.Unavailable, "%.100s did not answer in time", host)
	}
	return trellis.Errorf(trellis.Unavailable, "%.100s could not be reached", host)
}
