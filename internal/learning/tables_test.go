package learning_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/internal/store"
)

// TestTenantComesFirst looks at every table of the core: the tenant is the first
// column of its key and of each index, so that no query of one tenant reads
// another's rows to pass over them.
func TestTenantComesFirst(t *testing.T) {
	c := newCore(t)
	platforms := map[string]string{ // tables that are no tenant's
		"tenants":             "the list of tenants itself",
		"counters":            "numbers that the whole platform gives out",
		"learning_migrations": "goose's own",
	}
	across := map[string]string{ // indexes that must hold across tenants
		"people(number)": "a person's number is unique on the platform",
		"tokens(hash)":   "the hash is what finds the tenant",
		"logos(digest)":  "whoever has the digest may see the logo",
	}
	mine := []string{"organisations", "people", "courses", "enrollments", "grades", "completions", "roles", "tokens", "outside", "logos"}
	sys := system(t, "acme")
	found := map[string]bool{}
	must(t, c.db.Read(sys, func(tx *store.Tx) error {
		for _, table := range append(slices.Sorted(maps.Keys(platforms)), mine...) {
			columns := strs(t, tx, `SELECT name FROM pragma_table_info('`+table+`')`)
			if len(columns) == 0 {
				t.Errorf("there is no table %s", table)
			}
			found[table] = true
			if platforms[table] != "" {
				if slices.Contains(columns, "tenant") {
					t.Errorf("%s has a tenant, and is the platform's", table)
				}
				continue
			}
			key := strs(t, tx, `SELECT name FROM pragma_table_info('`+table+`') WHERE pk > 0 ORDER BY pk`)
			if len(key) < 2 || key[0] != "tenant" {
				t.Errorf("the key of %s is %v", table, key)
			}
			for _, index := range strs(t, tx, `SELECT name FROM pragma_index_list('`+table+`')`) {
				columns := strs(t, tx, `SELECT name FROM pragma_index_info('`+index+`') ORDER BY seqno`)
				if columns[0] != "tenant" && across[table+"("+strings.Join(columns, ", ")+")"] == "" {
					t.Errorf("an index of %s is over %v", table, columns)
				}
			}
			for _, to := range strs(t, tx, `SELECT "from" FROM pragma_foreign_key_list('`+table+`') WHERE seq = 0`) {
				if to != "tenant" {
					t.Errorf("%s refers to another tenant's rows by %s", table, to)
				}
			}
		}
		others := []string{"events", "events_late", "log_head", "audit", "leases", "store_migrations"} // the store's
		for _, table := range strs(t, tx, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`) {
			if !found[table] && !slices.Contains(others, table) {
				t.Errorf("nobody says whose the table %s is", table)
			}
		}
		return nil
	}))
}

func strs(t *testing.T, tx *store.Tx, query string) (all []string) {
	t.Helper()
	rows, err := tx.Query(t.Context(), query)
	must(t, err)
	defer func() { must(t, rows.Close()) }()
	for rows.Next() {
		var s string
		must(t, rows.Scan(&s))
		all = append(all, s)
	}
	must(t, rows.Err())
	return all
}
