package frame

import (
	"fmt"
)

// UploadLimit bounds a bundle that is brought through a page. Larger ones, which
// are engines with their language in them, go through the API.
const UploadLimit = 16_000_000

// Megabytes is a size as the messages about uploads say it, rounded up.
func Megabytes(n int64) string { return fmt.Sprintf("%d MB", (n+999_999)/1_000_000) }
