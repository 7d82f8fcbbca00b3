package symbol

import (
	"path"
	"strings"
)

// maxPathParts is how many parts of an absolute path are shown.
const maxPathParts = 3

// ShortPath makes of a file's absolute path what helps people to find it.
func ShortPath(file string) string { return shortPath("", file) }

// shortPath makes of a file's name in debug information what helps: paths inside
// the directory in which the compiler ran stay whole, of others the end is left.
func shortPath(dir, file string) string {
	file = path.Clean(strings.ReplaceAll(printable(file), `\`, "/"))
	dir = strings.ReplaceAll(dir, `\`, "/")
	if rest, ok := strings.CutPrefix(file, strings.TrimSuffix(dir, "/")+"/"); ok && dir != "" && dir != "/" {
		return rest
	}
	parts := strings.Split(file, "/")
	absolute := parts[0] == "" || strings.HasSuffix(parts[0], ":")
	for i, p := range parts {
		switch {
		case p == "rustc" && i+2 < len(parts): // /rustc/HASH/library/core/…
			return strings.Join(parts[i+2:], "/")
		case p == "registry" && i+3 < len(parts) && parts[i+1] == "src": // of cargo: registry/src/INDEX/crate-1.0/…
			return strings.Join(parts[i+3:], "/")
		case p == "node_modules" && i+1 < len(parts):
			return strings.Join(parts[i+1:], "/")
		case p == "mod" && i > 0 && parts[i-1] == "pkg": // of Go
			return strings.Join(parts[i+1:], "/")
		}
	}
	if absolute && len(parts) > maxPathParts {
		parts = parts[len(parts)-maxPathParts:]
	}
	for len(parts) > 1 && parts[0] == ".." {
		parts = parts[1:]
	}
	return strings.Join(parts, "/")
}

// joinPath is dir/file, unless file stands for itself.
func joinPath(dir, file string) string {
	if dir == "" || strings.HasPrefix(file, "/") || strings.Contains(file, ":") {
		return file
	}
	return strings.TrimSuffix(dir, "/") + "/" + file
}
