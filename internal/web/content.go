package web

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
)

// ContentConfig is what the second origin is made of.
type ContentConfig struct {
	// Assets returns a file of an installed bundle, or an error of kind
	// [trellis.NotFound]. What it returns is not changed.
	Assets func(ctx context.Context, digest, name string) ([]byte, error)
	Secure bool // whether people reach it by TLS
	Logger *slog.Logger
}

// NewContent returns the server of the second origin: the files of bundles at
// /assets/DIGEST/PATH, which never change, and /healthz and /readyz. It belongs on
// another host than the pages, because cookies do not know ports. It neither sets
// nor reads cookies and tokens. What it serves has a type from a list, and whatever
// is not on the list is a download. Scripts run in a sandbox of their own, wherever
// they are opened, and only those of HTML pages: pictures and data have none.
func NewContent(cfg ContentConfig) *Server {
	s := newServer(Config{Logger: cfg.Logger, Timeout: 30 * time.Second, Pages: Pages{Secure: cfg.Secure}})
	s.add(
		Route{Method: "GET", Path: "/healthz", Name: "health", Summary: "Whether the process is up.", Public: true, bare: true, Handle: s.health},
		Route{Method: "GET", Path: "/readyz", Name: "ready", Summary: "Whether requests should be sent here.", Public: true, bare: true, Handle: s.ready},
		Route{Method: "GET", Path: "/assets/:digest/*", Name: "assets.get", Summary: "A file of a bundle.", Public: true, bare: true, Handle: cfg.asset},
	)
	return s
}

func (cfg ContentConfig) asset(c *fiber.Ctx) error {
	digest, err := Param(c, "digest")
	if err != nil {
		return err
	}
	name, err := Param(c, "*")
	if err != nil {
		return err
	}
	data, err := cfg.Assets(Context(c), digest, name)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	c.Set(fiber.HeaderAccessControlAllowOrigin, "*")
	c.Set("Cross-Origin-Resource-Policy", "cross-origin")
	typ, policy, shown := served(name)
	c.Set(fiber.HeaderContentSecurityPolicy, policy)
	if !shown {
		c.Set(fiber.HeaderContentDisposition, "attachment")
	}
	return adaptor.HTTPHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", typ)
		w.Header().Set("Etag", `"`+digest+`"`)                            // of this URL: it names the bundle, and a bundle does not change
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data)) // ranges, without which some browsers play no video
	}))(c)
}

// What a file may do where it is opened by itself. Wherever a page of ours shows
// it, as a picture, the policy of that page holds, too.
const (
	policyApp     = "sandbox allow-scripts"                                  // a page or a script of an extension: an origin of its own
	policyDrawing = "default-src 'none'; style-src 'unsafe-inline'; sandbox" // SVG and XML, which could hold a script
	policyData    = "default-src 'none'; base-uri 'none'; sandbox"           // what holds none
)

// served says how a file is served, by its name: its type, what it may do, and
// whether browsers show it. The list is ours, so that it is the same on every
// machine; what is not on it is bytes to keep, and browsers are told not to guess.
func served(name string) (typ, policy string, shown bool) {
	typ, policy, shown = contentType(name), policyData, true
	switch typ {
	case "text/html; charset=utf-8", "text/javascript; charset=utf-8", "application/wasm":
		policy = policyApp
	case "image/svg+xml", "text/xml; charset=utf-8":
		policy = policyDrawing
	case "application/octet-stream", "application/pdf": // no browser shows a PDF within a sandbox
		shown = false
	}
	return typ, policy, shown
}

// contentType returns the type of a file by its name. The list is ours, so that
// it is the same on every machine; browsers are told not to guess.
func contentType(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".html", ".htm":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".json", ".map":
		return "application/json"
	case ".webmanifest":
		return "application/manifest+json"
	case ".wasm":
		return "application/wasm"
	case ".txt", ".md":
		return "text/plain; charset=utf-8"
	case ".csv":
		return "text/csv; charset=utf-8"
	case ".vtt":
		return "text/vtt; charset=utf-8"
	case ".xml":
		return "text/xml; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".gif":
		return "image/gif"
	case ".webp":
		return "image/webp"
	case ".avif":
		return "image/avif"
	case ".ico":
		return "image/x-icon"
	case ".woff":
		return "font/woff"
	case ".woff2":
		return "font/woff2"
	case ".ttf":
		return "font/ttf"
	case ".otf":
		return "font/otf"
	case ".mp3":
		return "audio/mpeg"
	case ".ogg":
		return "audio/ogg"
	case ".wav":
		return "audio/wav"
	case ".mp4":
		return "video/mp4"
	case ".webm":
		return "video/webm"
	case ".pdf":
		return "application/pdf"
	}
	return "application/octet-stream"
}
