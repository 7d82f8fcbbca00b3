package secret_test

import (
	"fmt"
	"log"

	"github.com/trellis-learning/trellis/internal/secret"
)

// What is sealed for one place opens there and nowhere else, and the key never
// shows itself.
func Example() {
	key, err := secret.Parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	if err != nil {
		log.Fatal(err)
	}
	sealed, err := key.Seal([]byte("the password"), "tenant/acme")
	if err != nil {
		log.Fatal(err)
	}
	plain, err := key.Unseal(sealed, "tenant/acme")
	fmt.Println(string(plain), err)
	_, err = key.Unseal(sealed, "tenant/other")
	fmt.Println(err)
	fmt.Println(key)
	// Output:
	// the password <nil>
	// sealed data was changed, cut, moved to another place, or is of another key
	// [key]
}
