package pages_test

// walkConsole are the steps through the console.
func walkConsole() []step { return nil }
