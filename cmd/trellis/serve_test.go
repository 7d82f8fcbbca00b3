package main

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/runtime"
)

// write writes a file of the shell's directory.
func (s *shell) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// TestConfiguration: what is wrong is refused before anything starts, by name.
func TestConfiguration(t *testing.T) {
	const origins = "content = \"127.0.0.1:0\"\npublic_url = \"http://learn.example.org\"\n"
	for _, tt := range []struct{ name, file, env, want string }{
		{"an unknown key", "listne = \":8080\"", "", "there is no key listne (line 1)"},
		{"an unknown key in a table", "dir = \"d\"\n[web]\nport = 1", "", "there is no key web"},
		{"no TOML", "dir = ", "", "trellis.toml, line 1"},
		{"a value of another type", "unsigned = \"yes\"", "", "unsigned"},
		{"an address without a port", "listen = \"localhost\"", "", `listen: "localhost" is not an address`},
		{"a second origin without its address", "content = \"127.0.0.1:0\"", "", "say public_url and content_url"},
		{"a second origin on the same host", origins + `content_url = "http://LEARN.example.org.:8081"`, "", "of one host (learn.example.org)"},
		{"a URL that is none", `public_url = "learn.example.org"`, "", "public_url"},
		{"a network that is none", `allow_network = ["10.0.0.1"]`, "", "allow_network"},
		{"a time that is none", `retention = "90 days"`, "", "retention"},
		{"a time before all", `retention = "-1h"`, "", "retention"},
		{"a size of modules that is none", "[modules]\nsize = \"large\"", "", `modules.size: "large" is not a size such as 16MiB`},
		{"a bound of modules above all", "[modules]\nnesting = 60000", "", "modules: bound of nesting 60000 is not within 1 to 50000"},
		{"a time to compile that is none", "[modules]\ncompile_time = \"1h\"", "", `modules.compile_time: "1h" is not a duration from 1s to 5m0s`},
		{"an unknown key of modules", "[modules]\ndepth = 1", "", "there is no key modules.depth"},
		{"a time of work that is none", "[modules]\nwork = \"long\"", "", "modules.work"},
		{"a time of calls that is none", "[modules]\ntime = \"1m\"", "", `modules.time: "1m" is not a duration from 1ms to 10s, such as 500ms`},
		{"a size of instances that is none", "[modules]\ninstances = \"-1\"", "", `modules.instances: "-1" is not a size such as 16MiB`},
		{"a size of the cache that is none", "[modules]\ncache = \"much\"", "", `modules.cache: "much" is not a size such as 16MiB`},
		{"the same in the environment", "", "TRELLIS_MODULES_INSTANCES=all", `modules.instances: "all" is not a size such as 16MiB`},
		{"the environment, a number that is none", "", "TRELLIS_MODULES_NESTING=deep", `TRELLIS_MODULES_NESTING is a number, not "deep"`},
		{"a proxy that is none", `proxies = ["proxy.example.org"]`, "", "proxy.example.org"},
		{"the environment, neither true nor false", "", "TRELLIS_UNSIGNED=perhaps", "TRELLIS_UNSIGNED is true or false"},
		{"the environment, above the file", "listen = \":0\"", "TRELLIS_LISTEN=nowhere", `"nowhere" is not an address`},
		{"a master key that is none", "", "TRELLIS_MASTER_KEY=sesame", "TRELLIS_MASTER_KEY"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newShell(t, "TRELLIS_DIR=data")
			s.write("trellis.toml", tt.file)
			if tt.env != "" {
				s = s.with(tt.env)
			}
			r := s.run("", "serve", "-config", "trellis.toml")
			if r.status != 1 || !strings.Contains(r.errs, tt.want) || strings.Contains(r.errs, "sesame") {
				t.Errorf("status %d, want %q\n%s%s", r.status, tt.want, r.out, r.errs)
			}
			if d := s.run("", "doctor", "-config", "trellis.toml"); tt.name != "a proxy that is none" && (d.status != 1 || !regexp.MustCompile(`wrong +configuration`).MatchString(d.out)) {
				t.Errorf("the doctor: status %d\n%s%s", d.status, d.out, d.errs)
			}
		})
	}
}

