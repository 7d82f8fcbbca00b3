import { utf8 } from "./text";

// Type says what a value is; None is that there is no such value.
export enum Type { None, Null, Boolean, Number, Text, Array, Object }

// Value is a value of a JSON document, or none: asking one that is not there, or of
// another type, for anything gives none.
export class Value {
  type: Type = Type.None;
  // text is a string, decoded, or "".
  text: string = "";
  // number is a number as it is written, or "".
  number: string = "";
  // truth is a boolean, or false.
  truth: bool = false;
  // key is the name of a member of an object.
  key: string = "";
  // What follows is for the parser.
  first: Value | null = null;
  last: Value | null = null;
  next: Value | null = null;
  up: Value | null = null;
  from: i32 = 0;
  to: i32 = 0;

  constructor(public source: ArrayBuffer) {}

  // absent reports whether it is missing or null.
  get absent(): bool { return this.type <= Type.Null; }

  // is reports whether it is this string.
  is(s: string): bool { return this.type == Type.Text && this.text == s; }

  // isWhole reports whether it is a number that is written as a whole one and fits
  // 64 bits, which `whole` then returns.
  get isWhole(): bool {
    const s = this.number, minus = s.startsWith("-") ? 1 : 0;
    let u: u64 = 0;
    if (s.length == minus) return false;
    for (let i = minus; i < s.length; i++) {
      const d = <u64>s.charCodeAt(i) - 48;
      if (d > 9 || u > (u64.MAX_VALUE - d) / 10) return false;
      u = u * 10 + d;
    }
    return u <= <u64>i64.MAX_VALUE + minus;
  }
  get whole(): i64 { return this.isWhole ? i64.parse(this.number) : 0; }

  // float returns a number, as near as 64 bits come; NaN for what is none.
  get float(): f64 { return this.number.length ? parseFloat(this.number) : NaN; }

  // get returns a member of an object. Keys match exactly; of one that stands twice the
  // last counts.
  get(key: string): Value {
    let found: Value | null = null;
    if (this.type == Type.Object) {
      for (let m: Value | null = this.first; m !== null; m = m!.next) if (m.key == key) found = m;
    }
    return found ? found : nothing;
  }

  // items returns the items of an array, or the members of an object, in their order.
  items(): Value[] {
    const list: Value[] = [];
    for (let m: Value | null = this.first; m !== null; m = m!.next) list.push(m);
    return list;
  }

  // json returns the value as it stands in the document, "" for none.
  get json(): string { return utf8(this.source, this.from, this.to); }
}

// nothing is a value that is not there.
export const nothing = new Value(new ArrayBuffer(0));
