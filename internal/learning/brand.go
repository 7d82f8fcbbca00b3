package learning

import (
	"context"
	"regexp"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/line"
	"github.com/trellis-learning/trellis/internal/store"
)

// Brand says how the pages of a tenant are to look. What is absent stays as it is.
type Brand struct {
	Title  string  `json:"title,omitempty" doc:"What the tenant is called."`
	Accent *string `json:"accent,omitempty" doc:"Colour of its pages: # and six hexadecimal digits; empty for the platform's own. Pages move its lightness until text in it can be read."`
	Logo   *string `json:"logo,omitempty" doc:"Its logo: a data: URL of a PNG, a JPEG or a WebP of at most 64 KiB; empty for none."`
}

// Brand changes how the pages of the tenant of ctx look: event [TenantChanged].
func (l *Learning) Brand(ctx context.Context, in Brand) (Tenant, error) {
	name, err := store.Tenant(ctx)
	if err != nil {
		return Tenant{}, err
	}
	if name == trellis.PlatformTenant {
		return Tenant{}, errOperatorsOnly()
	}
	if in.Title != "" {
		if in.Title, err = line.Clean("the title of the tenant", in.Title, 1, 255); err != nil {
			return Tenant{}, err
		}
	}
	return l.changeTenant(ctx, name, in, func(present Tenant, found bool) (Tenant, error) {
		if !found {
			return present, trellis.Errorf(trellis.NotFound, "tenant %q", name)
		}
		if in.Title != "" {
			present.Title = in.Title
		}
		return present, nil
	})
}

var accentPattern = regexp.MustCompile(`^#[0-9a-f]{6}$`)

// look is how the pages of a tenant are to look, checked.
type look struct {
	accent *string
	logo   *logo
}

func (in Brand) look() (look, error) {
	var k look
	if in.Accent != nil {
		accent := strings.ToLower(*in.Accent)
		if accent != "" && !accentPattern.MatchString(accent) {
			return k, trellis.Errorf(trellis.Invalid, "%.40q is no colour: # and six hexadecimal digits, such as #0b6277", *in.Accent)
		}
		k.accent = &accent
	}
	if in.Logo != nil {
		var g logo
		if *in.Logo != "" {
			var err error
			if g, err = readLogo(*in.Logo); err != nil {
				return k, err
			}
		}
		k.logo = &g
	}
	return k, nil
}
