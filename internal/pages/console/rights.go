package console

import (
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

// consoleRights are the pages about what extensions may be granted, and whose
// signatures count.
func (p *Pages) rightPages() []frame.Page {
	write, operators := "extensions:write", "tenants:write"
	return []frame.Page{
		{Method: "GET", Path: "/console/self-service", Name: "console.self_service", Summary: "What course staff may grant extensions themselves.", Permission: write, Handle: behind(write, p.selfService)},
		{Method: "POST", Path: "/console/self-service", Name: "console.self_service.post", Summary: "Changes what course staff may grant.", Permission: write, Handle: behind(write, p.setSelfService)},
		{Method: "GET", Path: "/console/keys", Name: "console.keys", Summary: "Publishers whose signatures are trusted.", Permission: "extensions:read", Platform: true, Handle: behind("extensions:read", p.keys)},
		{Method: "POST", Path: "/console/keys", Name: "console.keys.trust", Summary: "Trusts a publisher's key.", Permission: operators, Platform: true, Upload: true, Handle: behind(operators, p.trust)},
		{Method: "GET", Path: "/console/keys/:publisher/remove", Name: "console.keys.remove", Summary: "Says what it means to trust a publisher no longer.", Permission: operators, Platform: true, Handle: behind(operators, p.distrustPage)},
		{Method: "POST", Path: "/console/keys/:publisher/remove", Name: "console.keys.remove.post", Summary: "Trusts a publisher no longer.", Permission: operators, Platform: true, Handle: behind(operators, p.distrust)},
	}
}

// grantable is a permission that course staff may be let grant.
type grantable struct {
	Name, Text string
	On, Usual  bool
}

type selfServicePage struct {
	bar
	List  []grantable
	Hosts string // one a line
	Fault string
	Usual bool // whether it is the platform's own set
}

func (p *Pages) selfService(r *frame.Request) error {
	s, err := frame.Call[extensions.SelfService](r, "extensions.get_self_service", struct{}{})
	if err != nil {
		return err
	}
	return showSelfService(r, http.StatusOK, s.Permissions, s.Usual, nil)
}

func showSelfService(r *frame.Request, status int, now, usual []string, faults []frame.Fault) error {
	d := selfServicePage{bar: navigate(r, "/console/self-service"), Fault: frame.FaultIn(faults, "hosts")}
	var hosts []string
	for _, p := range now {
		if h, ok := strings.CutPrefix(p, "http:"); ok {
			hosts = append(hosts, h)
		}
	}
	d.Hosts = strings.Join(hosts, "\n")
	for _, p := range hostapi.Permissions() {
		if p.Grantable && !strings.HasSuffix(p.Name, ":") {
			d.List = append(d.List, grantable{p.Name, p.Sentence, slices.Contains(now, p.Name), slices.Contains(usual, p.Name)})
		}
	}
	d.Usual = slices.Equal(slices.Sorted(slices.Values(now)), slices.Sorted(slices.Values(usual)))
	v := viewOf("Self-service", frame.Link{Text: "Extensions", Path: "/console/extensions"})
	v.Lead = "What the staff of a course may let an extension do there, without asking you. What wants more waits for your approval."
	v.Data, v.Faults = d, faults
	v.Code = []frame.Code{{CLI: "trellis ext self-service -allow kv -forbid pii:name", HTTP: "PUT /api/v1/self-service"}}
	return r.ShowAs(status, "self_service", v)
}

func (p *Pages) setSelfService(r *frame.Request) error {
	before, err := frame.Call[extensions.SelfService](r, "extensions.get_self_service", struct{}{})
	if err != nil {
		return err
	}
	want := append([]string{}, r.Form.Values["permission"]...)
	for _, h := range strings.Fields(r.Value("hosts")) {
		want = append(want, "http:"+h)
	}
	switch {
	case r.Value("do") == "usual":
		want = before.Usual
	case r.Form.Values.Has("set"): // the undo of a change
		want = strings.Fields(r.Value("set"))
	}
	if _, err := frame.Call[extensions.SelfService](r, "extensions.set_self_service", extensions.SelfService{Permissions: append([]string{}, want...)}); err != nil {
		faults, err := faultOf(err, "hosts")
		if err != nil {
			return err
		}
		return showSelfService(r, http.StatusBadRequest, want, before.Usual, faults)
	}
	return r.Done("/console/self-service", frame.Notice{State: "ok", Text: "Course staff may grant what is ticked from now on. What runs in a course with more waits for your approval.",
		Undo: &frame.Undo{Action: "/console/self-service", Fields: undoSet(before.Permissions)}})
}

// undoSet puts a set into the fields of an undo.
func undoSet(set []string) map[string]string { return map[string]string{"set": strings.Join(set, " ")} }

// keysPage is what the page of trusted keys shows.
type keysPage struct {
	bar
	Keys           []extensions.Key
	May            bool
	Publisher, Key string
	Faults         map[string]string
}

func (p *Pages) keys(r *frame.Request) error { return p.showKeys(r, http.StatusOK, nil) }

func (p *Pages) showKeys(r *frame.Request, status int, faults []frame.Fault) error {
	list, err := frame.Call[extensions.List[extensions.Key]](r, "keys.list", struct{}{})
	if err != nil {
		return err
	}
	v := viewOf("Trusted keys", frame.Link{Text: "Extensions", Path: "/console/extensions"})
	v.Lead = "A publisher's extensions are taken when they are signed with the key that is trusted here. The whole platform has one list."
	v.Data = keysPage{navigate(r, "/console/keys"), list.Items, frame.Can(r.Ctx, "tenants:write", hostapi.Scope{}), r.Value("publisher"), r.Value("key"),
		map[string]string{"publisher": frame.FaultIn(faults, "publisher"), "key": frame.FaultIn(faults, "key")}}
	v.Faults = faults
	v.Code = []frame.Code{{CLI: "trellis ext trust PUBLISHER KEY", HTTP: "PUT /api/v1/keys/PUBLISHER"}}
	return r.ShowAs(status, "keys", v)
}

func (p *Pages) trust(r *frame.Request) error {
	publisher, key := strings.TrimSpace(r.Value("publisher")), strings.TrimSpace(r.Value("key"))
	if f := r.Form.File; f != nil && f.Field == "file" {
		raw, err := io.ReadAll(io.LimitReader(f, 4<<10))
		if err != nil {
			return err
		}
		key = strings.TrimSpace(string(raw))
	}
	var faults []frame.Fault
	if publisher == "" {
		faults = append(faults, frame.Fault{Field: "publisher", Text: "Say whose key it is: the first half of the IDs of the extensions."})
	}
	if key == "" {
		faults = append(faults, frame.Fault{Field: "key", Text: "Paste the public key, or choose the file that has it."})
	}
	if len(faults) > 0 {
		return p.showKeys(r, http.StatusBadRequest, faults)
	}
	k, err := frame.Call[extensions.Key](r, "keys.trust", extensions.Trusting{Publisher: publisher, Key: key})
	if err != nil {
		field := "key"
		if strings.Contains(err.Error(), "publisher") {
			field = "publisher"
		}
		faults, err := faultOf(err, field)
		if err != nil {
			return err
		}
		return p.showKeys(r, http.StatusBadRequest, faults)
	}
	return r.Done("/console/keys", frame.Notice{State: "ok", Text: "Extensions of " + k.Publisher + " are taken when they are signed with " + k.Fingerprint + ".",
		Undo: &frame.Undo{Label: "Trust it no longer", Action: "/console/keys/" + k.Publisher + "/remove"}})
}

func (p *Pages) distrustPage(r *frame.Request) error {
	publisher, err := r.Param("publisher")
	if err != nil {
		return err
	}
	list, err := frame.Call[extensions.List[extensions.Key]](r, "keys.list", struct{}{})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list.Items, func(k extensions.Key) bool { return k.Publisher == publisher })
	if i < 0 {
		return trellis.Errorf(trellis.NotFound, "no key of %.80q is trusted", publisher)
	}
	v := viewOf("Trust "+publisher+" no longer", frame.Link{Text: "Trusted keys", Path: "/console/keys"})
	v.Width = "narrow"
	v.Data = struct {
		bar
		Key extensions.Key
	}{navigate(r, "/console/keys"), list.Items[i]}
	v.Code = []frame.Code{{CLI: "trellis ext trust " + publisher + " -remove", HTTP: "DELETE /api/v1/keys/" + publisher}}
	return r.Show("distrust", v)
}

func (p *Pages) distrust(r *frame.Request) error {
	publisher, err := r.Param("publisher")
	if err != nil {
		return err
	}
	list, err := frame.Call[extensions.List[extensions.Key]](r, "keys.list", struct{}{})
	if err != nil {
		return err
	}
	if _, err := frame.Call[extensions.Done](r, "keys.distrust", extensions.Publisher{Publisher: publisher}); err != nil {
		return err
	}
	n := frame.Notice{State: "ok", Text: "The key of " + publisher + " is trusted no longer. What is installed stays as it is."}
	if i := slices.IndexFunc(list.Items, func(k extensions.Key) bool { return k.Publisher == publisher }); i >= 0 {
		n.Undo = &frame.Undo{Action: "/console/keys", Fields: map[string]string{"publisher": publisher, "key": list.Items[i].Key}}
	}
	return r.Done("/console/keys", n)
}
