import { Type, Value } from "./value";
import { utf8 } from "./text";

// Writer writes JSON. It sets the commas itself; what is opened must be closed.
//
//   new Writer().open().key("a").whole(1).key("b").list().text("c").end().close()
export class Writer {
  private buffer: ArrayBuffer = new ArrayBuffer(256);
  private size: i32 = 0;
  private among: bool = false; // whether something stands before, among the same

  // open begins an object, close ends it.
  open(): this { return this.begin(0x7b); }
  close(): this { return this.finish(0x7d); }
  // list begins an array, end ends it.
  list(): this { return this.begin(0x5b); }
  end(): this { return this.finish(0x5d); }

  // key names the member that is written next.
  key(name: string): this {
    this.text(name);
    this.byte(0x3a);
    this.among = false;
    return this;
  }

  // text writes a string. It escapes what JSON must have escaped, and the two line
  // separators that JavaScript once stumbled over.
  text(s: string): this {
    this.comma();
    this.byte(0x22);
    for (let i = 0; i < s.length; i++) {
      let c = <u32>s.charCodeAt(i);
      if (c >= 0x20 && c < 0x80 && c != 0x22 && c != 0x5c) { this.byte(c); continue; }
      if (c < 0x80 || c == 0x2028 || c == 0x2029) { this.escaped(c); continue; }
      if ((c & 0xf800) == 0xd800) {
        const low = i + 1 < s.length ? <u32>s.charCodeAt(i + 1) : 0;
        if (c < 0xdc00 && (low & 0xfc00) == 0xdc00) { c = 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff)); i++; }
        else c = 0xfffd;
      }
      this.rune(c);
    }
    this.byte(0x22);
    return this;
  }

  whole(n: i64): this { return this.raw(n.toString()); }
  // number writes a number; what is none is 0.
  number(x: f64): this {
    if (!isFinite(x)) return this.whole(0);
    return x == Math.trunc(x) && Math.abs(x) < 1e18 ? this.whole(<i64>x) : this.raw(x.toString());
  }
  truth(b: bool): this { return this.raw(b ? "true" : "false"); }
  none(): this { return this.raw("null"); }
  // value writes a value as it was read, null for none.
  value(v: Value): this {
    if (v.type == Type.None) return this.none();
    this.comma();
    const n = v.to - v.from;
    this.need(n);
    memory.copy(changetype<usize>(this.buffer) + this.size, changetype<usize>(v.source) + v.from, n);
    this.size += n;
    return this;
  }
  // raw writes what is JSON.
  raw(json: string): this {
    this.comma();
    for (let i = 0; i < json.length; i++) {
      let c = <u32>json.codePointAt(i);
      if (c >= 0x10000) i++;
      else if ((c & 0xf800) == 0xd800) c = 0xfffd;
      this.rune(c);
    }
    return this;
  }

  bytes(): ArrayBuffer { return this.buffer.slice(0, this.size); }
  toString(): string { return utf8(this.buffer, 0, this.size); }

  private begin(c: u32): this {
    this.comma();
    this.byte(c);
    this.among = false;
    return this;
  }
  private finish(c: u32): this {
    this.byte(c);
    this.among = true;
    return this;
  }
  private comma(): void {
    if (this.among) this.byte(0x2c);
    this.among = true;
  }
  private escaped(c: u32): void {
    let short: u32 = 0;
    switch (c) {
      case 0x22: case 0x5c: short = c; break;
      case 8: short = 0x62; break;
      case 9: short = 0x74; break;
      case 10: short = 0x6e; break;
      case 12: short = 0x66; break;
      case 13: short = 0x72; break;
      case 0x7f: this.byte(c); return;
    }
    this.byte(0x5c);
    if (short) { this.byte(short); return; }
    this.byte(0x75);
    for (let shift = 12; shift >= 0; shift -= 4) {
      const d = c >> shift & 15;
      this.byte(d < 10 ? 0x30 + d : 0x57 + d);
    }
  }
  private rune(c: u32): void {
    if (c < 0x80) { this.byte(c); return; }
    if (c < 0x800) this.byte(0xc0 | c >> 6);
    else {
      if (c < 0x10000) this.byte(0xe0 | c >> 12);
      else { this.byte(0xf0 | c >> 18); this.byte(0x80 | (c >> 12 & 0x3f)); }
      this.byte(0x80 | (c >> 6 & 0x3f));
    }
    this.byte(0x80 | (c & 0x3f));
  }
  private need(n: i32): void {
    if (this.size + n <= this.buffer.byteLength) return;
    const more = new ArrayBuffer((this.size + n) * 2);
    memory.copy(changetype<usize>(more), changetype<usize>(this.buffer), this.size);
    this.buffer = more;
  }
  private byte(c: u32): void {
    this.need(1);
    store<u8>(changetype<usize>(this.buffer) + this.size++, <u8>c);
  }
}
