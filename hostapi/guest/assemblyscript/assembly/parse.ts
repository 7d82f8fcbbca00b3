import { Type, Value, nothing } from "./value";
import { utf8 } from "./text";

const deepest = 10000;
const comma = 0x2c, quote = 0x22, backslash = 0x5c, colon = 0x3a, minus = 0x2d, plus = 0x2b, dot = 0x2e, zero = 0x30;
const openBrace = 0x7b, closeBrace = 0x7d, openBracket = 0x5b, closeBracket = 0x5d;

// parse reads one JSON document; what is none gives no value (Type.None). It takes
// what RFC 8259 allows and nothing else, at most 10,000 deep; bytes that are not UTF-8
// and halves of surrogate pairs become U+FFFD. It does not recurse, so no input can
// use up the stack.
export function parse(source: ArrayBuffer): Value {
  return new Parser(source).document();
}

class Parser {
  at: i32 = 0;
  read: string = ""; // the string that was read last
  end: i32;

  constructor(private source: ArrayBuffer) { this.end = source.byteLength; }

  document(): Value {
    let root: Value | null = null, within: Value | null = null, depth = 0, key = "";
    while (true) { // each round reads one value, where one must stand
      this.space();
      const v = this.make(within);
      if (!root) root = v;
      v.key = key;
      key = "";
      v.from = this.at;
      let whole = true;
      const c = this.peek();
      if (c == openBrace || c == openBracket) {
        v.type = c == openBrace ? Type.Object : Type.Array;
        if (++depth > deepest) return nothing;
        this.at++;
        this.space();
        whole = this.take(closing(v));
        if (whole) depth--;
      } else if (!this.scalar(v, c)) return nothing;
      v.to = this.at;
      if (whole) {
        while (true) { // what may follow a value
          this.space();
          if (!within) return this.at == this.end ? root : nothing;
          if (this.take(comma)) break;
          if (!this.take(closing(within))) return nothing;
          within.to = this.at;
          within = within.up;
          depth--;
        }
      } else within = v;
      if (within!.type != Type.Object) continue;
      this.space();
      if (!this.string()) return nothing;
      key = this.read;
      this.space();
      if (!this.take(colon)) return nothing;
    }
  }

  private make(up: Value | null): Value {
    const v = new Value(this.source);
    if (up) {
      const last = up.last;
      if (last) last.next = v;
      else up.first = v;
      up.last = v;
      v.up = up;
    }
    return v;
  }

  private byte(i: i32): i32 { return load<u8>(changetype<usize>(this.source) + i); }

  // peek returns the next byte, -1 at the end.
  private peek(): i32 { return this.at < this.end ? this.byte(this.at) : -1; }

  private take(c: i32): bool {
    const is = this.peek() == c;
    if (is) this.at++;
    return is;
  }

  private space(): void {
    for (let c = this.peek(); c == 0x20 || (c >= 9 && c <= 13 && c != 11 && c != 12); c = this.peek()) this.at++;
  }

  private scalar(v: Value, c: i32): bool {
    switch (c) {
      case quote: {
        v.type = Type.Text;
        const ok = this.string();
        v.text = this.read;
        return ok;
      }
      case 0x74: {
        v.type = Type.Boolean;
        v.truth = true;
        return this.word("true");
      }
      case 0x66: {
        v.type = Type.Boolean;
        return this.word("false");
      }
      case 0x6e: {
        v.type = Type.Null;
        return this.word("null");
      }
    }
    v.type = Type.Number;
    const from = this.at, ok = this.numeral();
    v.number = utf8(this.source, from, this.at);
    return ok;
  }

  private word(w: string): bool {
    for (let i = 0; i < w.length; i++) if (!this.take(w.charCodeAt(i))) return false;
    return true;
  }

  private digits(): bool {
    const from = this.at;
    while (<u32>(this.peek() - zero) <= 9) this.at++;
    return this.at > from;
  }

  private numeral(): bool {
    this.take(minus);
    if (!this.take(zero) && !this.digits()) return false;
    if (this.take(dot) && !this.digits()) return false;
    if (!this.take(0x65) && !this.take(0x45)) return true;
    if (!this.take(plus)) this.take(minus);
    return this.digits();
  }

  // string reads one into `read`. What has nothing to decode is taken in pieces.
  private string(): bool {
    this.read = "";
    if (!this.take(quote)) return false;
    while (true) {
      const from = this.at;
      let c = this.peek();
      while (c >= 0x20 && c != quote && c != backslash) { this.at++; c = this.peek(); }
      if (this.at > from) {
        const piece = utf8(this.source, from, this.at);
        this.read = this.read.length ? this.read + piece : piece;
      }
      if (this.take(quote)) return true;
      if (!this.take(backslash)) return false;
      if (!this.escapes()) return false;
    }
  }

  // escapes reads what follows a backslash, and further escapes that follow at once.
  private escapes(): bool {
    const units: i32[] = [];
    do {
      const c = this.peek();
      this.at++;
      switch (c) {
        case quote: case backslash: case 0x2f: units.push(c); break;
        case 0x62: units.push(8); break;
        case 0x66: units.push(12); break;
        case 0x6e: units.push(10); break;
        case 0x72: units.push(13); break;
        case 0x74: units.push(9); break;
        case 0x75: {
          const v = this.hex();
          if (v < 0) return false;
          units.push(v);
          break;
        }
        default: return false;
      }
    } while (this.take(backslash));
    for (let i = 0; i < units.length; i++) { // halves of pairs do not stand alone
      const u = units[i];
      if ((u & 0xf800) != 0xd800) continue;
      if (u < 0xdc00 && i + 1 < units.length && (units[i + 1] & 0xfc00) == 0xdc00) i++;
      else units[i] = 0xfffd;
    }
    this.read += String.fromCharCodes(units);
    return true;
  }

  private hex(): i32 {
    let v = 0;
    for (let i = 0; i < 4; i++) {
      const c = this.peek(), letter = (c | 0x20) - 0x61;
      if (<u32>(c - zero) <= 9) v = v << 4 | (c - zero);
      else if (<u32>letter <= 5) v = v << 4 | (letter + 10);
      else return -1;
      this.at++;
    }
    return v;
  }
}

function closing(v: Value): i32 { return v.type == Type.Object ? closeBrace : closeBracket; }
