package hostapi

import "bytes"

// limits documents what one call may use, and what a manifest says about that.
func limits(b *bytes.Buffer) {
	b.WriteString(`## Limits of a call

What one call of a hook may use. Beyond it the call ends, its log says so, and ` + "`trellis ext run`" + ` says what to do.

| limit | is | in the manifest |
|---|---|---|
| linear memory | 16 MiB, with which a module may begin or to which it may grow | ` + "`limits.memory`" + `: 1MiB to 64MiB |
| computing, in fuel | worth 100 ms on the server, and at most four fifths of its wall time: a filter 40 ms; what a page shows 50 ms | ` + "`limits.work`" + `, for schedules and jobs |
| wall time, without waiting for turns | 250 ms (` + "`modules.time`" + `, if the operator says otherwise); a filter 50 ms, and all that are asked about one thing 250 ms together; a page waits 100 ms for all that is shown in it | ` + "`limits.time`" + `: 1ms to 250ms; ` + "`limits.work`" + `, for schedules and jobs |
| answer | 1 MiB; an error answer 8 KiB | |
| operations | 100; a few more are answered with ` + "`exhausted`" + `, then the call ends | |
| log | 16 KiB and 500 lines; the rest is left out | |

` + "`limits.work`" + ` is how long a call of a schedule or a job may take and compute: more than 250ms, and at most what the operator allows (` + "`modules.work`" + `, 1m by default).

` + "`isolation`" + ` is ` + "`pristine`" + ` by default: each call finds memory and globals as they were after the module had started, and nothing of the call before. With ` + "`pinned`" + ` an instance for each tenant keeps its state from call to call, which saves putting it back; it is lost when the instance has crashed, the server needs the memory or starts again, so it is a cache and no place to keep things. Calls of one tenant then wait for each other. A WASI command cannot be pinned.

How large a module may be (16 MiB, 50,000 functions and so on) is the server's to say: a refusal names the limit, what was found and how it is raised.

`)
}
