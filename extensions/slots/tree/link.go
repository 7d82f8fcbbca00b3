package tree

import (
	"errors"
	"io/fs"
	"net/url"
	"regexp"
	"strings"
)

var (
	hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)
	mailbox  = regexp.MustCompile(`^[A-Za-z0-9.!#$&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)
)

var (
	errLink = errors.New("must be an address with https:, http: or mailto:, or a path within the tenant, such as /courses/…")
	errPath = errors.New("a path within the tenant begins with one / and has no .. and no backslash")
	errHost = errors.New("must name a host by letters, digits, points and hyphens (others are written as xn--…), and nobody who signs in there")
)

// maxLink is how long an address may be, in bytes.
const maxLink = 2000

// address returns the address that a link of a tree leads to. It is written anew
// from its parts: what a browser reads is what was checked here.
func address(s, base string) (string, error) {
	if len(s) > maxLink {
		return "", errors.New("is longer than an address can be")
	}
	for _, r := range s {
		if r <= ' ' || r == 0x7f || r == '\\' || r == '\ufffd' || unseen(r) {
			return "", errors.New("has characters that no address has, such as spaces")
		}
	}
	u, err := url.Parse(s)
	if err != nil {
		return "", errLink
	}
	switch u.Scheme {
	case "":
		return within(s, base, u)
	case "https", "http":
		if u.Opaque != "" || u.User != nil || !hostName.MatchString(u.Hostname()) {
			return "", errHost
		}
		return u.String(), nil
	case "mailto":
		if to, err := url.PathUnescape(u.Opaque); err != nil || !mailbox.MatchString(to) {
			return "", errors.New("must have one mail address after its scheme")
		}
		return u.String(), nil
	}
	return "", errLink
}

// within returns the address of a path within the tenant.
func within(s, base string, u *url.URL) (string, error) {
	if !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || u.Host != "" || u.User != nil || strings.HasPrefix(u.Path, "//") {
		return "", errPath
	}
	for step := range strings.SplitSeq(u.Path, "/") {
		if step == "." || step == ".." || strings.Contains(step, "\\") {
			return "", errPath
		}
	}
	for _, r := range u.Path {
		if unseen(r) || r == '\n' || r == '\t' {
			return "", errPath
		}
	}
	return base + u.String(), nil
}

// validAsset reports whether a path may be that of a file within assets/.
func validAsset(name string) bool {
	return name != "." && len(name) <= 200 && fs.ValidPath(name) && !strings.ContainsAny(name, "\\:") && Clean(name) == name
}
