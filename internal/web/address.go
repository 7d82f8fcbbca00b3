package web

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// parseProxies reads addresses and prefixes.
func parseProxies(list []string) ([]netip.Prefix, error) {
	var proxies []netip.Prefix
	for _, text := range list {
		if addr, err := netip.ParseAddr(text); err == nil {
			proxies = append(proxies, netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("web: trusted proxy %q is neither an address nor a prefix such as 10.0.0.0/8", text)
		}
		proxies = append(proxies, p.Masked())
	}
	return proxies, nil
}

func within(addr netip.Addr, prefixes []netip.Prefix) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// client returns the address that a request comes from, and whether that is
// certain: it is not if somebody who is not trusted says that the request was
// forwarded. Each proxy adds to the end of X-Forwarded-For whom it got the
// request from, so the client is the last one there who is no proxy of ours; what
// stands before may be invented.
func (s *Server) client(c *fiber.Ctx) (addr netip.Addr, certain bool) {
	peer, _ := netip.ParseAddr(c.Context().RemoteIP().String())
	peer = peer.Unmap()
	forwarded := c.Request().Header.PeekAll(fiber.HeaderXForwardedFor)
	if !within(peer, s.proxies) {
		return peer, len(forwarded) == 0 && c.Get("Forwarded") == ""
	}
	var hops []string
	for _, line := range forwarded {
		hops = append(hops, strings.Split(string(line), ",")...)
	}
	for _, hop := range slices.Backward(hops) {
		next, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			return peer, false
		}
		if peer = next.Unmap(); !within(peer, s.proxies) {
			return peer, true
		}
	}
	return peer, len(hops) > 0
}
