package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/egress"
)

// serveConfig is the configuration file of a server. Unknown keys are errors. Each
// key can be said in the environment instead, as TRELLIS_ and the key in capitals,
// which goes before the file; lists are separated by commas there. What is secret
// is said in the environment only: TRELLIS_MASTER_KEY, TRELLIS_NATS_TOKEN.
type serveConfig struct {
	Dir          string   `toml:"dir"`            // where everything is kept: /var/lib/trellis if empty
	Listen       string   `toml:"listen"`         // address to listen at: 127.0.0.1:8080 if empty
	Content      string   `toml:"content"`        // address of the second origin: none if empty
	PublicURL    string   `toml:"public_url"`     // how people reach the pages
	Tenant       string   `toml:"default_tenant"` // to which pages lead whose address names none: they ask if empty
	ContentURL   string   `toml:"content_url"`    // how they reach the second origin, on another host
	NATS         string   `toml:"nats"`           // address of a NATS server; one within the process if empty
	NATSListen   string   `toml:"nats_listen"`    // address at which services reach the one within, by TRELLIS_NATS_TOKEN: none if empty
	Unsigned     bool     `toml:"unsigned"`       // whether unsigned bundles are taken
	SelfService  []string `toml:"self_service"`   // permissions that course staff may grant
	AllowNetwork []string `toml:"allow_network"`  // private networks that extensions may reach
	Proxies      []string `toml:"proxies"`        // addresses of proxies that are believed
	Retention    string   `toml:"retention"`      // how long events are kept: 2160h if empty

	Modules modulesConfig `toml:"modules"`
}

// configKeys names the keys for people.
const configKeys = "dir, listen, content, public_url, content_url, nats, nats_listen, unsigned, self_service, allow_network, proxies, retention, default_tenant, " + moduleKeys

// configFlag is the flag of the commands that work on a server's data.
type configFlag struct {
	Config string `short:"c" type:"existingfile" help:"Configuration file (TOML). Its keys can be said in the environment, too: TRELLIS_DIR for dir, and so on."`
}

// read returns the configuration: the file, above it the environment, below both
// the defaults.
func (f configFlag) read() (serveConfig, error) {
	var cfg serveConfig
	if f.Config != "" {
		file, err := os.Open(f.Config)
		if err != nil {
			return cfg, err
		}
		defer func() { _ = file.Close() }()
		if err := toml.NewDecoder(file).DisallowUnknownFields().Decode(&cfg); err != nil {
			return cfg, faultOf(f.Config, err)
		}
	}
	if err := cfg.environment(os.Getenv); err != nil {
		return cfg, err
	}
	if cfg.Dir == "" {
		cfg.Dir = "/var/lib/trellis"
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:8080"
	}
	return cfg, cfg.check()
}

// faultOf names the file, the key and the line that are wrong.
func faultOf(name string, err error) error {
	var strict *toml.StrictMissingError
	var decode *toml.DecodeError
	switch {
	case errors.As(err, &strict):
		var keys []string
		for _, e := range strict.Errors {
			row, _ := e.Position()
			keys = append(keys, fmt.Sprintf("%s (line %d)", strings.Join(e.Key(), "."), row))
		}
		return advise(trellis.Errorf(trellis.Invalid, "%s: there is no key %s", name, strings.Join(keys, ", ")),
			"the keys are %s", configKeys)
	case errors.As(err, &decode):
		row, column := decode.Position()
		text := strings.TrimPrefix(decode.Error(), "toml: ")
		if key := strings.Join(decode.Key(), "."); key != "" { // and our own names are nobody's business
			what, _, _ := strings.Cut(text, " into ")
			text = key + ": " + what
			if i := strings.LastIndex(decode.Error(), " of type "); i >= 0 {
				text += ", which is wanted as" + strings.TrimPrefix(decode.Error()[i:], " of type")
			}
		}
		return trellis.Errorf(trellis.Invalid, "%s, line %d, column %d: %s", name, row, column, text)
	}
	return trellis.Errorf(trellis.Invalid, "%s: %w", name, err)
}

