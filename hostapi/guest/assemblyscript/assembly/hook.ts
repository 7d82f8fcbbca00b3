import { Kind, Problem, bytes, nameOf } from "./host";
import { Answer, Event, Question, Step, Task } from "./message";
import { parse } from "./parse";
import { Type, Value } from "./value";
import { Writer } from "./writer";

// The buffer that inputs are written to, and the last answer: both must stay where
// they are until the next call.
let input: usize = 0;
let room: u32 = 0;
let answer: ArrayBuffer = new ArrayBuffer(0);

// How many bytes came and went since memory was last tidied up. A pristine module
// finds 0 in each call; one that is kept collects its garbage now and then.
let used: u32 = 0;
const tidy: u32 = 256 << 10;

// trellis_alloc hands out room for an input. An extension exports it.
export function trellis_alloc(n: u32): usize {
  if (n > 1 << 30) return 0;
  if (used > tidy) {
    used = 0;
    __collect(); // nothing is on the stack now that it could miss
  }
  if (n > room || !input) {
    if (input) heap.free(input);
    room = max<u32>(n, 1024);
    input = heap.alloc(room);
  }
  return input;
}

// A longer message would count as a crash.
const longest = 1000;

function cut(message: string): string {
  if (String.UTF8.byteLength(message) <= longest) return message;
  let n = min(message.length, longest - 3);
  while (String.UTF8.byteLength(message.substring(0, n)) > longest - 3) n--;
  return message.substring(0, n) + "…";
}

// given reads the input; what is no JSON gives no value.
export function given(len: i32): Value {
  const source = new ArrayBuffer(len);
  memory.copy(changetype<usize>(source), input, len);
  used += <u32>len * 8;
  return parse(source);
}

// packed hands over an answer, or an error.
export function packed(b: ArrayBuffer, failed: bool): u64 {
  answer = b;
  used += <u32>b.byteLength * 4 + 1024;
  return <u64>changetype<usize>(b) << 32 | (failed ? <u64>1 << 31 : 0) | b.byteLength;
}

// failure answers with an error, misread that the input is not JSON.
export function failure(p: Problem): u64 {
  return packed(new Writer().open().key("kind").text(nameOf(p.kind)).key("message").text(cut(p.message)).close().bytes(), true);
}

export function misread(): u64 { return failure(new Problem(Kind.Invalid, "the input is not JSON")); }

function done(p: Problem | null): u64 {
  return p ? failure(p) : packed(bytes("{}"), false);
}

// filter is the body of a filter's export.
export function filter(ptr: usize, len: i32, decide: (q: Question) => Answer): u64 {
  const v = given(len);
  if (v.type == Type.None) return misread();
  const w = new Writer();
  decide(new Question(v)).write(w);
  return packed(w.bytes(), false);
}

// handle is the body of an event's export. An error has the event told again, later.
export function handle(ptr: usize, len: i32, hear: (e: Event) => Problem | null): u64 {
  const v = given(len);
  return v.type == Type.None ? misread() : done(hear(new Event(v)));
}

// work is the body of a schedule's or job's export.
export function work(ptr: usize, len: i32, step: (t: Task) => Step): u64 {
  const v = given(len);
  if (v.type == Type.None) return misread();
  const s = step(new Task(v));
  if (s.problem || !s.state.length) return done(s.problem);
  return packed(new Writer().open().key("again").raw(s.state).close().bytes(), false);
}

// hook is the body of any other export: it takes and returns any JSON.
export function hook(ptr: usize, len: i32, f: (v: Value) => string): u64 {
  const v = given(len);
  return v.type == Type.None ? misread() : packed(bytes(f(v)), false);
}
