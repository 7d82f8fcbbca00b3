import { Value } from "./value";
import { parse } from "./parse";
import { utf8 } from "./text";

// @ts-ignore: decorator
@external("trellis", "call")
declare function hostCall(name: usize, nameLength: u32, input: usize, length: u32): u64;
// @ts-ignore: decorator
@external("trellis", "read")
declare function hostRead(to: usize, capacity: u32, offset: u32): u32;
// @ts-ignore: decorator
@external("trellis", "log")
declare function hostLog(level: u32, text: usize, length: u32): void;
// @ts-ignore: decorator
@external("trellis", "now")
declare function hostNow(): i64;
// @ts-ignore: decorator
@external("trellis", "random")
declare function hostRandom(to: usize, length: u32): void;

// Kind is a kind of error, by the numbers that the platform uses; None is none.
export enum Kind {
  None,
  Invalid,     // the input is wrong
  Denied,      // the permission is lacking, or it is not for a filter
  Refused,     // another extension said no
  NotFound,    // not there, or outside of where the extension is enabled
  Conflict,    // it has changed meanwhile: look again
  Exhausted,   // too much, or too often: try later
  Unavailable, // not now: try later
  Internal,    // a fault, of the platform or of the extension
}

// nameOf returns a kind as messages have it, "" for none.
export function nameOf(kind: Kind): string {
  switch (kind) {
    case Kind.None: return "";
    case Kind.Invalid: return "invalid";
    case Kind.Denied: return "denied";
    case Kind.Refused: return "refused";
    case Kind.NotFound: return "not_found";
    case Kind.Conflict: return "conflict";
    case Kind.Exhausted: return "exhausted";
    case Kind.Unavailable: return "unavailable";
  }
  return "internal";
}

// Problem is an operation's error, or a hook's answer to the platform.
export class Problem {
  constructor(public kind: Kind, public message: string) {}
}

// Result is what an operation answered.
export class Result {
  value: Value;
  constructor(public kind: Kind, private answer: ArrayBuffer) { this.value = parse(answer); }
  // ok reports whether it went well.
  get ok(): bool { return this.kind == Kind.None; }
  // problem returns the error, null for none.
  get problem(): Problem | null {
    if (this.ok) return null;
    const message = this.value.get("message");
    return new Problem(this.kind, message.absent ? utf8(this.answer, 0, this.answer.byteLength) : message.text);
  }
}

// bytes encodes a text as UTF-8.
export function bytes(s: string): ArrayBuffer {
  return String.UTF8.encode(s, false, String.UTF8.ErrorMode.REPLACE);
}

// call runs an operation of the host API. The input is JSON, as its documentation
// says.
export function call(operation: string, input: string): Result {
  const name = bytes(operation), data = bytes(input);
  const r = hostCall(changetype<usize>(name), name.byteLength, changetype<usize>(data), data.byteLength);
  const answer = new ArrayBuffer(<i32>r);
  hostRead(changetype<usize>(answer), answer.byteLength, 0);
  return new Result(<Kind>(r >> 32), answer);
}

export enum Level { Debug, Info, Warn, Error }

// log writes to the extension's log.
export function log(level: Level, text: string): void {
  const b = bytes(text);
  hostLog(level, changetype<usize>(b), b.byteLength);
}

// now returns the time, in nanoseconds since 1970.
export function now(): i64 { return hostNow(); }

// random returns n random bytes, which differ from call to call.
export function random(n: i32): ArrayBuffer {
  const b = new ArrayBuffer(n);
  hostRandom(changetype<usize>(b), n);
  return b;
}

// crashed is for --use abort=…: it says in the log what went wrong and where, and ends
// the call.
export function crashed(message: string | null, file: string | null, line: u32, column: u32): void {
  log(Level.Error, (message ? message : "abort") + " (" + (file ? file : "") + ":" + line.toString() + ":" + column.toString() + ")");
  unreachable();
}
