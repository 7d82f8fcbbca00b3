package bundle

import (
	"fmt"
	"strings"
)

// Fault is something that is wrong with a manifest or with settings.
type Fault struct {
	Path    string `json:"path"` // "filters[0].on"; "" is the whole
	Message string `json:"message"`
}

// Faults is everything that is wrong, as an error.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Message
		if fault.Path != "" {
			lines[i] = fault.Path + ": " + fault.Message
		}
	}
	return strings.Join(lines, "; ")
}

func (f *Faults) add(path, format string, args ...any) {
	const most = 50
	if len(*f) < most {
		*f = append(*f, Fault{path, fmt.Sprintf(format, args...)})
	}
}
