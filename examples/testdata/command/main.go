// An extension without a library: a program that reads a question from standard
// input and writes its answer to standard output.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
)

func main() {
	var question struct {
		Data     struct{ Mode string }
		Settings struct{ Refused string }
	}
	if err := json.NewDecoder(os.Stdin).Decode(&question); err != nil {
		log.Fatal(err)
	}
	if os.Args[1] == "check" && question.Data.Mode == question.Settings.Refused {
		fmt.Printf(`{"refuse":{"code":"mode","message":"The mode %s is refused."}}`, question.Data.Mode)
		return
	}
	fmt.Print(`{}`)
}
