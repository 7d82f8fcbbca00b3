package pages

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
)

func (p *Pages) consolePerson() []page {
	read, write := "users:read", "users:write"
	at := "/console/people/:person"
	return []page{
		{method: "GET", path: at, name: "console.person", summary: "An account, with its roles.", permission: read, platform: true, handle: behind(read, p.person)},
		{method: "POST", path: at, name: "console.person.post", summary: "Changes what an account is called.", permission: write, platform: true, handle: behind(write, p.changePerson)},
		{method: "POST", path: at + "/active", name: "console.person.active", summary: "Switches an account off or on.", permission: write, platform: true, handle: behind(write, p.activatePerson)},
		{method: "POST", path: at + "/password", name: "console.person.password", summary: "Gives somebody another password.", permission: write, platform: true, handle: behind(write, p.setPersonPassword)},
		{method: "POST", path: at + "/roles", name: "console.person.roles", summary: "Gives or takes a role.", permission: "roles:write", platform: true, handle: behind("roles:write", p.changeRole)},
		{method: "GET", path: at + "/erase", name: "console.person.erase", summary: "Says what erasing somebody means.", permission: write, platform: true, handle: behind(write, p.erasePage)},
		{method: "POST", path: at + "/erase", name: "console.person.erase.post", summary: "Erases somebody for good.", permission: write, platform: true, handle: behind(write, p.erasePerson)},
	}
}

// roleRow is a role that somebody has.
type roleRow struct {
	learning.RoleAssignment
	Text string
}

type personPage struct {
	bar
	Person      trellis.User
	Name        string
	Self        bool
	MayWrite    bool
	MayRoles    bool
	Roles       []roleRow
	Enrollments []learning.Enrollment
	More        bool
	Offer       []pickable // roles that can be given
	Course      string     // entered
	Faults      map[string]string
}

// somebody returns whom a page is about.
func (p *Pages) somebody(r *request) (trellis.User, error) {
	id, err := r.param("person")
	if err != nil {
		return trellis.User{}, err
	}
	return call[trellis.User](r, "users.get", learning.GetUser{ID: id})
}

func (p *Pages) person(r *request) error {
	u, err := p.somebody(r)
	if err != nil {
		return err
	}
	return p.showPerson(r, http.StatusOK, u, nil)
}

func personPath(id string) string { return "/console/people/" + url.PathEscape(id) }

func (p *Pages) showPerson(r *request, status int, u trellis.User, faults []fault) error {
	d := personPage{bar: r.navigate("/console/people"), Person: u, Name: called(u), Self: trellis.ActorFrom(r.ctx).ID == u.ID,
		MayWrite: can(r.ctx, "users:write", hostapi.Scope{}), MayRoles: can(r.ctx, "roles:write", hostapi.Scope{}), Course: r.value("course"), Faults: map[string]string{}}
	for _, f := range faults {
		d.Faults[f.Field] = f.Text
	}
	roles, err := call[learning.List[learning.RoleAssignment]](r, "roles.list", learning.ListRoles{Page: learning.Page{Limit: 200}, Person: u.ID})
	if err != nil {
		return err
	}
	for _, a := range roles.Items {
		d.Roles = append(d.Roles, roleRow{a, roleWords(a.Role, a.Organisation, a.Course)})
	}
	if r.tenant() == trellis.PlatformTenant {
		d.Offer = options(r.value("role"), trellis.RoleOperator, "Operator of the platform")
	} else {
		d.Offer = options(r.value("role"), trellis.RoleStaff, "Staff", trellis.RoleTenantAdmin, "Administrator")
		in, err := call[learning.List[learning.Enrollment]](r, "enrollments.list", learning.ListEnrollments{Page: learning.Page{Limit: 50}, Person: u.ID})
		if err != nil {
			return err
		}
		d.Enrollments, d.More = in.Items, in.Next != ""
	}
	v := consoleView(d.Name, link{"People", "/console/people"})
	v.Data, v.Faults = d, faults
	v.Code = []code{{HTTP: "GET /api/v1/users/" + u.ID}, {What: "Switch the account off", CLI: "trellis user deactivate " + u.ID, HTTP: "PATCH /api/v1/users/" + u.ID + ` {"is_active": false}`}, {What: "Give a role", CLI: "trellis role give " + u.ID + " staff -course KEY", HTTP: "POST /api/v1/roles"}}
	return r.showAs(status, "console_person", v)
}

func (p *Pages) changePerson(r *request) error {
	u, err := p.somebody(r)
	if err != nil {
		return err
	}
	before := map[string]string{"username": u.PII.Username, "name": u.PII.Name, "email": u.PII.Email}
	u.PII.Username, u.PII.Name, u.PII.Email = r.value("username"), r.value("name"), r.value("email")
	next, err := call[trellis.User](r, "users.update", learning.UpdatePerson{ID: u.ID, Username: &u.PII.Username, Name: &u.PII.Name, Email: &u.PII.Email})
	if err != nil {
		faults, err := faultOf(err, fieldOf(err, "username", "email", "name"))
		if err != nil {
			return err
		}
		return p.showPerson(r, http.StatusBadRequest, u, faults)
	}
	return r.done(personPath(u.ID), notice{State: "ok", Text: "The account of " + called(next) + " is changed.", Undo: &undo{Action: personPath(u.ID), Fields: before}})
}

