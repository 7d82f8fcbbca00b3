package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
)

type extTrustCmd struct {
	remote
	Publisher string `arg:"" optional:"" help:"Publisher: the first half of the IDs of its extensions."`
	Key       string `arg:"" optional:"" help:"Public key in base64, or a file with it."`
	Remove    bool   `help:"Trust it no longer."`
}

func (c *extTrustCmd) Run(e *env) error {
	if c.Publisher == "" {
		var list extensions.List[extensions.Key]
		if err := c.do(e.ctx, "GET", "/api/v1/keys", nil, nil, &list); err != nil {
			return err
		}
		e.show(list, func(w io.Writer) {
			if len(list.Items) == 0 {
				fmt.Fprintln(w, "No key is trusted. Next: trellis ext trust PUBLISHER KEY")
			}
			for _, k := range list.Items {
				fmt.Fprintf(w, "%s\t%s\t%s\n", k.Publisher, k.Fingerprint, when(k.Added))
			}
		})
		return nil
	}
	if c.Remove {
		if err := c.do(e.ctx, "DELETE", "/api/v1/keys/"+seg(c.Publisher), nil, nil, nil); err != nil {
			return err
		}
		e.done(map[string]string{"publisher": c.Publisher, "state": "not trusted"}, "%s is trusted no longer. Next: trellis ext trust", c.Publisher)
		return nil
	}
	if c.Key == "" {
		return trellis.Errorf(trellis.Invalid, "say the publisher's key, or the file that it is in")
	}
	if raw, err := os.ReadFile(c.Key); err == nil {
		c.Key = strings.TrimSpace(string(raw))
	}
	var k extensions.Key
	if err := c.do(e.ctx, "PUT", "/api/v1/keys/"+seg(c.Publisher), nil, map[string]string{"key": c.Key}, &k); err != nil {
		return err
	}
	e.show(k, func(w io.Writer) {
		fmt.Fprintf(w, "%s is bound to %s. Next: trellis ext install FILE\n", k.Publisher, k.Fingerprint)
	})
	return nil
}

type extKeygenCmd struct {
	File string `arg:"" default:"trellis-key.pem" help:"File for the private key; the public one goes beside it."`
}

func (c *extKeygenCmd) Run(e *env) error {
	if _, err := os.Stat(c.File); err == nil {
		return advise(trellis.Errorf(trellis.Conflict, "%s exists already", c.File), "say another file: trellis ext keygen FILE")
	}
	private, public, err := bundle.GenerateKey()
	if err != nil {
		return err
	}
	if err := writeFile(c.File, private); err != nil {
		return err
	}
	if err := os.WriteFile(c.File+".pub", []byte(bundle.EncodeKey(public)+"\n"), 0o644); err != nil {
		return err
	}
	e.show(map[string]string{"file": c.File, "public": bundle.EncodeKey(public), "fingerprint": bundle.Fingerprint(public)}, func(w io.Writer) {
		fmt.Fprintf(w, "%s: keep it to yourself. %s.pub is for others.\n\nNext: trellis ext sign BUNDLE -key %s; an operator: trellis ext trust PUBLISHER %s.pub\n", c.File, c.File, c.File, c.File)
	})
	return nil
}

type extSignCmd struct {
	File string `arg:"" type:"existingfile" help:"Bundle to sign; it is replaced."`
	Key  string `required:"" type:"existingfile" help:"Private key."`
}

func (c *extSignCmd) Run(e *env) error {
	b, err := open(c.File)
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(c.Key)
	if err != nil {
		return err
	}
	key, err := bundle.ParseKey(raw)
	if err != nil {
		return err
	}
	b.Sign(key)
	if err := replace(c.File, 0o644, func(w io.Writer) error { return b.Write(w) }); err != nil {
		return err
	}
	e.done(map[string]string{"file": c.File, "publisher": b.Manifest.Publisher()}, "%s is signed in the name of %s. Next: trellis ext install %s", c.File, b.Manifest.Publisher(), c.File)
	return nil
}
