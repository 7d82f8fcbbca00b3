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
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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
	for name, value := range r.Header {
		size += len(name) + len(value)
		key := http.CanonicalHeaderKey(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value):
			return trellis.Errorf(trellis.Invalid, "a header is not one")
		case slices.Contains(forbidden, key) || strings.HasPrefix(key, "Proxy-"):
			return trellis.Errorf(trellis.Invalid, "the header %s is not the caller's to set", key)
		}
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
	if p := u.Port(); p != "" && p != "443" && p != "80" && len(c.cfg.Allow) == 0 {
		return trellis.Errorf(trellis.Denied, "the port %s is not reached", p)
	}
	if u.Scheme == "http" && len(c.cfg.Allow) == 0 {
		return trellis.Errorf(trellis.Denied, "only https addresses are reached")
	}
	return nil
}

func (c *Client) redirect(req *http.Request, via []*http.Request) error {
	if len(via) > max(c.cfg.MaxRedirects, 0) {
		return trellis.Errorf(trellis.Denied, "more than %d redirects", max(c.cfg.MaxRedirects, 0))
	}
	hosts, _ := req.Context().Value(hostsKey{}).([]string)
	if err := c.allowed(req.URL, hosts); err != nil {
		return err
	}
	if first := via[0].URL; first.Hostname() != req.URL.Hostname() || first.Scheme != req.URL.Scheme {
		for name := range req.Header { // what was meant for one host is not for another
			if name != "User-Agent" && name != "Accept" {
				req.Header.Del(name)
			}
		}
	}
	return nil
}

// dial resolves a host, refuses it if any of its addresses is not to be reached,
// and connects to one of the addresses that were checked.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "the address is not one")
	}
	var addrs []netip.Addr
	if a, err := netip.ParseAddr(host); err == nil {
		addrs = []netip.Addr{a}
	} else if addrs, err = c.cfg.Resolver.LookupNetIP(ctx, "ip", host); err != nil {
		return nil, trellis.Errorf(trellis.Unavailable, "the host %.100q was not found", host)
	}
	for _, a := range addrs {
		if !c.public(a) {
			return nil, trellis.Errorf(trellis.Denied, "the host %.100q has an address in a private or reserved network", host)
		}
	}
	var d net.Dialer
	err = trellis.Errorf(trellis.Unavailable, "the host %.100q has no address", host)
	for _, a := range addrs {
		var conn net.Conn
		if conn, err = d.DialContext(ctx, network, netip.AddrPortFrom(a, portOf(port)).String()); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

func portOf(s string) uint16 {
	p, err := net.LookupPort("tcp", s)
	if err != nil || p < 0 || p > 65535 {
		return 0
	}
	return uint16(p)
}

// reserved are the networks that are nobody's on the internet (the IANA registries
// of special-purpose addresses, RFC 6890).
var reserved = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"::/96", "::ffff:0:0/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10",
	"fec0::/10", "ff00::/8",
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// public reports whether an address may be reached.
func (c *Client) public(a netip.Addr) bool {
	a = a.WithZone("")
	plain := a.Unmap()
	for _, p := range c.cfg.Allow {
		if p.Contains(plain) {
			return true
		}
	}
	if nat64.Contains(a) { // an IPv4 address in disguise
		b := a.As16()
		return c.public(netip.AddrFrom4([4]byte(b[12:])))
	}
	for _, p := range reserved {
		if p.Contains(plain) {
			return false
		}
	}
	return plain.IsValid()
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

var hostPattern = regexp.MustCompile(`^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// ValidHost checks a host that one may be granted: a name in lower case (in
// punycode, if it has other letters), or "*." and a name of two or more parts.
func ValidHost(pattern string) error {
	name, wild := strings.CutPrefix(pattern, "*.")
	if len(pattern) > 253 || !utf8.ValidString(pattern) || !hostPattern.MatchString(pattern) || wild && !strings.Contains(name, ".") {
		return trellis.Errorf(trellis.Invalid, "%.100q is not a host: a lower-case name, or *. and a name of two or more parts", pattern)
	}
	return nil
}

// AllowsHost reports whether one of the patterns takes in a host. "*.example.org"
// takes in what is below example.org, not example.org.
func AllowsHost(patterns []string, host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return slices.ContainsFunc(patterns, func(p string) bool {
		if suffix, ok := strings.CutPrefix(p, "*"); ok {
			return strings.HasPrefix(suffix, ".") && strings.HasSuffix(host, suffix) && len(host) > len(suffix)
		}
		return p == host && host != ""
	})
}
