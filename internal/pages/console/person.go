package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

func (p *Pages) personPages() []frame.Page {
	read, write := "users:read", "users:write"
	at := "/console/people/:person"
	return []frame.Page{
		{Method: "GET", Path: at, Name: "console.person", Summary: "An account, with its roles.", Permission: read, Platform: true, Handle: behind(read, p.person)},
		{Method: "POST", Path: at, Name: "console.person.post", Summary: "Changes what an account is called.", Permission: write, Platform: true, Handle: behind(write, p.changePerson)},
		{Method: "POST", Path: at + "/active", Name: "console.person.active", Summary: "Switches an account off or on.", Permission: write, Platform: true, Handle: behind(write, p.activatePerson)},
		{Method: "POST", Path: at + "/password", Name: "console.person.password", Summary: "Gives somebody another password.", Permission: write, Platform: true, Handle: behind(write, p.setPersonPassword)},
		{Method: "POST", Path: at + "/roles", Name: "console.person.roles", Summary: "Gives or takes a role.", Permission: "roles:write", Platform: true, Handle: behind("roles:write", p.changeRole)},
		{Method: "GET", Path: at + "/erase", Name: "console.person.erase", Summary: "Says what erasing somebody means.", Permission: write, Platform: true, Handle: behind(write, p.erasePage)},
		{Method: "POST", Path: at + "/erase", Name: "console.person.erase.post", Summary: "Erases somebody for good.", Permission: write, Platform: true, Handle: behind(write, p.erasePerson)},
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
func (p *Pages) somebody(r *frame.Request) (trellis.User, error) {
	id, err := r.Param("person")
	if err != nil {
		return trellis.User{}, err
	}
	return frame.Call[trellis.User](r, "users.get", learning.GetUser{ID: id})
}

func (p *Pages) person(r *frame.Request) error {
	u, err := p.somebody(r)
	if err != nil {
		return err
	}
	return p.showPerson(r, http.StatusOK, u, nil)
}

func personPath(id string) string { return "/console/people/" + url.PathEscape(id) }

func (p *Pages) showPerson(r *frame.Request, status int, u trellis.User, faults []frame.Fault) error {
	d := personPage{bar: navigate(r, "/console/people"), Person: u, Name: called(u), Self: trellis.ActorFrom(r.Ctx).ID == u.ID,
		MayWrite: frame.Can(r.Ctx, "users:write", hostapi.Scope{}), MayRoles: frame.Can(r.Ctx, "roles:write", hostapi.Scope{}), Course: r.Value("course"), Faults: map[string]string{}}
	for _, f := range faults {
		d.Faults[f.Field] = f.Text
	}
	roles, err := frame.Call[learning.List[learning.RoleAssignment]](r, "roles.list", learning.ListRoles{Page: learning.Page{Limit: 200}, Person: u.ID})
	if err != nil {
		return err
	}
	for _, a := range roles.Items {
		d.Roles = append(d.Roles, roleRow{a, roleWords(a.Role, a.Organisation, a.Course)})
	}
	if r.Tenant() == trellis.PlatformTenant {
		d.Offer = options(r.Value("role"), trellis.RoleOperator, "Operator of the platform")
	} else {
		d.Offer = options(r.Value("role"), trellis.RoleStaff, "Staff", trellis.RoleTenantAdmin, "Administrator")
		in, err := frame.Call[learning.List[learning.Enrollment]](r, "enrollments.list", learning.ListEnrollments{Page: learning.Page{Limit: 50}, Person: u.ID})
		if err != nil {
			return err
		}
		d.Enrollments, d.More = in.Items, in.Next != ""
	}
	v := viewOf(d.Name, frame.Link{Text: "People", Path: "/console/people"})
	v.Data, v.Faults = d, faults
	v.Code = []frame.Code{{HTTP: "GET /api/v1/users/" + u.ID}, {What: "Switch the account off", CLI: "trellis user deactivate " + u.ID, HTTP: "PATCH /api/v1/users/" + u.ID + ` {"is_active": false}`}, {What: "Give a role", CLI: "trellis role give " + u.ID + " staff -course KEY", HTTP: "POST /api/v1/roles"}}
	return r.ShowAs(status, "person", v)
}

func (p *Pages) changePerson(r *frame.Request) error {
	u, err := p.somebody(r)
	if err != nil {
		return err
	}
	before := map[string]string{"username": u.PII.Username, "name": u.PII.Name, "email": u.PII.Email}
	u.PII.Username, u.PII.Name, u.PII.Email = r.Value("username"), r.Value("name"), r.Value("email")
	next, err := frame.Call[trellis.User](r, "users.update", learning.UpdatePerson{ID: u.ID, Username: &u.PII.Username, Name: &u.PII.Name, Email: &u.PII.Email})
	if err != nil {
		faults, err := faultOf(err, fieldOf(err, "username", "email", "name"))
		if err != nil {
			return err
		}
		return p.showPerson(r, http.StatusBadRequest, u, faults)
	}
	return r.Done(personPath(u.ID), frame.Notice{State: "ok", Text: "The account of " + called(next) + " is changed.", Undo: &frame.Undo{Action: personPath(u.ID), Fields: before}})
}

func (p *Pages) activatePerson(r *frame.Request) error {
	u, err := p.somebody(r)
	if err != nil {
		return err
	}
	on := r.Value("active") == "true"
	if !on && trellis.ActorFrom(r.Ctx).ID == u.ID {
		return p.showPerson(r, http.StatusBadRequest, u, []frame.Fault{{Text: "This is your own account: another administrator can switch it off."}})
	}
	if _, err := frame.Call[trellis.User](r, "users.update", learning.UpdatePerson{ID: u.ID, Active: &on}); err != nil {
		return err
	}
	n := frame.Notice{State: "ok", Text: called(u) + " can sign in again."}
	if !on {
		n.Text = "The account of " + called(u) + " is off: nobody can sign in to it or be enrolled by it, and its sessions end. Nothing is lost."
	}
	n.Undo = &frame.Undo{Action: personPath(u.ID) + "/active", Fields: map[string]string{"active": map[bool]string{true: "false", false: "true"}[on]}}
	return r.Done(personPath(u.ID), n)
}

func (p *Pages) setPersonPassword(r *frame.Request) error {
	u, err := p.somebody(r)
	if err != nil {
		return err
	}
	if r.Value("password") == "" {
		return p.showPerson(r, http.StatusBadRequest, u, []frame.Fault{{Field: "password", Text: "Enter the new password."}})
	}
	if _, err := frame.Call[learning.Done](r, "users.set_password", map[string]string{"id": u.ID, "password": r.Value("password")}); err != nil {
		faults, err := faultOf(err, "password")
		if err != nil {
			return err
		}
		return p.showPerson(r, http.StatusBadRequest, u, faults)
	}
	return r.Done(personPath(u.ID), frame.Notice{State: "ok", Text: called(u) + " has a new password. The sessions from before have ended."})
}

func (p *Pages) changeRole(r *frame.Request) error {
	u, err := p.somebody(r)
	if err != nil {
		return err
	}
	in := learning.Assign{Person: u.ID, Role: r.Value("role"), Organisation: strings.TrimSpace(r.Value("organisation")), Course: strings.TrimSpace(r.Value("course"))}
	give := r.Value("do") != "take"
	if at := in.Course; at != "" && !strings.HasPrefix(at, "course-v1:") && give {
		in.Course, in.Organisation = "", at
	}
	operation, text, reverse := "roles.assign", called(u)+" is now: "+roleWords(in.Role, in.Organisation, in.Course)+".", "take"
	if !give {
		operation, text, reverse = "roles.remove", called(u)+" is no longer: "+roleWords(in.Role, in.Organisation, in.Course)+".", "give"
	}
	if _, err := frame.Call[learning.RoleAssignment](r, operation, in); err != nil {
		if kind := trellis.KindOf(err); kind == trellis.NotFound || kind == trellis.Denied {
			return p.showPerson(r, http.StatusBadRequest, u, []frame.Fault{{Field: "course", Text: sentenceOf(err)}})
		}
		faults, err := faultOf(err, "course")
		if err != nil {
			return err
		}
		return p.showPerson(r, http.StatusBadRequest, u, faults)
	}
	return r.Done(personPath(u.ID), frame.Notice{State: "ok", Text: text, Undo: &frame.Undo{Action: personPath(u.ID) + "/roles",
		Fields: map[string]string{"do": reverse, "role": in.Role, "organisation": in.Organisation, "course": in.Course}}})
}

// erasing is what is said before somebody is erased.
type erasing struct {
	bar
	Person      trellis.User
	Name, Typed string
	Fault       string
}

func (p *Pages) erasePage(r *frame.Request) error {
	u, err := p.somebody(r)
	if err != nil {
		return err
	}
	return showErase(r, http.StatusOK, u, nil)
}

func showErase(r *frame.Request, status int, u trellis.User, faults []frame.Fault) error {
	v := viewOf("Erase "+called(u), frame.Link{Text: "People", Path: "/console/people"}, frame.Link{Text: called(u), Path: personPath(u.ID)})
	v.Width, v.Faults = "narrow", faults
	v.Data = erasing{navigate(r, "/console/people"), u, called(u), r.Value("typed"), frame.FaultIn(faults, "typed")}
	v.Code = []frame.Code{{HTTP: "DELETE /api/v1/users/" + u.ID}}
	return r.ShowAs(status, "erase", v)
}

func (p *Pages) erasePerson(r *frame.Request) error {
	u, err := p.somebody(r)
	if err != nil {
		return err
	}
	want := u.PII.Username
	if want == "" {
		want = u.ID
	}
	switch {
	case trellis.ActorFrom(r.Ctx).ID == u.ID:
		return showErase(r, http.StatusBadRequest, u, []frame.Fault{{Field: "typed", Text: "This is your own account: another administrator can erase it."}})
	case strings.TrimSpace(r.Value("typed")) != want:
		return showErase(r, http.StatusBadRequest, u, []frame.Fault{{Field: "typed", Text: "Nothing was erased: type " + want + " to go on."}})
	}
	if _, err := frame.Call[learning.Done](r, "users.erase", learning.ByID{ID: u.ID}); err != nil {
		return err
	}
	return r.Done("/console/people", frame.Notice{State: "ok", Text: called(u) + " is erased. Extensions are told, and forget within seconds what they kept."})
}
