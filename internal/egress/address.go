package egress

import (
	"context"
	"net"
	"net/netip"
	"strconv"

	"github.com/trellis-learning/trellis"
)

// dial resolves a host, refuses it if any of its addresses is not to be reached,
// and connects to one of the addresses that were checked.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "the address is not one")
	}
	// The transport lets go of the caller's deadline: a connection that somebody
	// waited for in vain may still serve the next.
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	var addrs []netip.Addr
	if a, err := netip.ParseAddr(host); err == nil {
		addrs = []netip.Addr{a}
	} else if addrs, err = c.cfg.Resolver.LookupNetIP(ctx, "ip", host); err != nil {
		return nil, trellis.Errorf(trellis.Unavailable, "the host %.100q was not found", host)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "the port is not one")
	}
	for _, a := range addrs {
		switch {
		case c.permitted(a):
		case !public(a):
			return nil, trellis.Errorf(trellis.Denied, "the host %.100q has an address in a private or reserved network", host)
		case n != 443:
			return nil, trellis.Errorf(trellis.Denied, "the host %.100q is reached by https at port 443 only", host)
		}
	}
	var d net.Dialer
	err = trellis.Errorf(trellis.Unavailable, "the host %.100q has no address", host)
	for _, a := range addrs {
		var conn net.Conn
		if conn, err = d.DialContext(ctx, network, netip.AddrPortFrom(a, uint16(n)).String()); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// reserved are the networks that are nobody's on the internet (the IANA registries
// of special-purpose addresses, RFC 6890), and the one address at which a cloud
// (Azure) answers its own machines although it is not among them. IPv6 networks
// that carry IPv4 addresses (6to4, Teredo) are refused as a whole.
var reserved = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"::/96", "::ffff:0:0/96", "64:ff9b:1::/48", "100::/63", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10",
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

// permitted reports whether an operator allows an address, whatever network it is
// in. A disguised IPv4 address is taken for what it is.
func (c *Client) permitted(a netip.Addr) bool {
	a = plain(a)
	for _, p := range c.cfg.Allow {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// public reports whether an address is one of the internet.
func public(a netip.Addr) bool {
	a = plain(a)
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return a.IsValid()
}

// plain returns the address that is reached: without a zone, and the IPv4 address
// of one that is mapped into IPv6 or translated by NAT64.
func plain(a netip.Addr) netip.Addr {
	a = a.WithZone("").Unmap()
	if nat64.Contains(a) {
		b := a.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return a
}
