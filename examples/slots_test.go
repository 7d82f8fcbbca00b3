package examples_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/examples"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/secret"
	"github.com/trellis-learning/trellis/internal/testkit"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

const exampleCourse = "course-v1:A+Here+1"

// pages is a platform with the examples that show something in pages.
type pages struct {
	*testkit.Platform
	slots *slots.Slots // with all the time that a busy machine may need
	ctx   context.Context
}

// someone is who looks at a page.
type someone struct {
	context.Context
	id, token string
}

func newPages(t *testing.T) *pages {
	t.Helper()
	p := &pages{Platform: testkit.Start(t, app.Config{})}
	p.ctx = p.Tenant(t, "acme")
	p.Course(t, p.ctx, exampleCourse)
	key, err := secret.Parse(strings.Repeat("A", 43) + "=")
	if err != nil {
		t.Fatal(err)
	}
	p.slots = slots.New(slots.Config{Registry: p.Registry, Key: key, Deadline: testkit.Patience})
	return p
}

func (p *pages) someone(t *testing.T, name string, roles ...learning.Assign) someone {
	t.Helper()
	id, token := p.Person(t, p.ctx, name, roles...)
	actor, err := p.Learning.Authenticate(t.Context(), "acme", token)
	if err != nil {
		t.Fatal(err)
	}
	return someone{trellis.WithTrace(trellis.WithActor(t.Context(), actor), trellis.Trace{ID: trellis.NewTraceID()}), id, token}
}

func page(slot string) slots.Page {
	p := slots.Page{URL: "/t/acme/courses", Base: "/t/acme", CSRF: "token", Locale: "en"}
	if strings.HasPrefix(slot, "course.") {
		p.Course = exampleCourse
	}
	return p
}

func (p *pages) sees(who someone, slot string) string {
	return string(p.slots.Fill(who, page(slot), slots.Want{Slot: slot})[slot])
}

var offer = regexp.MustCompile(`name="_hook" value="([^"]*)"`)

// sends sends the first form of a slot as somebody sees it.
func (p *pages) sends(t *testing.T, who someone, slot string, entered ...string) slots.Outcome {
	t.Helper()
	return p.post(t, who, slot, p.sees(who, slot), entered...)
}

func (p *pages) post(t *testing.T, who someone, slot, seen string, entered ...string) slots.Outcome {
	t.Helper()
	m := offer.FindStringSubmatch(seen)
	if m == nil {
		t.Fatalf("there is no form in %s", seen)
	}
	form := url.Values{"csrf": {"token"}, "_hook": {html.UnescapeString(m[1])}}
	for i := 0; i+1 < len(entered); i += 2 {
		form.Set(tree.FieldPrefix+entered[i], entered[i+1])
	}
	out, err := p.slots.Act(who, page(slot), form, slots.Want{Slot: slot})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (p *pages) enrol(t *testing.T, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		id, _ := p.Person(t, p.ctx, fmt.Sprintf("p%d", i))
		if _, err := p.Learning.Enroll(p.ctx, learning.Enroll{Person: id, Course: exampleCourse, Mode: "audit"}); err != nil {
			t.Fatal(err)
		}
	}
}

// stale returns what is told of the slots of a page that somebody has open.
func (p *pages) stale(t *testing.T, who someone, slot string) <-chan string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", p.URL+"/slots/live?"+url.Values{"course": {exampleCourse}, "slot": {slot}}.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+who.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("the stream: %v, %v", resp, err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	told := make(chan string, 100)
	go func() {
		defer close(told)
		for in := bufio.NewScanner(resp.Body); in.Scan(); {
			if in.Text() == "event: stale" {
				select {
				case told <- slot:
				default:
				}
			}
		}
	}()
	return told
}

// manifestOf reads a manifest.
func manifestOf(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestLiveCardInAPage runs the card, in Go and in C, on a real platform: a learner,
// who may not list enrolments, sees each as it happens.
func TestLiveCardInAPage(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED the live card in a page: -short")
	}
	const side = "course.sidebar.v1"
	p := newPages(t)
	install(t, p.Platform, p.ctx, "live-card")
	p.Install(t, p.ctx, testkit.Bundle(t, manifestOf(t, examples.LiveCard), wasm.LiveCard), "", nil)
	lena := p.someone(t, "lena")
	if got := p.sees(lena, side); strings.Count(got, "Nobody has enrolled yet today.") != 2 {
		t.Fatalf("before anybody enrols there is %s", got)
	}
	told := p.stale(t, lena, side)
	p.enrol(t, 0, 1)
	testkit.Eventually(t, "the first on both cards", func() bool {
		return strings.Count(p.sees(lena, side), "<strong>1</strong> person since") == 2
	})
	testkit.Eventually(t, "the page to be told", func() bool { return len(told) > 0 })
	p.enrol(t, 1, 40)
	testkit.Eventually(t, "all on both cards", func() bool {
		return strings.Count(p.sees(lena, side), "<strong>40</strong> people since") == 2
	})
	if got := p.sees(lena, side); strings.Count(got, "<svg") != 2 || strings.Contains(got, "slot-trouble") {
		t.Errorf("the cards: %s", got)
	}
	for _, typ := range []string{"trellis-demo.live-card.counted", "trellis-demo.live-card-c.counted"} {
		testkit.Eventually(t, typ, func() bool { return len(p.Events(t, p.ctx, typ)) == 40 })
	}
}

