package frame

import (
	"net/http"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/web"
)

// problemPage is what the page about a problem shows: what happened, what is safe,
// what to do.
type problemPage struct {
	web.Problem
	What, Safe, Next string
	Again            bool // whether to ask for the page once more may help
}

// problem shows what went wrong.
func (r *Request) problem(problem web.Problem) error {
	title, data := r.explain(problem)
	return r.ShowAs(problem.Status, "problem", View{Title: title, Bare: !SignedIn(r.Ctx), Width: "narrow", Data: data})
}

// explain puts a problem into words for somebody who only wanted a page.
func (r *Request) explain(p web.Problem) (title string, data problemPage) {
	data = problemPage{Problem: p, What: Sentence(p.Detail), Safe: "Nothing has changed."}
	asked := r.c.Method() == http.MethodGet || r.c.Method() == http.MethodHead
	if asked {
		data.Safe = ""
	}
	title = p.Title
	switch {
	case p.Status == http.StatusNotFound:
		title = "This page is not here"
		data.What = "The address may be mistyped, or what was here is gone, or it is not yours to see."
	case p.Kind == trellis.Refused:
		title = "An extension said no"
		data.What = Isolated(r.titleOf(p.Extension, "")) + " says: " + Isolated(p.Detail)
	case p.Status == http.StatusForbidden && p.Title == "Not allowed":
		title = "You may not do this"
		if !strings.Contains(p.Detail, "who run ") { // then it says already whom to ask
			data.Next = "If you think that you should, ask those who run the school."
		}
	case p.Kind == trellis.Exhausted && p.Status == http.StatusTooManyRequests:
		title = "Too much at once"
		data.Next, data.Again = Soon(p.RetryAfter()), asked
	case p.Kind == trellis.Unavailable && p.Extension != "":
		title = "An extension could not decide"
		data.What = Isolated(r.titleOf(p.Extension, "")) + " could not decide, so nobody is let through for now."
		data.Next, data.Again = "Try again in a minute; if it stays so, tell those who run the school.", asked
	case p.Kind == trellis.Unavailable || p.Kind == trellis.Internal:
		title = "This did not work just now"
		data.What, data.Safe = "The fault is the platform’s and not yours.", "Nothing that was kept is lost."
		data.Next, data.Again = "Try again in a minute; if it stays so, tell those who run the school the trace below.", asked
		if !asked {
			data.Next = "Look whether it was done before you send it once more. If it stays so, tell those who run the school the trace below."
		}
	}
	return title, data
}
