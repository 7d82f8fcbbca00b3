package job_test

import (
	"testing"

	"github.com/trellis-learning/trellis/runtime/peerbench/job"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

func TestJob(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		wrong    bool
	}{
		{"the input of the benchmarks", string(wasm.JobInput), false},
		{"a key within a value", `{"id":"\"mode\":\"audit","data":{"mode":"audit"}}`, false},
		{"no such key", `{"data":{"mood":"audit"}}`, true},
		{"a value without an end", `{"data":{"mode":"audit`, true},
		{"nothing", ``, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := job.Scan(nil, []byte(tt.in))
			if (err != nil) != tt.wrong {
				t.Fatalf("err = %v, want one: %v", err, tt.wrong)
			}
			if want := string(job.Answer([]byte(tt.in))); !tt.wrong && string(got) != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
	got, err := job.Decode(wasm.JobInput)
	if want := job.Answer(wasm.JobInput); err != nil || string(got) != string(want) {
		t.Errorf("decoded: %v\ngot  %s\nwant %s", err, got, want)
	}
}
