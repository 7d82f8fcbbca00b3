package web

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
)

// knownCookie holds marks of those who have signed in in this browser. It says
// nothing of who they are, and gives no right.
const knownCookie = "trellis-known"

const (
	maxKnown   = 8 // marks of one browser, which several people may share
	knownLasts = 365 * 24 * time.Hour
)

// SetKnown remembers in the browser that somebody of a tenant has signed in there by
// a name. The mark of one who has signed in there before stays the same. Of many the
// latest are remembered.
func SetKnown(c *fiber.Ctx, tenant, name string) {
	mark, others := knownMark(c, tenant, name)
	if mark == "" {
		text := rand.Text()
		mark = text + "." + signKnown(c, text, tenant, name)
	}
	marks := append([]string{mark}, others...)
	setCookie(c, knownCookie, strings.Join(marks[:min(len(marks), maxKnown)], "_"), time.Now().Add(knownLasts))
}

// Known returns a mark of the browser if somebody of a tenant has signed in there by
// a name, "" if not. Only a server that has the key makes one.
func Known(c *fiber.Ctx, tenant, name string) string {
	mark, _ := knownMark(c, tenant, name)
	return strings.Clone(mark)
}

// knownMark returns the mark of somebody, and those of others.
func knownMark(c *fiber.Ctx, tenant, name string) (mark string, others []string) {
	held, _ := stateOf(c).of.cookie(c, knownCookie)
	if held == "" {
		return "", nil
	}
	for _, m := range strings.SplitN(held, "_", maxKnown+1) {
		text, mac, _ := strings.Cut(m, ".")
		if mark == "" && hmac.Equal([]byte(mac), []byte(signKnown(c, text, tenant, name))) {
			mark = m
		} else if len(others) < maxKnown && len(m) < 64 {
			others = append(others, m)
		}
	}
	return mark, others
}

func signKnown(c *fiber.Ctx, text, tenant, name string) string {
	return base64.RawStdEncoding.EncodeToString(macOf(stateOf(c).of.cfg.Pages.Key, "trellis known\x00"+tenant+"\x00"+text+"\x00"+name))
}