// address finds where a server said that it listens.
func (p *process) address() string {
	p.t.Helper()
	p.until("Trellis serves at")
	m := regexp.MustCompile(`Trellis serves at (\S+),`).FindStringSubmatch(p.said())
	if m == nil {
		p.t.Fatalf("no address in\n%s", p.said())
	}
	return "http://" + m[1]
}

// TestServe: a real operator begins, and gets as far as a tenant with a learner. The
// server ends when it is told to, streams and all, and no secret is in what it said.
func TestServe(t *testing.T) {
	key := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	s := newShell(t, "TRELLIS_MASTER_KEY="+key)
	s.write("trellis.toml", "dir = \"data\"\nlisten = \"127.0.0.1:0\"\ncontent = \"127.0.0.1:0\"\npublic_url = \"http://127.0.0.1\"\ncontent_url = \"http://localhost\"\nunsigned = true\n")
	server := s.start("serve", "-config", "trellis.toml")
	url := server.address()
	server.until("Next, on this machine: trellis operator create NAME -config ")
	s.fails(1, "already runs a Trellis", "serve", "-config", "trellis.toml")
	s.fails(1, "already runs a Trellis", "migrate", "-config", "trellis.toml")

	if r := s.run("", "operator", "create", "olivia", "-config", "trellis.toml"); r.status != 1 || !strings.Contains(r.errs, "no password on standard input") {
		t.Errorf("without a password: %+v", r)
	}
	if r := s.run("short", "operator", "create", "olivia", "-config", "trellis.toml"); r.status != 1 || !strings.Contains(r.errs, "password") {
		t.Errorf("with a short password: %+v", r)
	}
	made := s.run("correct horse\n", "operator", "create", "olivia", "-config", "trellis.toml", "-json") // beside the running server
	var operator created
	if err := json.Unmarshal([]byte(made.out), &operator); err != nil || operator.Token == "" {
		t.Fatalf("%v: %+v", err, made)
	}
	as := s.with("TRELLIS_URL="+url, "TRELLIS_TOKEN="+operator.Token)
	if out := as.ok("tenant"); !strings.Contains(out, "There are no tenants. Next: trellis tenant put") {
		t.Errorf("tenants:\n%s", out)
	}
	as.ok("tenant", "put", "school", "-title", "A School")
	in := as.with("TRELLIS_TENANT=school")
	s.write("logo.png", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00\x3a\x7e\x9b\x55") // as far as it is read
	s.write("logo.svg", "<svg/>")
	if out := in.ok("tenant", "brand", "-accent", "#0B6277", "-logo", "logo.png"); !regexp.MustCompile(`#0b6277\s+[0-9a-f]{64}\n$`).MatchString(out) {
		t.Errorf("the brand: %q", out)
	}
	if out := in.ok("tenant", "brand", "-logo", ""); !strings.HasSuffix(strings.TrimSpace(out), "#0b6277") {
		t.Errorf("without a logo: %q", out)
	}
	in.fails(1, "PNG, a JPEG or a WebP", "tenant", "brand", "-logo", "logo.svg")
	in.fails(1, "there is no file none.png", "tenant", "brand", "-logo", "none.png")
	in.fails(1, "say what is to change", "tenant", "brand")
	for _, empty := range [][2]string{
		{"ext", "No extensions are installed. Next: "}, {"course", "There are no courses. Next: "}, {"user", "Nobody is here. Next: "}, {"role", "Next: trellis role give"},
		{"jobs", "No long work has been asked for. Next: "}, {"deliveries", "Every event was delivered."}, {"token", "There are no tokens. Next: "},
	} {
		args := []string{empty[0], "list"}
		if out := in.ok(args...); !strings.Contains(out, empty[1]) {
			t.Errorf("trellis %s list of nothing:\n%s", empty[0], out)
		}
	}
	in.ok("course", "create", "course-v1:S+One+1", "One")
	in.ok("user", "create", "lena")
	if r := in.run("my dog's name\n", "user", "password", "lena"); r.status != 0 {
		t.Errorf("a password: %+v", r)
	}
	in.ok("enroll", "lena", "course-v1:S+One+1")
	login := s.with("TRELLIS_URL="+url).run("my dog's name\n", "login", "lena", "-tenant", "school", "-json")
	var token struct{ Token string }
	if err := json.Unmarshal([]byte(login.out), &token); err != nil || token.Token == "" {
		t.Fatalf("%v: %+v", err, login)
	}
	learner := s.with("TRELLIS_URL="+url, "TRELLIS_TOKEN="+token.Token)
	if out := learner.ok("events"); !strings.Contains(out, "enrollment.created.v1") || strings.Contains(out, "tenant.changed") {
		t.Errorf("what a learner hears of:\n%s", out)
	}
	learner.fails(1, "tenants:write", "tenant", "put", "other", "-title", "Other")
	if out := as.ok("doctor", "-config", "trellis.toml"); strings.Contains(out, "wrong ") || !strings.Contains(out, url+"\n") {
		t.Errorf("the doctor:\n%s", out)
	}
	s.write("other.toml", "dir = \"data\"\nlisten = \"127.0.0.1:1\"\n")
	if out := as.ok("doctor", "-config", "other.toml"); !strings.Contains(out, url+", which is not the configured one: that listens at 127.0.0.1:1") || !strings.Contains(out, "service in _, at "+url) && !strings.Contains(out, "person in _, at "+url) {
		t.Errorf("the doctor and another server:\n%s", out)
	}
	follow := learner.start("events", "-follow")
	follow.until("Following")

	if status := server.stop(); status != 0 {
		t.Errorf("it ended with status %d:\n%s", status, server.said())
	}
	follow.until("The stream was cut off; it goes on when the server answers.")
	if _, err := http.Get(url + "/healthz"); err == nil {
		t.Error("it still answers")
	}
	said := server.said()
	for name, secret := range map[string]string{"master key": key, "operator's token": operator.Token, "learner's token": token.Token, "password": "my dog", "other password": "correct horse"} {
		if strings.Contains(said, secret) {
			t.Errorf("the %s is in what the server said:\n%s", name, said)
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, "data", "master.key")); err == nil {
		t.Error("there is a master key in the directory, although the environment had one")
	}
	s.ok("migrate", "-config", "trellis.toml")
	wrong := s.with("TRELLIS_MASTER_KEY=" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("w", 32))))
	wrong.fails(1, "the master key is not the one", "serve", "-config", "trellis.toml")
	if d := wrong.run("", "doctor", "-config", "trellis.toml"); d.status != 1 || !regexp.MustCompile(`wrong +master key`).MatchString(d.out) {
		t.Errorf("the doctor and another master key: %+v", d)
	}
	again := s.start("serve", "-config", "trellis.toml")
	again.address()
	if status := again.stop(); status != 0 || strings.Contains(again.said(), "Nobody runs this server") {
		t.Errorf("the second time: status %d\n%s", status, again.said())
	}
}

