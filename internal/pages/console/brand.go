package console

import (
	"encoding/base64"
	"io"
	"net/http"
	"strings"

	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

func (p *Pages) brandPages() []frame.Page {
	write := "brand:write"
	return []frame.Page{
		{Method: "GET", Path: "/console/brand", Name: "console.brand", Summary: "How the pages of the tenant look.", Permission: write, Handle: behind(write, p.brand)},
		{Method: "POST", Path: "/console/brand", Name: "console.brand.post", Summary: "Changes how the pages of the tenant look.", Permission: write, Limit: 256 << 10, Upload: true, Handle: behind(write, p.setBrand)},
	}
}

type brandPage struct {
	bar
	T      learning.Tenant
	Faults map[string]string
}

func (p *Pages) brand(r *frame.Request) error {
	t, err := frame.Call[learning.Tenant](r, "tenants.get", struct{}{})
	if err != nil {
		return err
	}
	return showBrand(r, http.StatusOK, t, nil)
}

func showBrand(r *frame.Request, status int, t learning.Tenant, faults []frame.Fault) error {
	d := brandPage{navigate(r, "/console/brand"), t, map[string]string{}}
	for _, f := range faults {
		d.Faults[f.Field] = f.Text
	}
	v := viewOf("Look of the school")
	v.Lead = "What people see on every page: what the school is called, its colour and its logo."
	v.Data, v.Faults = d, faults
	v.Code = []frame.Code{{CLI: "trellis tenant brand -accent '#0b6277' -logo FILE", HTTP: "PUT /api/v1/tenant/brand"}}
	return r.ShowAs(status, "brand", v)
}

// maxLogoSent is how much of a file is read: more than any logo may have.
const maxLogoSent = 128 << 10

func (p *Pages) setBrand(r *frame.Request) error {
	before, err := frame.Call[learning.Tenant](r, "tenants.get", struct{}{})
	if err != nil {
		return err
	}
	accent, title, none := strings.ToLower(strings.TrimSpace(r.Value("accent"))), strings.TrimSpace(r.Value("title")), ""
	now := before
	now.Title, now.Accent = title, accent
	in := learning.Brand{Title: title, Accent: &accent}
	if f := r.Form.File; f != nil && f.Field == "logo" {
		data, err := io.ReadAll(io.LimitReader(f, maxLogoSent))
		if err != nil {
			return err
		}
		logo := "data:" + http.DetectContentType(data) + ";base64," + base64.StdEncoding.EncodeToString(data)
		in.Logo = &logo
	} else if r.Value("nologo") != "" {
		in.Logo = &none
	}
	if title == "" {
		return showBrand(r, http.StatusBadRequest, now, []frame.Fault{{Field: "title", Text: "Say what the school is called."}})
	}
	if _, err := frame.Call[learning.Tenant](r, "tenants.brand", in); err != nil {
		faults, err := faultOf(err, brandField(err))
		if err != nil {
			return err
		}
		return showBrand(r, http.StatusBadRequest, now, faults)
	}
	n := frame.Notice{State: "ok", Text: "The pages look so from now on.", Undo: &frame.Undo{Action: "/console/brand", Fields: map[string]string{"title": before.Title, "accent": before.Accent}}}
	if in.Logo != nil {
		n.Text += " The logo from before is not kept; the rest can be taken back."
	}
	return r.Done("/console/brand", n)
}

// brandField is the field that an error is about.
func brandField(err error) string {
	if f := fieldOf(err, "logo", "colour", "title"); f != "colour" {
		return f
	}
	return "accent"
}
