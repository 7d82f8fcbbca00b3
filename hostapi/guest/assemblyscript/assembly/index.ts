// Extensions for Trellis in AssemblyScript, without any other library.
//
//   npx asc main.ts -O3 --noAssert --runtime minimal --use abort=trellis/host/crashed -o main.wasm
//
// An extension exports trellis_alloc and a function for each hook of its manifest:
//
//   import { Answer, Question, filter } from "./trellis/index";
//   export { trellis_alloc } from "./trellis/index";
//
//   export function check(ptr: usize, len: i32): u64 { return filter(ptr, len, decide); }
//
//   function decide(q: Question): Answer {
//     if (q.data.get("mode").is("honor")) return Answer.refuse("closed", "Not in this mode.");
//     return Answer.pass();
//   }
//
// `handle` is the body of what hears of an event, `work` of what works at set times or
// in the background, `slot` of what a slot of a page shows and `action` of what its
// buttons and forms do, `hook` of anything else. `call` asks for an operation of the host
// API, `log` writes to the extension's log, and with `--use abort=…` so does what goes
// wrong, before it ends the call.
//
// Unless the manifest says otherwise, every call finds the memory as it was when the
// module had started: what is looked up at the first use is looked up in each call.
export { Type, Value } from "./value";
export { parse } from "./parse";
export { Writer } from "./writer";
export { Kind, Level, Problem, Result, call, log, now, random } from "./host";
export { Answer, Event, Question, Step, Task } from "./message";
export { filter, handle, hook, trellis_alloc, work } from "./hook";
export { Badge, Card, Cell, Details, Heading, Image, List, Node, Progress, Stack, Text, Tone } from "./ui";
export { Chart, Table } from "./uidata";
export { Button, Field, Form } from "./uiform";
export { Act, Place, Reply, View, Viewer, action, slot } from "./uihook";