func (p *Pages) activatePerson(r *request) error {
	u, err := p.somebody(r)
	if err != nil {
		return err
	}
	on := r.value("active") == "true"
	if !on && trellis.ActorFrom(r.ctx).ID == u.ID {
		return p.showPerson(r, http.StatusBadRequest, u, []fault{{"", "This is your own account: another administrator can switch it off."}})
	}
	if _, err := call[trellis.User](r, "users.update", learning.UpdatePerson{ID: u.ID, Active: &on}); err != nil {
		return err
	}
	n := notice{State: "ok", Text: called(u) + " can sign in again."}
	if !on {
		n.Text = "The account of " + called(u) + " is off: nobody can sign in to it or be enrolled by it, and its sessions end. Nothing is lost."
	}
	n.Undo = &undo{Action: personPath(u.ID) + "/active", Fields: map[string]string{"active": map[bool]string{true: "false", false: "true"}[on]}}
	return r.done(personPath(u.ID), n)
}

func (p *Pages) setPersonPassword(r *request) error {
	u, err := p.somebody(r)
	if err != nil {
		return err
	}
	if r.value("password") == "" {
		return p.showPerson(r, http.StatusBadRequest, u, []fault{{"password", "Enter the new password."}})
	}
	if _, err := call[learning.Done](r, "users.set_password", map[string]string{"id": u.ID, "password": r.value("password")}); err != nil {
		faults, err := faultOf(err, "password")
		if err != nil {
			return err
		}
		return p.showPerson(r, http.StatusBadRequest, u, faults)
	}
	return r.done(personPath(u.ID), notice{State: "ok", Text: called(u) + " has a new password. The sessions from before have ended."})
}

func (p *Pages) changeRole(r *request) error {
	u, err := p.somebody(r)
	if err != nil {
		return err
	}
	in := learning.Assign{Person: u.ID, Role: r.value("role"), Organisation: strings.TrimSpace(r.value("organisation")), Course: strings.TrimSpace(r.value("course"))}
	give := r.value("do") != "take"
	if at := in.Course; at != "" && !strings.HasPrefix(at, "course-v1:") && give {
		in.Course, in.Organisation = "", at
	}
	operation, text, reverse := "roles.assign", called(u)+" is now: "+roleWords(in.Role, in.Organisation, in.Course)+".", "take"
	if !give {
		operation, text, reverse = "roles.remove", called(u)+" is no longer: "+roleWords(in.Role, in.Organisation, in.Course)+".", "give"
	}
	if _, err := call[learning.RoleAssignment](r, operation, in); err != nil {
		if kind := trellis.KindOf(err); kind == trellis.NotFound || kind == trellis.Denied {
			return p.showPerson(r, http.StatusBadRequest, u, []fault{{"course", sentenceOf(err)}})
		}
		faults, err := faultOf(err, "course")
		if err != nil {
			return err
		}
		return p.showPerson(r, http.StatusBadRequest, u, faults)
	}
	return r.done(personPath(u.ID), notice{State: "ok", Text: text, Undo: &undo{Action: personPath(u.ID) + "/roles",
		Fields: map[string]string{"do": reverse, "role": in.Role, "organisation": in.Organisation, "course": in.Course}}})
}

// erasing is what is said before somebody is erased.
type erasing struct {
	bar
	Person      trellis.User
	Name, Typed string
	Fault       string
}

func (p *Pages) erasePage(r *request) error {
	u, err := p.somebody(r)
	if err != nil {
		return err
	}
	return r.showErase(http.StatusOK, u, nil)
}

func (r *request) showErase(status int, u trellis.User, faults []fault) error {
	v := consoleView("Erase "+called(u), link{"People", "/console/people"}, link{called(u), personPath(u.ID)})
	v.Width, v.Faults = "narrow", faults
	v.Data = erasing{r.navigate("/console/people"), u, called(u), r.value("typed"), faultIn(faults, "typed")}
	v.Code = []code{{HTTP: "DELETE /api/v1/users/" + u.ID}}
	return r.showAs(status, "console_erase", v)
}

func (p *Pages) erasePerson(r *request) error {
	u, err := p.somebody(r)
	if err != nil {
		return err
	}
	want := u.PII.Username
	if want == "" {
		want = u.ID
	}
	switch {
	case trellis.ActorFrom(r.ctx).ID == u.ID:
		return r.showErase(http.StatusBadRequest, u, []fault{{"typed", "This is your own account: another administrator can erase it."}})
	case strings.TrimSpace(r.value("typed")) != want:
		return r.showErase(http.StatusBadRequest, u, []fault{{"typed", "Nothing was erased: type " + want + " to go on."}})
	}
	if _, err := call[learning.Done](r, "users.erase", learning.ByID{ID: u.ID}); err != nil {
		return err
	}
	return r.done("/console/people", notice{State: "ok", Text: called(u) + " is erased. Extensions are told, and forget within seconds what they kept."})
}
