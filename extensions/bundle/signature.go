package bundle

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"

	"github.com/trellis-learning/trellis"
)

// Signature is signature.json: who vouches for a bundle.
type Signature struct {
	Publisher string `json:"publisher"`
	Key       string `json:"key"` // Ed25519 public key, base64
	Sig       string `json:"sig"` // over the digest, base64
}

// signedPrefix keeps a signature of a bundle from being one of anything else.
const signedPrefix = "trellis-extension-1\n"

// GenerateKey returns a new private key, as a PEM block (PKCS #8).
func GenerateKey() ([]byte, ed25519.PublicKey, error) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), pub, nil
}

// ParseKey reads a private key that [GenerateKey] made.
func ParseKey(raw []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, trellis.Errorf(trellis.Invalid, "the key is not a PEM file")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "the key is not a private key (PKCS #8)")
	}
	priv, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, trellis.Errorf(trellis.Invalid, "the key is not an Ed25519 key")
	}
	return priv, nil
}

// Fingerprint names a public key for people: "ed25519:" and 32 hexadecimal
// digits.
func Fingerprint(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return "ed25519:" + hex.EncodeToString(sum[:16])
}

// ParsePublicKey reads a public key as signature.json has it.
func ParsePublicKey(s string) (ed25519.PublicKey, error) {
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return nil, trellis.Errorf(trellis.Invalid, "%.80q is not an Ed25519 public key in base64", s)
	}
	return raw, nil
}

// Sign vouches for the bundle in the name of its publisher.
func (b *Archive) Sign(key ed25519.PrivateKey) {
	pub, _ := key.Public().(ed25519.PublicKey)
	b.Signature = &Signature{
		Publisher: b.Manifest.Publisher(), Key: base64.StdEncoding.EncodeToString(pub),
		Sig: base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(signedPrefix+b.Digest))),
	}
}

// Verify checks the signature against the bundle and returns the key that made
// it. Whether the key is trusted is another question.
func (b *Archive) Verify() (ed25519.PublicKey, error) {
	if b.Signature == nil {
		return nil, trellis.Errorf(trellis.Invalid, "the bundle is not signed")
	}
	key, err := ParsePublicKey(b.Signature.Key)
	if err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "%s: %w", signatureFile, err)
	}
	sig, err := base64.StdEncoding.DecodeString(b.Signature.Sig)
	switch {
	case b.Signature.Publisher != b.Manifest.Publisher():
		return nil, trellis.Errorf(trellis.Invalid, "%s signed it, but the extension is %s's", b.Signature.Publisher, b.Manifest.Publisher())
	case err != nil || !ed25519.Verify(key, []byte(signedPrefix+b.Digest), sig):
		return nil, trellis.Errorf(trellis.Invalid, "the signature does not fit: the bundle was changed after it was signed")
	}
	return key, nil
}

func readSignature(raw []byte) (*Signature, error) {
	var s Signature
	if err := trellis.DecodeStrict(raw, &s); err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "%s: %s", signatureFile, err)
	}
	return &s, nil
}

func (s *Signature) encode() ([]byte, error) { return json.MarshalIndent(s, "", "  ") }

// EncodeKey writes a public key as signature.json has it.
func EncodeKey(key ed25519.PublicKey) string { return base64.StdEncoding.EncodeToString(key) }
