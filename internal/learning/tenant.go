package learning

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/line"
	"github.com/trellis-learning/trellis/internal/store"
)

// Tenant is one customer of the platform: its people and courses are its own.
type Tenant struct {
	Name    string    `json:"name" doc:"The tenant's name, as it stands in addresses."`
	Title   string    `json:"title" doc:"What it is called."`
	Host    string    `json:"host,omitempty" doc:"Host name that belongs to the tenant alone."`
	Open    bool      `json:"open" doc:"Whether people may register themselves."`
	Accent  string    `json:"accent,omitempty" doc:"Colour of its pages: # and six hexadecimal digits; absent for the platform's own."`
	Logo    string    `json:"logo,omitempty" doc:"Digest of its logo, which is at /brand/DIGEST; absent for none."`
	Created time.Time `json:"created" doc:"When it was made."`
	Event   string    `json:"event" doc:"ID of the last event that changed it."`
}

// PutTenant says which tenant is to be, and how.
type PutTenant struct {
	Name  string `json:"name" doc:"The tenant's name: a lower-case letter, then up to 30 letters, digits or hyphens."`
	Title string `json:"title" doc:"What it is called."`
	Host  string `json:"host,omitempty" doc:"Host name that belongs to the tenant alone."`
	Open  bool   `json:"open,omitempty" doc:"Whether people may register themselves."`

	Accent *string `json:"accent,omitempty" doc:"Colour of its pages: # and six hexadecimal digits; empty for the platform's own, absent for the present one."`
	Logo   *string `json:"logo,omitempty" doc:"Its logo: a data: URL of a PNG, a JPEG or a WebP of at most 64 KiB; empty for none, absent for the present one."`
}

// PutTenant makes a tenant or changes it: event [TenantChanged], in the tenant
// itself. Only the platform's operators may.
func (l *Learning) PutTenant(ctx context.Context, in PutTenant) (Tenant, error) {
	title, err := line.Clean("the title of the tenant", in.Title, 1, 255)
	in.Host = hostName(in.Host)
	switch actor := trellis.ActorFrom(ctx); {
	case !actor.Is(trellis.RoleOperator) && actor.Kind != trellis.SystemActor:
		return Tenant{}, trellis.Errorf(trellis.Denied, "only operators make or change tenants")
	case !trellis.ValidTenant(in.Name):
		return Tenant{}, trellis.Errorf(trellis.Invalid, "%.80q cannot name a tenant: a lower-case letter, then up to 30 letters, digits or hyphens", in.Name)
	case err != nil:
		return Tenant{}, err
	case in.Host != "" && (len(in.Host) > 253 || !hostPattern.MatchString(in.Host)):
		return Tenant{}, trellis.Errorf(trellis.Invalid, "%.80q is not a host name", in.Host)
	}
	return l.changeTenant(ctx, in.Name, Brand{Accent: in.Accent, Logo: in.Logo}, func(present Tenant, found bool) (Tenant, error) {
		if !found {
			present.Name, present.Created = in.Name, now()
		}
		present.Title, present.Host, present.Open = title, in.Host, in.Open
		return present, nil
	})
}