// TestPollInAPage: learners answer in the page, and the team sees it filling up.
func TestPollInAPage(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED the poll in a page: -short")
	}
	const above = "course.main.v1"
	p := newPages(t)
	installWith(t, p.Platform, p.ctx, "poll", map[string]any{"question": "How is it?", "answers": []string{"Good", "Bad"}})
	lena, max := p.someone(t, "lena"), p.someone(t, "max")
	sam := p.someone(t, "sam", learning.Assign{Role: trellis.RoleStaff, Course: exampleCourse})
	if got := p.sees(sam, above); !strings.Contains(got, "Nobody has answered yet.") || offer.MatchString(got) {
		t.Fatalf("the team sees %s", got)
	}
	told := p.stale(t, sam, above)
	if out := p.sends(t, lena, above); !strings.Contains(string(out.HTML), "Choose one.") {
		t.Errorf("an empty form: %+v", out)
	}
	first := p.sees(lena, above)
	if out := p.post(t, lena, above, first, "answer", "Good"); out.Message != "Your answer is counted." || !strings.Contains(string(out.HTML), "You answered <strong>Good</strong>") {
		t.Errorf("Lena answers: %+v", out)
	}
	if out := p.post(t, lena, above, first, "answer", "Good"); strings.Contains(string(out.HTML), "2 answers") {
		t.Errorf("sent twice: %+v", out)
	}
	if out := p.sends(t, max, above, "answer", "Good"); !strings.Contains(string(out.HTML), "2 answers so far.") {
		t.Errorf("Max answers: %+v", out)
	}
	if out := p.sends(t, lena, above, "answer", "Bad"); out.Message != "Your answer is changed." {
		t.Errorf("Lena changes her mind: %+v", out)
	}
	if got := p.sees(sam, above); !strings.Contains(got, "Good: 1<") || !strings.Contains(got, "Bad: 1<") {
		t.Errorf("the team sees %s", got)
	}
	testkit.Eventually(t, "the page to be told", func() bool { return len(told) > 0 })
	// What is kept about Lena goes when she does; the sum is counted anew with the
	// next answer.
	if err := p.Registry.Erase(p.ctx, lena.id); err != nil {
		t.Fatal(err)
	}
	if out := p.sends(t, max, above, "answer", "Bad"); !strings.Contains(string(out.HTML), "1 answer so far.") {
		t.Errorf("after Lena has gone: %+v", out)
	}
}

// TestNoticeInAPage: half of the people see the notice, always the same, until they
// send it away.
func TestNoticeInAPage(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED the notice in a page: -short")
	}
	const banner = "courses.banner.v1"
	p := newPages(t)
	installWith(t, p.Platform, p.ctx, "notice", map[string]any{"title": "Moving", "text": "We move on Monday.", "tone": "warn", "link": "/courses"})
	var seen []someone
	for i := range 60 {
		who := p.someone(t, fmt.Sprintf("p%d", i))
		if strings.Contains(p.sees(who, banner), "We move on Monday.") {
			seen = append(seen, who)
		}
	}
	if len(seen) < 10 || len(seen) > 50 {
		t.Fatalf("%d of 60 see the notice", len(seen))
	}
	who := seen[0]
	first := p.sees(who, banner)
	if !strings.Contains(first, `href="/t/acme/courses"`) || !strings.Contains(first, ">Warning<") {
		t.Errorf("the notice is %s", first)
	}
	away := p.sends(t, who, banner)
	if !strings.Contains(string(away.HTML), "will not be shown again") {
		t.Errorf("sent away: %+v", away)
	}
	if got := p.sees(who, banner); strings.Contains(got, "We move") {
		t.Errorf("it is still there: %s", got)
	}
	if got := p.sees(seen[1], banner); !strings.Contains(got, "We move") {
		t.Errorf("it has gone for somebody else: %s", got)
	}
	p.post(t, who, banner, string(away.HTML))
	if got := p.sees(who, banner); !strings.Contains(got, "We move") {
		t.Errorf("called back it is not there: %s", got)
	}
}
