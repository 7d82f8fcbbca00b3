package instrument_test

import (
	"fmt"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

// A module is rewritten once, when it is installed. What is learned about it
// decides whether it can be used; what was added to it stops it when it runs.
func Example() {
	binary := []byte("\x00asm\x01\x00\x00\x00" + // (module
		"\x01\x06\x01\x60\x01\x7f\x01\x7f" + //     (type (func (param i32) (result i32)))
		"\x03\x02\x01\x00" + //                     (func (type 0)
		"\x05\x03\x01\x00\x01" + //                 (memory (export "memory") 1)
		"\x07\x13\x02\x06double\x00\x00\x06memory\x02\x00" + // (export "double")
		"\x0a\x09\x01\x07\x00\x20\x00\x41\x01\x74\x0b") //      local.get 0; i32.const 1; i32.shl))
	_, info, err := instrument.Rewrite(binary, instrument.Limits{Memory: 16})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("double", info.Exports["double"])
	fmt.Println("memory", info.MinMemory, "to", info.MaxMemory, "pages")
	fmt.Println("resettable", info.Resettable)

	_, _, err = instrument.Rewrite(binary[:len(binary)-1], instrument.Limits{})
	fmt.Println(err)
	// Output:
	// double (i32) -> (i32)
	// memory 1 to 16 pages
	// resettable true
	// offset 0x2f: 9 bytes of a section do not fit into the remaining 8 bytes
}
