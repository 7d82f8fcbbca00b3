package store

import (
	"errors"

	"github.com/trellis-learning/trellis"
)

// errClosed answers those who come after [DB.Close].
var errClosed = trellis.Errorf(trellis.Unavailable, "the database is closed")

// fault is an error of the database said in our words. Those of the database
// name tables and columns, which users must not see; it stays in the chain.
type fault struct {
	message string
	err     error
}

func (f *fault) Error() string { return f.message }
func (f *fault) Unwrap() error { return f.err }

// The result codes of SQLite that mean something to a caller
// (https://www.sqlite.org/rescode.html).
const (
	sqliteBusy       = 5
	sqliteLocked     = 6
	sqliteInterrupt  = 9
	sqliteIO         = 10
	sqliteFull       = 13
	sqliteCantOpen   = 14
	sqliteForeignKey = 787
	sqlitePrimaryKey = 1555
	sqliteUnique     = 2067
	sqliteRowID      = 2579
)

// translate gives an error of the database its kind.
func translate(err error) error {
	var coded interface{ Code() int }
	if err == nil || !errors.As(err, &coded) || trellis.KindOf(err) != trellis.Internal {
		return err
	}
	switch code := coded.Code(); {
	case code == sqliteUnique, code == sqlitePrimaryKey, code == sqliteRowID:
		return fail(trellis.Conflict, "there is one already", err)
	case code == sqliteForeignKey:
		return fail(trellis.NotFound, "something that it refers to does not exist, or something refers to it", err)
	case code&0xff == sqliteBusy, code&0xff == sqliteLocked, code&0xff == sqliteInterrupt:
		return fail(trellis.Unavailable, "the database is busy", err)
	case code&0xff == sqliteIO, code&0xff == sqliteCantOpen:
		return fail(trellis.Unavailable, "the disk does not work", err)
	case code&0xff == sqliteFull:
		return fail(trellis.Unavailable, "the disk is full", err)
	}
	return err
}

func fail(kind trellis.Kind, message string, err error) error {
	return trellis.Errorf(kind, "%w", &fault{message, err})
}
