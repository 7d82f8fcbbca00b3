package slots

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
)

// offer is what a button or form stands for: the export that it asks, with what,
// and who may send it, on which page, until when. It goes out in the page and comes
// back with what was entered, signed, so that nobody can ask for anything else.
type offer struct {
	ID      string      `json:"id"`   // of this showing of the form
	Hook    string      `json:"hook"` // of the slot that showed it, with the installation in it
	Version string      `json:"version"`
	Slot    string      `json:"slot"`
	Tenant  string      `json:"tenant"`
	Course  string      `json:"course,omitempty"`
	Person  string      `json:"person"`
	Ends    int64       `json:"ends"` // Unix seconds
	Action  tree.Action `json:"action"`
}

// maxOffer bounds a description, in bytes of its JSON.
const maxOffer = 64 << 10

// offerField is the hidden input that says what was offered.
const offerField = "_hook"

// offers signs descriptions, and reads them again.
type offers struct{ key []byte }

// seal returns a description as it stands in a page, "" for one that is too large.
func (o offers) seal(f offer) string {
	raw, err := json.Marshal(f)
	if err != nil || len(raw) > maxOffer {
		return ""
	}
	text := base64.RawURLEncoding.EncodeToString(raw)
	return text + "." + base64.RawURLEncoding.EncodeToString(o.mac(text))
}

func (o offers) mac(text string) []byte {
	h := hmac.New(sha256.New, o.key)
	_, _ = h.Write([]byte(text))
	return h.Sum(nil)
}

// errForged says nothing more, so that nobody learns from it.
func errForged() error {
	return trellis.Errorf(trellis.Denied, "this form was not made for you on this page, so nothing was done: load the page again, and send it once more")
}

// open returns a description that came back. It does not say whether it still
// holds. The error's kind is [trellis.Denied].
func (o offers) open(sealed string) (f offer, err error) {
	text, mac, ok := strings.Cut(sealed, ".")
	if !ok || len(text) > base64.RawURLEncoding.EncodedLen(maxOffer) {
		return f, errForged()
	}
	given, err := base64.RawURLEncoding.Strict().DecodeString(mac)
	if err != nil || !hmac.Equal(given, o.mac(text)) {
		return f, errForged()
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, &f) != nil {
		return offer{}, errForged()
	}
	return f, nil
}

// ended reports whether it is too late to send the form.
func (f offer) ended(now time.Time) bool { return now.Unix() > f.Ends }
