package egress

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
)

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
