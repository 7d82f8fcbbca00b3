package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
)

// Pages says how the server serves pages for people: routes that are a
// [Route.Page].
type Pages struct {
	Key     []byte // signs what a page leaves for the next; the same on every node
	Secure  bool   // whether people reach them by TLS: cookies then go no other way
	Content string // the second origin, from which pages may show images: "https://content.example"
	Tenant  string // of a page whose address names none, for those who are not signed in; "" for none
	// Problem answers a request for a page that failed. Its error is the platform's
	// fault; the answer then is the problem itself.
	Problem func(*fiber.Ctx, Problem) error
}

// cookie is the name of the cookie that holds the session: one that the browser
// takes from this very host only, where it can.
func (p Pages) cookie(name string) string {
	if p.Secure {
		return "__Host-" + name
	}
	return name
}

const (
	sessionCookie = "trellis"
	beforeCookie  = "trellis-before" // of those who are not signed in, for the tokens of their forms
)

// session returns the token that the session cookie holds, "" if there is none.
func (s *Server) session(c *fiber.Ctx) string {
	return strings.Clone(c.Cookies(s.cfg.Pages.cookie(sessionCookie)))
}

// Token returns the token by which a request was let in, "" if it was none.
func Token(c *fiber.Ctx) string { return stateOf(c).token }

// SetSession gives the browser a session: the token of a login, in a cookie that
// no script can read.
func SetSession(c *fiber.Ctx, token string, expires time.Time) {
	setCookie(c, sessionCookie, token, expires)
	setCookie(c, beforeCookie, "", time.Unix(1, 0))
}

// EndSession takes the session from the browser. Its token is for the caller to
// revoke.
func EndSession(c *fiber.Ctx) { setCookie(c, sessionCookie, "", time.Unix(1, 0)) }

func setCookie(c *fiber.Ctx, name, value string, expires time.Time) {
	p := stateOf(c).of.cfg.Pages
	c.Cookie(&fiber.Cookie{
		Name: p.cookie(name), Value: value, Path: "/", Expires: expires, Secure: p.Secure, HTTPOnly: true, SameSite: fiber.CookieSameSiteLaxMode,
	})
}

// CSRF returns the token that the forms of a page carry as the field "csrf". It
// belongs to the session or, where nobody is signed in, to a cookie that this
// answer sets if there is none.
func CSRF(c *fiber.Ctx) string {
	st := stateOf(c)
	if st.token != "" {
		return formToken(st.token)
	}
	before := strings.Clone(c.Cookies(st.of.cfg.Pages.cookie(beforeCookie)))
	if len(before) < 16 {
		if st.before == "" {
			st.before = rand.Text()
			setCookie(c, beforeCookie, st.before, time.Now().Add(24*time.Hour))
		}
		before = st.before
	}
	return formToken(before)
}

func formToken(secret string) string { return sign([]byte(secret), "trellis form") }

func sign(key []byte, text string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
}

// checkForm reports whether a form that was sent is from a page of ours, for the
// one who sends it.
func (s *Server) checkForm(c *fiber.Ctx, given string) error {
	st := stateOf(c)
	want := ""
	if st.token != "" {
		want = formToken(st.token)
	} else if before := c.Cookies(s.cfg.Pages.cookie(beforeCookie)); len(before) >= 16 {
		want = formToken(before)
	}
	if want == "" || !hmac.Equal([]byte(want), []byte(given)) {
		return errForm()
	}
	return nil
}

// sameOrigin reports whether a request is one of our own pages', as far as the
// browser says.
func sameOrigin(c *fiber.Ctx) bool {
	switch site := c.Get("Sec-Fetch-Site"); site {
	case "", "same-origin", "none":
	default:
		return false
	}
	origin := c.Get(fiber.HeaderOrigin)
	if origin == "" {
		return true // browsers send it with each post
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, string(c.Request().Host()))
}

func errForm() error {
	return &fault{http.StatusForbidden, "The form is out of date", "", trellis.Errorf(trellis.Denied, "this form is not from your present session, so nothing was done: go back, load the page again, and send it once more")}
}

// flashCookie holds what the page after a redirect is to say.
const flashCookie = "trellis-flash"

// maxFlash bounds what a cookie holds; browsers keep 4 KiB of one.
const maxFlash = 3 << 10

// SetFlash leaves something for the next page of this browser. Nobody else can
// have left it, for it is signed. What is too long is not left.
func SetFlash(c *fiber.Ctx, data []byte) {
	if len(data) <= maxFlash*3/4 {
		text := base64.RawURLEncoding.EncodeToString(data)
		setCookie(c, flashCookie, text+"."+signFlash(c, text), time.Now().Add(5*time.Minute))
	}
}

// TakeFlash returns what was left for this page, and takes it away.
func TakeFlash(c *fiber.Ctx) []byte {
	text, mac, ok := strings.Cut(strings.Clone(c.Cookies(stateOf(c).of.cfg.Pages.cookie(flashCookie))), ".")
	if text == "" {
		return nil
	}
	setCookie(c, flashCookie, "", time.Unix(1, 0))
	if !ok || !hmac.Equal([]byte(mac), []byte(signFlash(c, text))) {
		return nil
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return data
}

func signFlash(c *fiber.Ctx, text string) string {
	st := stateOf(c)
	return sign(st.of.cfg.Pages.Key, "trellis flash\x00"+st.base+"\x00"+trellis.ActorFrom(st.ctx).ID+"\x00"+text)
}