// TestReachedAt: whether an address is that of the configured server.
func TestReachedAt(t *testing.T) {
	for _, tt := range []struct {
		name, listen, url string
		want              bool
	}{
		{"the same", "127.0.0.1:8080", "http://127.0.0.1:8080/", true},
		{"another port", "127.0.0.1:8080", "http://127.0.0.1:8081", false},
		{"every address", ":80", "http://localhost", true},
		{"another host", "127.0.0.1:443", "https://other.example.org", false},
		{"how people reach it", "127.0.0.1:8080", "https://learn.example.org", true},
		{"a port that is not known", "127.0.0.1:0", "http://[::1]:4711", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := serveConfig{Listen: tt.listen, PublicURL: "https://learn.example.org"}
			if got := c.reachedAt(tt.url); got != tt.want {
				t.Errorf("%s and %s: %t, want %t", tt.listen, tt.url, got, tt.want)
			}
		})
	}
}

// TestUnsigned: a server that takes signed bundles only says how to sign one.
func TestUnsigned(t *testing.T) {
	s := newShell(t)
	s.write("trellis.toml", "dir = \"data\"\nlisten = \"127.0.0.1:0\"\n")
	url := s.start("serve", "-config", "trellis.toml").address()
	var operator created
	made := s.run("correct horse\n", "operator", "create", "olivia", "-config", "trellis.toml", "-json")
	if err := json.Unmarshal([]byte(made.out), &operator); err != nil {
		t.Fatalf("%v: %+v", err, made)
	}
	as := s.with("TRELLIS_URL="+url, "TRELLIS_TOKEN="+operator.Token)
	as.ok("tenant", "put", "school", "-title", "A School")
	file, in := s.bundle("1.0.0", "kv"), as.with("TRELLIS_TENANT=school")
	for _, command := range []string{"install", "upgrade"} {
		r := in.run("", "ext", command, file)
		if r.status != 1 || !strings.Contains(r.errs, "is not signed") || !strings.Contains(r.errs, "\nNext: trellis ext keygen, trellis ext sign FILE -key KEY, and as an operator trellis ext trust PUBLISHER KEY.pub; or unsigned = true") {
			t.Errorf("ext %s: %+v", command, r)
		}
	}
	s.ok("ext", "keygen", "key.pem")
	s.ok("ext", "sign", file, "-key", "key.pem")
	as.ok("ext", "trust", "acme", "key.pem.pub")
	in.ok("ext", "install", file)
}

