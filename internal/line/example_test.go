package line_test

import (
	"fmt"

	"github.com/trellis-learning/trellis/internal/line"
)

func ExampleClean() {
	title, err := line.Clean("the title", " Cafe\u0301 ", 1, 100)
	fmt.Println(title, err)
	_, err = line.Clean("the title", "Invoice\u202efdp.exe", 1, 100)
	fmt.Println(err)
	// Output:
	// Café <nil>
	// the title holds U+202E, which turns the order of what follows
}
