package pages

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

func (p *Pages) consoleTenants() []page {
	write := "tenants:write"
	return []page{
		{method: "GET", path: "/console/tenants", name: "console.tenants", summary: "Every tenant of the platform.", permission: write, platform: true, handle: behind(write, p.tenants)},
		{method: "GET", path: "/console/tenants/new", name: "console.tenants.new", summary: "Where one makes a tenant.", permission: write, platform: true, handle: behind(write, p.newTenant)},
		{method: "POST", path: "/console/tenants/new", name: "console.tenants.new.post", summary: "Makes a tenant.", permission: write, platform: true, handle: behind(write, p.makeTenant)},
		{method: "GET", path: "/console/tenants/:tenant", name: "console.tenant", summary: "A tenant: what it is called and where it is.", permission: write, platform: true, handle: behind(write, p.aTenant)},
		{method: "POST", path: "/console/tenants/:tenant", name: "console.tenant.post", summary: "Changes a tenant.", permission: write, platform: true, handle: behind(write, p.changeTenant)},
	}
}

type tenantsPage struct {
	bar
	Rows     []learning.Tenant
	Text     string
	All      int
	Here     string
	Filtered bool
}

func (p *Pages) tenants(r *request) error {
	q, err := r.query()
	if err != nil {
		return err
	}
	list, err := call[learning.List[learning.Tenant]](r, "tenants.list", struct{}{})
	if err != nil {
		return err
	}
	d := tenantsPage{bar: r.navigate("/console/tenants"), Text: q.Get("q"), All: len(list.Items), Here: r.tenant()}
	text := strings.ToLower(strings.TrimSpace(d.Text))
	for _, t := range list.Items {
		if strings.Contains(strings.ToLower(t.Name+"\n"+t.Title+"\n"+t.Host), text) {
			d.Rows = append(d.Rows, t)
		}
	}
	v := consoleView("Tenants")
	v.Lead, v.Data = "The schools of this platform. Each has its own people, courses and extensions.", d
	v.Code = []code{{CLI: "trellis tenant list", HTTP: "GET /api/v1/tenants"}}
	return r.show("console_tenants", v)
}

// tenantForm is the form of a tenant.
type tenantForm struct {
	bar
	T      learning.Tenant
	New    bool
	Action string
	Faults map[string]string
}

func (p *Pages) newTenant(r *request) error {
	return r.showTenant(http.StatusOK, learning.Tenant{}, true, nil)
}

func (r *request) showTenant(status int, t learning.Tenant, isNew bool, faults []fault) error {
	d := tenantForm{r.navigate("/console/tenants"), t, isNew, "/console/tenants/new", map[string]string{}}
	v := consoleView("Make a tenant", link{"Tenants", "/console/tenants"})
	v.Code = []code{{CLI: "trellis tenant put NAME -title TITLE", HTTP: "PUT /api/v1/tenants/NAME"}}
	if !isNew {
		d.Action = "/console/tenants/" + url.PathEscape(t.Name)
		v.Title = t.Title
		v.Code = []code{{CLI: "trellis tenant put " + t.Name + " -title TITLE", HTTP: "PUT /api/v1/tenants/" + t.Name}}
	}
	for _, f := range faults {
		d.Faults[f.Field] = f.Text
	}
	v.Width, v.Data, v.Faults = "narrow", d, faults
	return r.showAs(status, "console_tenant", v)
}

// tenantSent is the tenant that a form has sent.
func (r *request) tenantSent(name string) learning.Tenant {
	return learning.Tenant{Name: name, Title: strings.TrimSpace(r.value("title")), Host: strings.TrimSpace(r.value("host")), Open: r.value("open") != ""}
}

func (p *Pages) makeTenant(r *request) error {
	t := r.tenantSent(strings.TrimSpace(r.value("name")))
	list, err := call[learning.List[learning.Tenant]](r, "tenants.list", struct{}{})
	if err != nil {
		return err
	}
	for _, other := range list.Items {
		if other.Name == t.Name {
			return r.showTenant(http.StatusConflict, t, true, []fault{{"name", "There is a tenant " + t.Name + " already: choose another name, or change that one."}})
		}
	}
	return p.putTenant(r, t, true, nil)
}

func (p *Pages) putTenant(r *request, t learning.Tenant, isNew bool, before *learning.Tenant) error {
	if _, err := call[learning.Tenant](r, "tenants.put", learning.PutTenant{Name: t.Name, Title: t.Title, Host: t.Host, Open: t.Open}); err != nil {
		field := "title"
		switch text := err.Error(); {
		case strings.Contains(text, "cannot name a tenant"):
			field = "name"
		case strings.Contains(text, "host name"):
			field = "host"
		}
		faults, err := faultOf(err, field)
		if err != nil {
			return err
		}
		return r.showTenant(http.StatusBadRequest, t, isNew, faults)
	}
	n := notice{State: "ok", Text: t.Title + " is there. Go in, and make an account for its administrator."}
	if before != nil {
		fields := map[string]string{"title": before.Title, "host": before.Host}
		if before.Open {
			fields["open"] = "on"
		}
		n = notice{State: "ok", Text: t.Title + " is changed.", Undo: &undo{Action: "/console/tenants/" + url.PathEscape(t.Name), Fields: fields}}
	}
	return r.done("/console/tenants", n)
}

// tenantNamed returns the tenant that a page is about.
func (p *Pages) tenantNamed(r *request) (learning.Tenant, error) {
	name, err := r.param("tenant")
	if err != nil {
		return learning.Tenant{}, err
	}
	list, err := call[learning.List[learning.Tenant]](r, "tenants.list", struct{}{})
	if err != nil {
		return learning.Tenant{}, err
	}
	for _, t := range list.Items {
		if t.Name == name {
			return t, nil
		}
	}
	return learning.Tenant{}, trellis.Errorf(trellis.NotFound, "there is no tenant %.40q", name)
}

func (p *Pages) aTenant(r *request) error {
	t, err := p.tenantNamed(r)
	if err != nil {
		return err
	}
	return r.showTenant(http.StatusOK, t, false, nil)
}

func (p *Pages) changeTenant(r *request) error {
	before, err := p.tenantNamed(r)
	if err != nil {
		return err
	}
	return p.putTenant(r, r.tenantSent(before.Name), false, &before)
}
