package bundle

import (
	"strconv"
	"strings"
)

// CompareVersions orders two semantic versions (semver.org, section 11).
func CompareVersions(a, b string) int {
	pa, pb := versionPattern.FindStringSubmatch(a), versionPattern.FindStringSubmatch(b)
	if pa == nil || pb == nil {
		return strings.Compare(a, b)
	}
	for i := 1; i <= 3; i++ {
		x, _ := strconv.Atoi(pa[i]) // the pattern takes nine digits at most
		y, _ := strconv.Atoi(pb[i])
		if x != y {
			return x - y
		}
	}
	switch {
	case pa[4] == pb[4]:
		return 0
	case pa[4] == "":
		return 1
	case pb[4] == "":
		return -1
	}
	return comparePrerelease(pa[4][1:], pb[4][1:])
}

func comparePrerelease(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		n, errN := strconv.ParseUint(x[i], 10, 64)
		m, errM := strconv.ParseUint(y[i], 10, 64)
		switch {
		case errN == nil && errM == nil && n != m:
			if n < m {
				return -1
			}
			return 1
		case errN == nil && errM != nil:
			return -1
		case errN != nil && errM == nil:
			return 1
		case x[i] != y[i] && errN != nil:
			return strings.Compare(x[i], y[i])
		}
	}
	return len(x) - len(y)
}
