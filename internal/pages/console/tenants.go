package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

func (p *Pages) tenantPages() []frame.Page {
	write := "tenants:write"
	return []frame.Page{
		{Method: "GET", Path: "/console/tenants", Name: "console.tenants", Summary: "Every tenant of the platform.", Permission: write, Platform: true, Handle: behind(write, p.tenants)},
		{Method: "GET", Path: "/console/tenants/new", Name: "console.tenants.new", Summary: "Where one makes a tenant.", Permission: write, Platform: true, Handle: behind(write, p.newTenant)},
		{Method: "POST", Path: "/console/tenants/new", Name: "console.tenants.new.post", Summary: "Makes a tenant.", Permission: write, Platform: true, Handle: behind(write, p.makeTenant)},
		{Method: "GET", Path: "/console/tenants/:tenant", Name: "console.tenant", Summary: "A tenant: what it is called and where it is.", Permission: write, Platform: true, Handle: behind(write, p.aTenant)},
		{Method: "POST", Path: "/console/tenants/:tenant", Name: "console.tenant.post", Summary: "Changes a tenant.", Permission: write, Platform: true, Handle: behind(write, p.changeTenant)},
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

func (p *Pages) tenants(r *frame.Request) error {
	q, err := r.Query()
	if err != nil {
		return err
	}
	list, err := frame.Call[learning.List[learning.Tenant]](r, "tenants.list", struct{}{})
	if err != nil {
		return err
	}
	d := tenantsPage{bar: navigate(r, "/console/tenants"), Text: q.Get("q"), All: len(list.Items), Here: r.Tenant()}
	text := strings.ToLower(strings.TrimSpace(d.Text))
	for _, t := range list.Items {
		if strings.Contains(strings.ToLower(t.Name+"\n"+t.Title+"\n"+t.Host), text) {
			d.Rows = append(d.Rows, t)
		}
	}
	v := viewOf("Tenants")
	v.Lead, v.Data = "The schools of this platform. Each has its own people, courses and extensions.", d
	v.Code = []frame.Code{{CLI: "trellis tenant list", HTTP: "GET /api/v1/tenants"}}
	return r.Show("tenants", v)
}

// tenantForm is the form of a tenant.
type tenantForm struct {
	bar
	T      learning.Tenant
	New    bool
	Action string
	Faults map[string]string
}

func (p *Pages) newTenant(r *frame.Request) error {
	return showTenant(r, http.StatusOK, learning.Tenant{}, true, nil)
}

func showTenant(r *frame.Request, status int, t learning.Tenant, isNew bool, faults []frame.Fault) error {
	d := tenantForm{navigate(r, "/console/tenants"), t, isNew, "/console/tenants/new", map[string]string{}}
	v := viewOf("Make a tenant", frame.Link{Text: "Tenants", Path: "/console/tenants"})
	v.Code = []frame.Code{{CLI: "trellis tenant put NAME -title TITLE", HTTP: "PUT /api/v1/tenants/NAME"}}
	if !isNew {
		d.Action = "/console/tenants/" + url.PathEscape(t.Name)
		v.Title = t.Title
		v.Code = []frame.Code{{CLI: "trellis tenant put " + t.Name + " -title TITLE", HTTP: "PUT /api/v1/tenants/" + t.Name}}
	}
	for _, f := range faults {
		d.Faults[f.Field] = f.Text
	}
	v.Width, v.Data, v.Faults = "narrow", d, faults
	return r.ShowAs(status, "tenant", v)
}

// tenantSent is the tenant that a form has sent.
func tenantSent(r *frame.Request, name string) learning.Tenant {
	return learning.Tenant{Name: name, Title: strings.TrimSpace(r.Value("title")), Host: strings.TrimSpace(r.Value("host")), Open: r.Value("open") != ""}
}

func (p *Pages) makeTenant(r *frame.Request) error {
	t := tenantSent(r, strings.TrimSpace(r.Value("name")))
	list, err := frame.Call[learning.List[learning.Tenant]](r, "tenants.list", struct{}{})
	if err != nil {
		return err
	}
	for _, other := range list.Items {
		if other.Name == t.Name {
			return showTenant(r, http.StatusConflict, t, true, []frame.Fault{{Field: "name", Text: "There is a tenant " + t.Name + " already: choose another name, or change that one."}})
		}
	}
	return p.putTenant(r, t, true, nil)
}

func (p *Pages) putTenant(r *frame.Request, t learning.Tenant, isNew bool, before *learning.Tenant) error {
	if _, err := frame.Call[learning.Tenant](r, "tenants.put", learning.PutTenant{Name: t.Name, Title: t.Title, Host: t.Host, Open: t.Open}); err != nil {
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
		return showTenant(r, http.StatusBadRequest, t, isNew, faults)
	}
	n := frame.Notice{State: "ok", Text: t.Title + " is there. Go in, and make an account for its administrator."}
	if before != nil {
		fields := map[string]string{"title": before.Title, "host": before.Host}
		if before.Open {
			fields["open"] = "on"
		}
		n = frame.Notice{State: "ok", Text: t.Title + " is changed.", Undo: &frame.Undo{Action: "/console/tenants/" + url.PathEscape(t.Name), Fields: fields}}
	}
	return r.Done("/console/tenants", n)
}

// tenantNamed returns the tenant that a page is about.
func (p *Pages) tenantNamed(r *frame.Request) (learning.Tenant, error) {
	name, err := r.Param("tenant")
	if err != nil {
		return learning.Tenant{}, err
	}
	list, err := frame.Call[learning.List[learning.Tenant]](r, "tenants.list", struct{}{})
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

func (p *Pages) aTenant(r *frame.Request) error {
	t, err := p.tenantNamed(r)
	if err != nil {
		return err
	}
	return showTenant(r, http.StatusOK, t, false, nil)
}

func (p *Pages) changeTenant(r *frame.Request) error {
	before, err := p.tenantNamed(r)
	if err != nil {
		return err
	}
	return p.putTenant(r, tenantSent(r, before.Name), false, &before)
}
