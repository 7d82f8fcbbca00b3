package instrument_test

import (
	"bytes"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

// A hollow module has everything of the module but what its functions do.
func TestHollow(t *testing.T) {
	module, _, err := instrument.Rewrite(factorial, instrument.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	hollow, err := instrument.Hollow(module, "one")
	if err != nil {
		t.Fatal(err)
	}
	other, err := instrument.Hollow(module, "two")
	if err != nil || bytes.Equal(hollow, other) {
		t.Errorf("another mark gives the same module (%v)", err)
	}
	if _, err := instrument.Hollow(module[:len(module)-3], "cut"); err == nil {
		t.Error("a module that is cut was hollowed")
	}
	r := wazero.NewRuntime(t.Context())
	defer r.Close(t.Context())
	for _, tt := range []struct {
		name   string
		module []byte
		works  bool
	}{{"whole", module, true}, {"hollow", hollow, false}} {
		mod, err := r.InstantiateWithConfig(t.Context(), tt.module, wazero.NewModuleConfig().WithName(""))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		mod.ExportedGlobal(instrument.FuelGlobal).(api.MutableGlobal).Set(1000)
		if _, err := mod.ExportedFunction("f").Call(t.Context(), 3); (err == nil) != tt.works {
			t.Errorf("%s: a call gave %v", tt.name, err)
		}
	}
}
