package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
)

type operatorCmd struct {
	Create operatorCreateCmd `cmd:"" help:"Make an operator, or give one another password. It works on the data of this machine, while the server runs or not: whoever may write there may do it."`
}

type operatorCreateCmd struct {
	configFlag
	Name  string `arg:"" help:"The name to log in with. The password is read from standard input."`
	Email string `help:"The operator's address."`
}

// created is an operator, with a token to begin with.
type created struct {
	ID       string `json:"id"`
	Username string `json:"username"`
	Token    string `json:"token"`
	Expires  string `json:"expires"`
}

func (c *operatorCreateCmd) Run(e *env) error {
	cfg, err := c.read()
	if err != nil {
		return err
	}
	password, err := e.hidden("Password")
	if err != nil {
		return advise(err, "trellis operator create %s <password-file", c.Name)
	}
	var out created
	err = withCore(e.ctx, cfg.Dir, func(core *learning.Learning) (err error) {
		out, err = c.create(app.System(e.ctx, trellis.PlatformTenant), core, password)
		return err
	})
	if err != nil {
		return err
	}
	e.show(out, func(w io.Writer) {
		fmt.Fprintf(w, "%s runs this server from now on. For a day, without logging in:\n\n  export TRELLIS_TOKEN=%s\n\n", out.Username, out.Token)
		fmt.Fprintf(w, "Next: trellis tenant put NAME -title TITLE; later: trellis login %s -tenant %s\n", out.Username, trellis.PlatformTenant)
	})
	return nil
}

func (c *operatorCreateCmd) create(ctx context.Context, core *learning.Learning, password string) (created, error) {
	batch, err := core.Batch(ctx, learning.Keys{Usernames: []string{c.Name}})
	if err != nil {
		return created{}, err
	}
	id, known := batch.Username(c.Name)
	if known {
		err = core.SetPassword(ctx, id, learning.Secret(password))
	} else {
		var p learning.Person
		p, err = core.Register(ctx, learning.Register{Username: c.Name, Email: c.Email, Password: learning.Secret(password)})
		id = p.ID
	}
	if err != nil {
		return created{}, err
	}
	if _, err := core.AssignRole(ctx, learning.Assign{Person: id, Role: trellis.RoleOperator}); err != nil {
		return created{}, err
	}
	token, err := core.CreateToken(ctx, learning.CreateToken{Person: id, Name: "first steps", Days: 1})
	return created{ID: id, Username: c.Name, Token: token.Key, Expires: when(token.Expires)}, err
}

// withCore opens the people and courses of a data directory, and nothing else, so
// that it can be done beside a server that runs.
func withCore(ctx context.Context, dir string, do func(*learning.Learning) error) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return advise(err, "say another directory: dir in the configuration, or TRELLIS_DIR")
	}
	db, err := store.Open(ctx, store.Config{Path: filepath.Join(dir, "trellis.db")})
	if err != nil {
		return advise(err, "trellis doctor -config FILE looks what is there")
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	core, err := learning.New(ctx, learning.Config{DB: db})
	if err != nil {
		return err
	}
	return do(core)
}
