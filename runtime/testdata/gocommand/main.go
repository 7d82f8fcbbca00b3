// A WASI command in Go, built by the test with GOOS=wasip1 go build.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"time"
)

func main() {
	log.SetFlags(0)
	var in struct{ Name string }
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		log.Fatal("input: ", err)
	}
	switch os.Args[1] {
	case "greet":
		_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"hello": in.Name, "arguments": len(os.Args), "environment": len(os.Environ()), "clock": time.Now().Year() > 2000})
	case "refuse":
		fmt.Printf(`{"kind":"refused","message":"not %s"}`, in.Name)
		os.Exit(1)
	case "garbage":
		n := 0
		for i := range 2000 {
			n += len(make([]byte, 1000+i))
		}
		fmt.Print(n)
	case "outside":
		_, file := os.ReadFile("/etc/passwd")
		_, dial := net.Dial("tcp", "127.0.0.1:80")
		fmt.Print(file != nil, dial != nil)
	case "panic":
		panic("this command gives up")
	case "sleep":
		time.Sleep(time.Hour)
		fmt.Print("awake")
	}
}
