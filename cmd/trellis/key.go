package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/secret"
)

// envKey returns the master key that the environment has; nil if it has none, and
// the one in the directory is meant.
func envKey() (*secret.Key, error) {
	text := os.Getenv("TRELLIS_MASTER_KEY")
	if text == "" {
		return nil, nil
	}
	key, err := secret.Parse(text)
	if err != nil {
		return nil, advise(fmt.Errorf("TRELLIS_MASTER_KEY: %w", err), "openssl rand -base64 32 makes one")
	}
	return key, nil
}

// masterKey returns the master key of a data directory: that of the environment, or
// the file's, which it makes if there is none.
func masterKey(dir string) (*secret.Key, error) {
	key, err := envKey()
	if key == nil && err == nil {
		key, err = secret.Open(filepath.Join(dir, "master.key"))
	}
	return key, err
}

// The file that tells a wrong master key from the right one, and what is in it.
const (
	checkFile    = "master.check"
	checkText    = "trellis"
	checkContext = "check of the master key"
)

// checkKey looks whether key is the one that a directory's secrets are sealed with.
// In a directory that has none yet it notes that this is the one, if first says so.
func checkKey(dir string, key *secret.Key, first bool) error {
	path := filepath.Join(dir, checkFile)
	sealed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && first {
		if sealed, err = key.Seal([]byte(checkText), checkContext); err != nil {
			return err
		}
		return writeFile(path, sealed)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if text, err := key.Unseal(sealed, checkContext); err != nil || string(text) != checkText {
		return advise(trellis.Errorf(trellis.Invalid, "the master key is not the one that the secrets in %s are sealed with", dir),
			"put back the key that was there: %s, or TRELLIS_MASTER_KEY", filepath.Join(dir, "master.key"))
	}
	return nil
}