// changeTenant writes a tenant as change wants it, and how it looks, and emits
// that it has changed, if it has.
func (l *Learning) changeTenant(ctx context.Context, name string, in Brand, change func(present Tenant, found bool) (Tenant, error)) (Tenant, error) {
	k, err := in.look()
	if err != nil {
		return Tenant{}, err
	}
	actor := trellis.ActorFrom(ctx)
	actor.Tenant = name // the event belongs to the tenant that it is about
	ctx = trellis.WithActor(ctx, actor)
	m := newEmission(ctx)
	var t Tenant
	err = l.write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		present, err := tenantByName(ctx, tx, name)
		if err != nil && trellis.KindOf(err) != trellis.NotFound {
			return err
		}
		if t, err = change(present, err == nil); err != nil {
			return err
		}
		if k.accent != nil {
			t.Accent = *k.accent
		}
		if k.logo != nil {
			t.Logo = k.logo.digest
		}
		if t == present {
			return nil
		}
		if t.Logo != present.Logo {
			if err := k.logo.put(ctx, tx, name); err != nil {
				return err
			}
		}
		e, err := TenantChanged.New(ctx, "tenants/"+t.Name, TenantPayload{t.Name, t.Title, t.Accent, t.Logo})
		if t.Event, err = m.emit(ctx, tx, 0, e, err); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO tenants (name, title, host, open, accent, logo, created, event) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET title = excluded.title, host = excluded.host, open = excluded.open, accent = excluded.accent, logo = excluded.logo, event = excluded.event`,
			t.Name, t.Title, t.Host, t.Open, t.Accent, t.Logo, store.Micros(t.Created), t.Event)
		if trellis.KindOf(err) == trellis.Conflict {
			return trellis.Errorf(trellis.Conflict, "the host name %s belongs to another tenant", t.Host)
		}
		return err
	}))
	l.tenants.forget()
	return t, err
}

// hostPattern takes in host names as browsers send them: names of another script
// in the form xn--….
var hostPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)

// hostName is a host name as it is compared.
func hostName(s string) string { return strings.ToLower(strings.TrimSuffix(s, ".")) }

// Tenant returns the tenant of ctx.
func (l *Learning) Tenant(ctx context.Context) (Tenant, error) {
	name, err := store.Tenant(ctx)
	if err != nil {
		return Tenant{}, err
	}
	var t Tenant
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		t, err = tenantByName(ctx, tx, name)
		return err
	})
	return t, err
}

// Tenants returns every tenant, for operators.
func (l *Learning) Tenants(ctx context.Context) ([]Tenant, error) {
	if actor := trellis.ActorFrom(ctx); !actor.Is(trellis.RoleOperator) && actor.Kind != trellis.SystemActor {
		return nil, trellis.Errorf(trellis.Denied, "only operators see every tenant")
	}
	return l.allTenants(ctx)
}

func (l *Learning) allTenants(ctx context.Context) (all []Tenant, err error) {
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+tenantColumns+` FROM tenants ORDER BY name`)
		if err != nil {
			return err
		}
		all, err = collect(rows, scanTenant)
		return err
	})
	return all, err
}

// TenantOfHost returns the tenant that a host name belongs to. What it knows is
// at most a second old.
func (l *Learning) TenantOfHost(ctx context.Context, host string) (string, bool) {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	hosts, _, err := l.known(ctx)
	if err != nil {
		l.log.Warn("tenants could not be read", "err", err)
		return "", false
	}
	name, ok := hosts[hostName(host)]
	return name, ok
}

// TenantExists reports whether there is such a tenant.
func (l *Learning) TenantExists(ctx context.Context, name string) (bool, error) {
	_, names, err := l.known(ctx)
	_, ok := names[name]
	return ok, err
}

func (l *Learning) known(ctx context.Context) (hosts, names map[string]string, err error) {
	c := &l.tenants
	c.Lock()
	defer c.Unlock()
	if time.Now().Before(c.until) {
		return c.hosts, c.names, nil
	}
	all, err := l.allTenants(ctx)
	if err != nil {
		return nil, nil, err
	}
	c.hosts, c.names = map[string]string{}, map[string]string{trellis.PlatformTenant: ""}
	for _, t := range all {
		c.names[t.Name] = t.Title
		if t.Host != "" {
			c.hosts[t.Host] = t.Name
		}
	}
	c.until = time.Now().Add(time.Second)
	return c.hosts, c.names, nil
}

func (c *tenantCache) forget() {
	c.Lock()
	c.until = time.Time{}
	c.Unlock()
}

const tenantColumns = `name, title, host, open, accent, logo, created, event`

func scanTenant(row interface{ Scan(...any) error }) (Tenant, error) {
	var t Tenant
	var created int64
	err := row.Scan(&t.Name, &t.Title, &t.Host, &t.Open, &t.Accent, &t.Logo, &created, &t.Event)
	t.Created = store.FromMicros(created)
	return t, err
}

func tenantByName(ctx context.Context, tx *store.Tx, name string) (Tenant, error) {
	t, err := scanTenant(tx.QueryRow(ctx, `SELECT `+tenantColumns+` FROM tenants WHERE name = ?`, name))
	if errors.Is(err, sql.ErrNoRows) {
		return t, trellis.Errorf(trellis.NotFound, "tenant %q", name)
	}
	return t, err
}

// Organisation gives courses. It stands between the tenant and the course.
type Organisation struct {
	Key   string `json:"key" doc:"The organisation's key, as it stands in course keys."`
	Title string `json:"title" doc:"What it is called."`
	Event string `json:"event,omitempty" doc:"ID of the last event that changed it."`
}

// OrganisationChange is an organisation to be made or renamed.
type OrganisationChange struct {
	Organisation Organisation
	Outcome      Outcome
	ifAbsent     bool // leave one that exists as it is
	emission     emission
}

// PutOrganisation makes an organisation or renames it: event
// [OrganisationChanged].
func (l *Learning) PutOrganisation(ctx context.Context, in Organisation) (Organisation, error) {
	c, err := PrepareOrganisation(ctx, in)
	if err != nil {
		return Organisation{}, err
	}
	if err := l.write(ctx, c); err != nil {
		return Organisation{}, err
	}
	return c.Organisation, nil
}

// PrepareOrganisation prepares [Learning.PutOrganisation].
func PrepareOrganisation(ctx context.Context, in Organisation) (*OrganisationChange, error) {
	if trellis.ActorFrom(ctx).Tenant == trellis.PlatformTenant {
		return nil, errOperatorsOnly()
	}
	if !trellis.ValidOrganisation(in.Key) {
		return nil, trellis.Errorf(trellis.Invalid, "%.80q cannot be the key of an organisation: letters, digits and . _ ~ -, at most 64", in.Key)
	}
	title, err := line.Clean("the title of the organisation", in.Title, 1, 255)
	if err != nil {
		return nil, err
	}
	return &OrganisationChange{Organisation: Organisation{Key: in.Key, Title: title}, emission: newEmission(ctx)}, nil
}

// Apply implements [store.Change].
func (c *OrganisationChange) Apply(ctx context.Context, tx *store.Tx) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	o := &c.Organisation
	var title, event string
	err = tx.QueryRow(ctx, `SELECT title, event FROM organisations WHERE tenant = ? AND key = ?`, tenant, o.Key).Scan(&title, &event)
	switch {
	case err == nil && (c.ifAbsent || title == o.Title):
		o.Title, o.Event, c.Outcome = title, event, Unchanged
		return nil
	case err == nil:
		c.Outcome = Changed
	case errors.Is(err, sql.ErrNoRows):
		c.Outcome = Created
	default:
		return err
	}
	o.Event = c.emission.of(0)
	if _, err := tx.Exec(ctx, `INSERT INTO organisations (tenant, key, title, event) VALUES (?, ?, ?, ?)
		ON CONFLICT (tenant, key) DO UPDATE SET title = excluded.title, event = excluded.event`, tenant, o.Key, o.Title, o.Event); err != nil {
		return err
	}
	e, err := OrganisationChanged.New(ctx, "organisations/"+o.Key, OrganisationPayload{o.Key, o.Title})
	_, err = c.emission.emit(ctx, tx, 0, e, err)
	return err
}

func scanOrganisation(row interface{ Scan(...any) error }) (Organisation, error) {
	var o Organisation
	err := row.Scan(&o.Key, &o.Title, &o.Event)
	return o, err
}

// errOperatorsOnly answers an operator who has not said in which tenant to act.
func errOperatorsOnly() error {
	return trellis.Errorf(trellis.Invalid, "the platform's own tenant has operators and nothing else: name the tenant that you mean")
}
