package pages

import (
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/hostapi"
)

// consoleRights are the pages about what extensions may be granted, and whose
// signatures count.
func (p *Pages) consoleRights() []page {
	write, operators := "extensions:write", "tenants:write"
	return []page{
		{method: "GET", path: "/console/self-service", name: "console.self_service", summary: "What course staff may grant extensions themselves.", permission: write, handle: behind(write, p.selfService)},
		{method: "POST", path: "/console/self-service", name: "console.self_service.post", summary: "Changes what course staff may grant.", permission: write, handle: behind(write, p.setSelfService)},
		{method: "GET", path: "/console/keys", name: "console.keys", summary: "Publishers whose signatures are trusted.", permission: "extensions:read", platform: true, handle: behind("extensions:read", p.keys)},
		{method: "POST", path: "/console/keys", name: "console.keys.trust", summary: "Trusts a publisher's key.", permission: operators, platform: true, upload: true, handle: behind(operators, p.trust)},
		{method: "GET", path: "/console/keys/:publisher/remove", name: "console.keys.remove", summary: "Says what it means to trust a publisher no longer.", permission: operators, platform: true, handle: behind(operators, p.distrustPage)},
		{method: "POST", path: "/console/keys/:publisher/remove", name: "console.keys.remove.post", summary: "Trusts a publisher no longer.", permission: operators, platform: true, handle: behind(operators, p.distrust)},
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

func (p *Pages) selfService(r *request) error {
	s, err := call[extensions.SelfService](r, "extensions.get_self_service", struct{}{})
	if err != nil {
		return err
	}
	return r.showSelfService(http.StatusOK, s.Permissions, s.Usual, nil)
}

func (r *request) showSelfService(status int, now, usual []string, faults []fault) error {
	d := selfServicePage{bar: r.navigate("/console/self-service"), Fault: faultIn(faults, "hosts")}
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
	v := consoleView("Self-service", link{"Extensions", "/console/extensions"})
	v.Lead = "What the staff of a course may let an extension do there, without asking you. What wants more waits for your approval."
	v.Data, v.Faults = d, faults
	v.Code = []code{{CLI: "trellis ext self-service -allow kv -forbid pii:name", HTTP: "PUT /api/v1/self-service"}}
	return r.showAs(status, "console_self_service", v)
}

func (p *Pages) setSelfService(r *request) error {
	before, err := call[extensions.SelfService](r, "extensions.get_self_service", struct{}{})
	if err != nil {
		return err
	}
	want := append([]string{}, r.form.Values["permission"]...)
	for _, h := range strings.Fields(r.value("hosts")) {
		want = append(want, "http:"+h)
	}
	switch {
	case r.value("do") == "usual":
		want = before.Usual
	case r.form.Values.Has("set"): // the undo of a change
		want = strings.Fields(r.value("set"))
	}
	if _, err := call[extensions.SelfService](r, "extensions.set_self_service", extensions.SelfService{Permissions: append([]string{}, want...)}); err != nil {
		faults, err := faultOf(err, "hosts")
		if err != nil {
			return err
		}
		return r.showSelfService(http.StatusBadRequest, want, before.Usual, faults)
	}
	return r.done("/console/self-service", notice{State: "ok", Text: "Course staff may grant what is ticked from now on. What runs in a course with more waits for your approval.",
		Undo: &undo{Action: "/console/self-service", Fields: undoSet(before.Permissions)}})
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

func (p *Pages) keys(r *request) error { return p.showKeys(r, http.StatusOK, nil) }

func (p *Pages) showKeys(r *request, status int, faults []fault) error {
	list, err := call[extensions.List[extensions.Key]](r, "keys.list", struct{}{})
	if err != nil {
		return err
	}
	v := consoleView("Trusted keys", link{"Extensions", "/console/extensions"})
	v.Lead = "A publisher's extensions are taken when they are signed with the key that is trusted here. The whole platform has one list."
	v.Data = keysPage{r.navigate("/console/keys"), list.Items, can(r.ctx, "tenants:write", hostapi.Scope{}), r.value("publisher"), r.value("key"),
		map[string]string{"publisher": faultIn(faults, "publisher"), "key": faultIn(faults, "key")}}
	v.Faults = faults
	v.Code = []code{{CLI: "trellis ext trust PUBLISHER KEY", HTTP: "PUT /api/v1/keys/PUBLISHER"}}
	return r.showAs(status, "console_keys", v)
}

func (p *Pages) trust(r *request) error {
	publisher, key := strings.TrimSpace(r.value("publisher")), strings.TrimSpace(r.value("key"))
	if f := r.form.File; f != nil && f.Field == "file" {
		raw, err := io.ReadAll(io.LimitReader(f, 4<<10))
		if err != nil {
			return err
		}
		key = strings.TrimSpace(string(raw))
	}
	var faults []fault
	if publisher == "" {
		faults = append(faults, fault{"publisher", "Say whose key it is: the first half of the IDs of the extensions."})
	}
	if key == "" {
		faults = append(faults, fault{"key", "Paste the public key, or choose the file that has it."})
	}
	if len(faults) > 0 {
		return p.showKeys(r, http.StatusBadRequest, faults)
	}
	k, err := call[extensions.Key](r, "keys.trust", extensions.Trusting{Publisher: publisher, Key: key})
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
	return r.done("/console/keys", notice{State: "ok", Text: "Extensions of " + k.Publisher + " are taken when they are signed with " + k.Fingerprint + ".",
		Undo: &undo{Label: "Trust it no longer", Action: "/console/keys/" + k.Publisher + "/remove"}})
}

func (p *Pages) distrustPage(r *request) error {
	publisher, err := r.param("publisher")
	if err != nil {
		return err
	}
	list, err := call[extensions.List[extensions.Key]](r, "keys.list", struct{}{})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list.Items, func(k extensions.Key) bool { return k.Publisher == publisher })
	if i < 0 {
		return trellis.Errorf(trellis.NotFound, "no key of %.80q is trusted", publisher)
	}
	v := consoleView("Trust "+publisher+" no longer", link{"Trusted keys", "/console/keys"})
	v.Width = "narrow"
	v.Data = struct {
		bar
		Key extensions.Key
	}{r.navigate("/console/keys"), list.Items[i]}
	v.Code = []code{{CLI: "trellis ext trust " + publisher + " -remove", HTTP: "DELETE /api/v1/keys/" + publisher}}
	return r.show("console_distrust", v)
}

func (p *Pages) distrust(r *request) error {
	publisher, err := r.param("publisher")
	if err != nil {
		return err
	}
	list, err := call[extensions.List[extensions.Key]](r, "keys.list", struct{}{})
	if err != nil {
		return err
	}
	if _, err := call[extensions.Done](r, "keys.distrust", extensions.Publisher{Publisher: publisher}); err != nil {
		return err
	}
	n := notice{State: "ok", Text: "The key of " + publisher + " is trusted no longer. What is installed stays as it is."}
	if i := slices.IndexFunc(list.Items, func(k extensions.Key) bool { return k.Publisher == publisher }); i >= 0 {
		n.Undo = &undo{Action: "/console/keys", Fields: map[string]string{"publisher": publisher, "key": list.Items[i].Key}}
	}
	return r.done("/console/keys", n)
}