// environment reads what the environment says of the keys.
func (c *serveConfig) environment(env func(string) string) error {
	all := map[string]any{
		"DIR": &c.Dir, "LISTEN": &c.Listen, "CONTENT": &c.Content, "PUBLIC_URL": &c.PublicURL, "CONTENT_URL": &c.ContentURL, "NATS": &c.NATS, "NATS_LISTEN": &c.NATSListen,
		"UNSIGNED": &c.Unsigned, "SELF_SERVICE": &c.SelfService, "ALLOW_NETWORK": &c.AllowNetwork, "PROXIES": &c.Proxies, "RETENTION": &c.Retention, "DEFAULT_TENANT": &c.Tenant,
	}
	maps.Copy(all, c.Modules.settings())
	return fromEnvironment(all, env)
}

// fromEnvironment sets what the environment says of settings, by their names in it
// after TRELLIS_.
func fromEnvironment(settings map[string]any, env func(string) string) error {
	for name, to := range settings {
		value := env("TRELLIS_" + name)
		if value == "" {
			continue
		}
		switch to := to.(type) {
		case *string:
			*to = value
		case *[]string:
			*to = strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
		case *int:
			n, err := strconv.Atoi(value)
			if err != nil {
				return trellis.Errorf(trellis.Invalid, "TRELLIS_%s is a number, not %q", name, value)
			}
			*to = n
		case *bool:
			b, err := strconv.ParseBool(value)
			if err != nil {
				return trellis.Errorf(trellis.Invalid, "TRELLIS_%s is true or false, not %q", name, value)
			}
			*to = b
		}
	}
	return nil
}

// check looks whether the values go together. It refuses to serve content of
// extensions from the host of the pages: cookies do not know ports.
func (c serveConfig) check() error {
	for key, address := range map[string]string{"listen": c.Listen, "content": c.Content} {
		if address == "" {
			continue
		}
		if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
			return trellis.Errorf(trellis.Invalid, "%s: %q is not an address such as 127.0.0.1:8080 or :8080", key, address)
		}
	}
	hosts := map[string]string{}
	for key, text := range map[string]string{"public_url": c.PublicURL, "content_url": c.ContentURL} {
		u, err := url.Parse(text)
		if text != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
			return trellis.Errorf(trellis.Invalid, "%s: %q is not an address such as https://learn.example.org", key, text)
		}
		if text != "" {
			hosts[key] = strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
		}
	}
	if c.Content != "" && len(hosts) < 2 {
		return trellis.Errorf(trellis.Invalid, "content: say public_url and content_url, too, so that their hosts can be compared")
	}
	if len(hosts) == 2 && hosts["public_url"] == hosts["content_url"] {
		return trellis.Errorf(trellis.Invalid, "public_url and content_url are of one host (%s): cookies do not know ports, so give the content of extensions a host of its own", hosts["public_url"])
	}
	return nil
}

// app returns how the platform is to run.
func (c serveConfig) app(log *slog.Logger) (app.Config, error) {
	cfg := app.Config{
		Dir: c.Dir, NATS: c.NATS, NATSListen: c.NATSListen, NATSToken: os.Getenv("TRELLIS_NATS_TOKEN"), Unsigned: c.Unsigned, SelfService: c.SelfService,
		Proxies: c.Proxies, PublicURL: c.PublicURL, ContentURL: c.ContentURL, Tenant: c.Tenant, Version: programVersion(), Logger: log,
	}
	var allow []netip.Prefix
	for _, n := range c.AllowNetwork {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			return cfg, trellis.Errorf(trellis.Invalid, "allow_network: %q is not a network such as 10.0.0.0/8", n)
		}
		allow = append(allow, p)
	}
	cfg.Egress = egress.Config{Allow: allow}
	if c.Retention != "" {
		d, err := time.ParseDuration(c.Retention)
		if err != nil || d <= 0 {
			return cfg, trellis.Errorf(trellis.Invalid, "retention: %q is not a duration such as 2160h", c.Retention)
		}
		cfg.Retention = d
	}
	var err error
	if err := c.Modules.into(&cfg); err != nil {
		return cfg, err
	}
	cfg.Key, err = envKey()
	return cfg, err
}
