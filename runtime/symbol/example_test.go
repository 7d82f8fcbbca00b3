package symbol_test

import (
	"fmt"
	"os"

	"github.com/trellis-learning/trellis/runtime/instrument"
	"github.com/trellis-learning/trellis/runtime/symbol"
)

// A module that was built with debug information says what stands in its source
// at an offset of its code.
func Example() {
	binary, err := os.ReadFile("testdata/crash-c.wasm")
	if err != nil {
		fmt.Println(err)
		return
	}
	var sections []symbol.Section
	for _, s := range instrument.Custom(binary) {
		sections = append(sections, symbol.Section(s))
	}
	start := instrument.CodeStart(binary)
	table := symbol.New(sections, start)
	const division = 0x204 // where the file has it, by llvm-objdump
	for _, f := range table.Frames(2, uint64(division-start)) {
		fmt.Println(f)
	}
	// Output:
	// ratio (crash.c:13)
	// check (crash.c:20)
}
