package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
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

// cookie returns what one of our cookies holds, "" if the browser sends none. If
// it sends two that differ, nobody knows which one is ours, for a neighbour under
// the same domain can set the other: then it is none, and twice.
func (s *Server) cookie(c *fiber.Ctx, name string) (value string, twice bool) {
	name = s.cfg.Pages.cookie(name)
	found := false
	c.Request().Header.VisitAllCookie(func(key, held []byte) {
		if string(key) == name {
			twice = twice || found && value != string(held)
			value, found = string(held), true
		}
	})
	if twice {
		return "", true
	}
	return value, false
}

// Token returns the token by which a request was let in, "" if it was none.
func Token(c *fiber.Ctx) string { return stateOf(c).token }

// SetSession gives the browser a session: the token of a login, in a cookie that
// no script can read. It returns the token that the browser came with, valid here
// or not, for the caller to revoke: whoever signs in is a new session, and leaves
// none behind.
func SetSession(c *fiber.Ctx, token string, expires time.Time) (old string) {
	setCookie(c, sessionCookie, token, expires)
	setCookie(c, beforeCookie, "", time.Unix(1, 0))
	old, _ = stateOf(c).of.cookie(c, sessionCookie)
	return old
}

// EndSession takes the session from the browser, and returns its token, which is
// for the caller to revoke.
func EndSession(c *fiber.Ctx) (old string) {
	setCookie(c, sessionCookie, "", time.Unix(1, 0))
	old, _ = stateOf(c).of.cookie(c, sessionCookie)
	return old
}

func setCookie(c *fiber.Ctx, name, value string, expires time.Time) {
	p := stateOf(c).of.cfg.Pages
	c.Cookie(&fiber.Cookie{
		Name: p.cookie(name), Value: value, Path: "/", Expires: expires, Secure: p.Secure, HTTPOnly: true, SameSite: fiber.CookieSameSiteLaxMode,
	})
}

// CSRF returns the token that the forms of a page carry as the field "csrf". It
// belongs to the session or, where nobody is signed in, to a cookie that this
// answer sets if there is none. It looks different in each page, so that nobody
// learns it from the length of pages that were compressed on the way.
func CSRF(c *fiber.Ctx) string {
	st := stateOf(c)
	if st.csrf != "" {
		return st.csrf
	}
	secret := st.of.secret(c)
	if secret == "" {
		secret = rand.Text()
		setCookie(c, beforeCookie, secret, time.Now().Add(24*time.Hour))
	}
	st.csrf = masked(formMAC(secret))
	return st.csrf
}

// secret is what the tokens of this browser's forms are made of, "" if it has
// brought nothing along.
func (s *Server) secret(c *fiber.Ctx) string {
	if token := stateOf(c).token; token != "" {
		return token
	}
	if before, _ := s.cookie(c, beforeCookie); len(before) >= 16 {
		return before
	}
	return ""
}

const macSize = 18

func macOf(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)[:macSize]
}

func formMAC(secret string) []byte { return macOf([]byte(secret), "trellis form") }

// masked hides mac behind a pad that stands before it.
func masked(mac []byte) string {
	out := make([]byte, 2*macSize)
	_, _ = rand.Read(out[:macSize]) // never fails (crypto/rand, Go 1.24)
	subtle.XORBytes(out[macSize:], out[:macSize], mac)
	return base64.RawURLEncoding.EncodeToString(out)
}

// unmasked returns what was hidden, nil if the text is none of ours.
func unmasked(text string) []byte {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) != 2*macSize {
		return nil
	}
	subtle.XORBytes(raw[macSize:], raw[:macSize], raw[macSize:])
	return raw[macSize:]
}

// checkForm reports whether a form that was sent is from a page of ours, for the
// one who sends it.
func (s *Server) checkForm(c *fiber.Ctx, given []string) error {
	secret := s.secret(c)
	if secret == "" || len(given) != 1 || !hmac.Equal(formMAC(secret), unmasked(given[0])) {
		return errForm()
	}
	return nil
}

func errForm() error {
	return &fault{http.StatusForbidden, "The form is out of date", "", trellis.Errorf(trellis.Denied, "this form is not from your present session, so nothing was done: go back, load the page again, and send it once more")}
}

// errTwice answers a browser that sends two sessions.
func errTwice() error {
	return &fault{http.StatusBadRequest, "Two sessions at once", "", trellis.Errorf(trellis.Invalid, "your browser has sent two sessions, and which one is yours cannot be told: delete the cookies of this site, and sign in again")}
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

// TakeFlash returns what was left for this page, and takes it away, unless only
// the head of the page is asked for.
func TakeFlash(c *fiber.Ctx) []byte {
	held, _ := stateOf(c).of.cookie(c, flashCookie)
	text, mac, ok := strings.Cut(held, ".")
	if text == "" {
		return nil
	}
	if c.Method() != fiber.MethodHead {
		setCookie(c, flashCookie, "", time.Unix(1, 0))
	}
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
	return base64.RawURLEncoding.EncodeToString(macOf(st.of.cfg.Pages.Key, "trellis flash\x00"+st.base+"\x00"+trellis.ActorFrom(st.ctx).String()+"\x00"+text))
}
