package oneroster

import (
	"archive/zip"
	"context"
	"encoding/csv"
	"io"
	"strings"
)

// reasonColumn is what [Leftovers] adds to each row. Columns that begin so are left
// alone by whoever reads rosters.
const reasonColumn = "metadata.trellisReason"

// Leftovers writes the rows that an import of a did not take, by its report, as an
// archive of the same version: with the header, the values as they came, and why
// in a column of its own. Put right, it can be sent again as it is. Rows that are
// no CSV are not among them, for where their values begin is not known.
func Leftovers(ctx context.Context, a *Archive, rep Report, w io.Writer) error {
	reasons := map[string]map[int]string{}
	note := func(file string, row int, reason string) {
		if reasons[file] == nil {
			reasons[file] = map[int]string{}
		}
		reasons[file][row] = reason
	}
	for _, x := range rep.Refused {
		note(x.File, x.Row, x.Extension+": "+x.Message)
	}
	for _, f := range rep.Invalid {
		reason := f.Message
		if f.Column != "" {
			reason = f.Column + ": " + reason
		}
		note(f.File, f.Row, reason)
	}
	out := zip.NewWriter(w)
	manifest := [][]string{{"propertyName", "value"}, {"manifest.version", "1.0"}, {"oneroster.version", a.Manifest.Version}}
	for _, f := range a.Plan() {
		if len(reasons[f.Name+".csv"]) == 0 {
			continue
		}
		manifest = append(manifest, []string{"file." + f.Name, string(f.Mode)})
		entry, err := out.Create(f.Name + ".csv")
		if err != nil {
			return err
		}
		if err := leftoversOf(ctx, a, f.Name, reasons[f.Name+".csv"], csv.NewWriter(entry)); err != nil {
			return err
		}
	}
	entry, err := out.Create("manifest.csv")
	if err != nil {
		return err
	}
	if err := csv.NewWriter(entry).WriteAll(manifest); err != nil {
		return err
	}
	return out.Close()
}

func leftoversOf(ctx context.Context, a *Archive, name string, reasons map[int]string, out *csv.Writer) error {
	begun := false
	for row, err := range a.Rows(ctx, name) {
		if err != nil {
			return err
		}
		reason, ok := reasons[row.Number]
		if !ok || row.cells == nil {
			continue
		}
		head, cells := row.header.cells, row.cells
		if n := len(head); n > 0 && head[n-1] == reasonColumn { // it was sent again
			head, cells = head[:n-1], cells[:n-1]
		}
		if !begun {
			begun = true
			if err := out.Write(append(append([]string{}, head...), reasonColumn)); err != nil {
				return err
			}
		}
		if err := out.Write(append(append([]string{}, cells...), strings.Join(strings.Fields(reason), " "))); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