// TestContentOrigin: extensions' files come from a listener of their own, on which
// there is nothing else; the pages' listener has none of them.
func TestContentOrigin(t *testing.T) {
	s := newShell(t)
	p := s.start("demo", "-data", "data", "-listen", "127.0.0.1:0", "-json")
	p.until(`"url"`)
	p.until("}")
	var at struct{ URL, Content, Env string }
	if err := json.Unmarshal([]byte(p.said()), &at); err != nil {
		t.Fatalf("%v\n%s", err, p.said())
	}
	if !strings.HasPrefix(at.URL, "http://127.0.0.1:") || !strings.HasPrefix(at.Content, "http://localhost:") || at.Env == "" {
		t.Errorf("%+v", at)
	}
	for url, want := range map[string]int{
		at.Content + "/healthz": 200, at.Content + "/api/v1/me": 404, at.Content + "/metrics": 404, at.Content + "/assets/" + strings.Repeat("0", 64) + "/a.js": 404,
		at.URL + "/assets/" + strings.Repeat("0", 64) + "/a.js": 404, at.URL + "/readyz": 200, at.URL + "/api/v1/me": 401,
	} {
		res, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want || len(res.Cookies()) > 0 {
			t.Errorf("%s: %d with %d cookies, want %d", url, res.StatusCode, len(res.Cookies()), want)
		}
	}
	if status := p.stop(); status != 0 {
		t.Errorf("status %d", status)
	}
}

func TestContentHost(t *testing.T) {
	for listen, want := range map[string]string{"127.0.0.1:8080": "localhost", ":8080": "localhost", "LOCALHOST:0": "127.0.0.1", "[::1]:80": "localhost"} {
		if got := contentHost(listen); got != want {
			t.Errorf("%s: %s, want %s", listen, got, want)
		}
	}
}

// TestRun calls an export without a server.
func TestRun(t *testing.T) {
	s := newShell(t)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	module := filepath.Join(root, "testdata", "wasm", "enrollment-policy.wasm")
	question := `{"settings":{"closed_courses":["course-v1:A+B+1"]},"data":{"user":{"id":"1","number":1},"course_key":"course-v1:A+B+1","mode":"audit"}}`
	s.write("question.json", question)
	for _, input := range []string{question, "@question.json", "-"} {
		r := s.run(question, "run", module, "check", "-input", input, "-stats")
		var stats struct{ Fuel, Memory float64 }
		if r.status != 0 || !strings.Contains(r.out, "is closed") || json.Unmarshal([]byte(r.errs), &stats) != nil || stats.Fuel == 0 {
			t.Errorf("-input %.20s: %+v", input, r)
		}
	}
	var doc struct {
		Output struct{ Refuse struct{ Code string } }
		Stats  struct{ Fuel float64 }
	}
	if s.json(&doc, "run", module, "check", "-input", question); doc.Output.Refuse.Code != "course_closed" || doc.Stats.Fuel == 0 {
		t.Errorf("%+v", doc)
	}
	s.fails(1, "no export nope", "run", module, "nope")
	s.write("none.wasm", "no module")
	s.fails(1, "", "run", "none.wasm", "check")
	spin := filepath.Join(root, "runtime", "testdata", "spin.wasm")
	raw, err := os.ReadFile(spin)
	if err != nil {
		t.Fatal(err)
	}
	info, err := runtime.Check(raw, runtime.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if r := s.run("", "run", spin, info.Hooks[0]); r.status != 1 || r.out != "" {
		t.Errorf("a guest without end: %+v", r)
	}
}
