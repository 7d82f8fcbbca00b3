package pages

import (
	"encoding/base64"
	"io"
	"net/http"
	"strings"

	"github.com/trellis-learning/trellis/internal/learning"
)

func (p *Pages) consoleBrand() []page {
	write := "brand:write"
	return []page{
		{method: "GET", path: "/console/brand", name: "console.brand", summary: "How the pages of the tenant look.", permission: write, handle: behind(write, p.brand)},
		{method: "POST", path: "/console/brand", name: "console.brand.post", summary: "Changes how the pages of the tenant look.", permission: write, limit: 256 << 10, upload: true, handle: behind(write, p.setBrand)},
	}
}

type brandPage struct {
	bar
	T      learning.Tenant
	Faults map[string]string
}

func (p *Pages) brand(r *request) error {
	t, err := call[learning.Tenant](r, "tenants.get", struct{}{})
	if err != nil {
		return err
	}
	return r.showBrand(http.StatusOK, t, nil)
}

func (r *request) showBrand(status int, t learning.Tenant, faults []fault) error {
	d := brandPage{r.navigate("/console/brand"), t, map[string]string{}}
	for _, f := range faults {
		d.Faults[f.Field] = f.Text
	}
	v := consoleView("Look of the school")
	v.Lead = "What people see on every page: what the school is called, its colour and its logo."
	v.Data, v.Faults = d, faults
	v.Code = []code{{CLI: "trellis tenant brand -accent '#0b6277' -logo FILE", HTTP: "PUT /api/v1/tenant/brand"}}
	return r.showAs(status, "console_brand", v)
}

// maxLogoSent is how much of a file is read: more than any logo may have.
const maxLogoSent = 128 << 10

func (p *Pages) setBrand(r *request) error {
	before, err := call[learning.Tenant](r, "tenants.get", struct{}{})
	if err != nil {
		return err
	}
	accent, title, none := strings.ToLower(strings.TrimSpace(r.value("accent"))), strings.TrimSpace(r.value("title")), ""
	now := before
	now.Title, now.Accent = title, accent
	in := learning.Brand{Title: title, Accent: &accent}
	if f := r.form.File; f != nil && f.Field == "logo" {
		data, err := io.ReadAll(io.LimitReader(f, maxLogoSent))
		if err != nil {
			return err
		}
		logo := "data:" + http.DetectContentType(data) + ";base64," + base64.StdEncoding.EncodeToString(data)
		in.Logo = &logo
	} else if r.value("nologo") != "" {
		in.Logo = &none
	}
	if title == "" {
		return r.showBrand(http.StatusBadRequest, now, []fault{{"title", "Say what the school is called."}})
	}
	if _, err := call[learning.Tenant](r, "tenants.brand", in); err != nil {
		faults, err := faultOf(err, brandField(err))
		if err != nil {
			return err
		}
		return r.showBrand(http.StatusBadRequest, now, faults)
	}
	n := notice{State: "ok", Text: "The pages look so from now on.", Undo: &undo{Action: "/console/brand", Fields: map[string]string{"title": before.Title, "accent": before.Accent}}}
	if in.Logo != nil {
		n.Text += " The logo from before is not kept; the rest can be taken back."
	}
	return r.done("/console/brand", n)
}

// brandField is the field that an error is about.
func brandField(err error) string {
	if f := fieldOf(err, "logo", "colour", "title"); f != "colour" {
		return f
	}
	return "accent"
}
