// What may stand in a tree.
import { bytes } from "./host";
import { utf8 } from "./text";
import { Writer } from "./writer";

// unseen reports whether the platform takes a character out of texts.
function unseen(c: u32): bool {
  if (c < 0x7f) return c < 0x20 && c != 10 && c != 9;
  if (c < 0x200b) return c < 0xa0 || c == 0xad || c == 0x34f || c == 0x115f || c == 0x1160 || c == 0x17b4 || c == 0x17b5 || c == 0x180e;
  return c == 0x200b || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0x3164 || c == 0xfeff || c == 0xffa0 ||
    (c >= 0xfff9 && c <= 0xfffb) || (c >= 0x1bca0 && c <= 0x1bca3) || (c >= 0x1d173 && c <= 0x1d17a) || (c >= 0xe0000 && c <= 0xe0fff);
}

// blank reports whether nothing is seen of a text.
export function blank(s: string): bool {
  for (let i = 0; i < s.length; i++) {
    const c = <u32>s.codePointAt(i);
    if (c >= 0x10000) i++;
    const space = c == 0x20 || (c >= 9 && c <= 13) || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f || c == 0x3000;
    if (!space && !unseen(c)) return false;
  }
  return true;
}

// odd reports whether something stands in a text that no address has.
function odd(s: string, spaces: bool): bool {
  for (let i = 0; i < s.length; i++) {
    const c = <u32>s.codePointAt(i);
    if (c >= 0x10000) i++;
    if (c < 0x20 || (c == 0x20 && !spaces) || c == 0x5c || c == 0xfffd || (c & 0xfffff800) == 0xd800 || unseen(c)) return true;
  }
  return false;
}

function isDigit(c: i32): bool { return c >= 0x30 && c <= 0x39; }
function isLetter(c: i32): bool { return isDigit(c) || ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x7a); }

// before returns what stands before the first of some characters.
function before(s: string, ends: string): string {
  for (let i = 0; i < s.length; i++) if (ends.includes(s.charAt(i))) return s.substring(0, i);
  return s;
}

function hex(c: i32): i32 {
  if (isDigit(c)) return c - 0x30;
  const letter = (c | 0x20) - 0x61;
  return letter >= 0 && letter <= 5 ? letter + 10 : -1;
}

// unescaped returns an address without its escapes, null if one of them is none.
function unescaped(s: string): string | null {
  const from = bytes(s), to = new ArrayBuffer(from.byteLength);
  let n = 0;
  for (let i = 0; i < from.byteLength; i++) {
    let c = <i32>load<u8>(changetype<usize>(from) + i);
    if (c == 0x25) {
      if (i + 2 >= from.byteLength) return null;
      const high = hex(load<u8>(changetype<usize>(from) + i + 1)), low = hex(load<u8>(changetype<usize>(from) + i + 2));
      if (high < 0 || low < 0) return null;
      c = high << 4 | low;
      i += 2;
    }
    store<u8>(changetype<usize>(to) + n++, <u8>c);
  }
  return utf8(to, 0, n);
}

function isHost(s: string): bool {
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (!isLetter(c) && c != 0x2d && c != 0x2e) return false;
  }
  return s.length > 0 && s.length <= 253 && isLetter(s.charCodeAt(0)) && isLetter(s.charCodeAt(s.length - 1));
}

// leads reports whether a link is one that the platform takes: it may come from the
// settings.
export function leads(link: string): bool {
  if (String.UTF8.byteLength(link) > 2000 || odd(link, false) || unescaped(link) === null) return false;
  if (link.startsWith("https://") || link.startsWith("http://")) {
    const at = before(link.substring(link.indexOf("//") + 2), "/?#"), host = before(at, ":");
    for (let i = host.length + 1; i < at.length; i++) if (!isDigit(at.charCodeAt(i))) return false;
    return isHost(host);
  }
  if (link.startsWith("mailto:")) {
    const to = before(link.substring(7), "?#"), name = before(to, "@");
    for (let i = 0; i < name.length; i++) {
      const c = name.charCodeAt(i);
      if (!isLetter(c) && c != 0x2d && c != 0x5f && c != 0x2e && c != 0x2b) return false;
    }
    return name.length > 0 && name.length <= 64 && isHost(to.substring(name.length + 1));
  }
  const path = unescaped(before(link, "?#"))!;
  if (!path.startsWith("/") || path.startsWith("//") || odd(path, true)) return false;
  const steps = path.split("/");
  return !steps.includes(".") && !steps.includes("..");
}

// day returns a day as it was given, or nothing if it is none.
export function day(s: string): string {
  if (s.length != 10 || s.charCodeAt(4) != 0x2d || s.charCodeAt(7) != 0x2d) return "";
  for (let i = 0; i < 10; i++) if (i != 4 && i != 7 && !isDigit(s.charCodeAt(i))) return "";
  const year = I32.parseInt(s.substring(0, 4), 10), month = I32.parseInt(s.substring(5, 7), 10), day = I32.parseInt(s.substring(8), 10);
  const leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  const longest = month == 2 ? (leap ? 29 : 28) : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
  return month >= 1 && month <= 12 && day >= 1 && day <= longest ? s : "";
}

// most is the largest number of a tree.
export const most: f64 = 1e15;

// number writes a number of a tree.
export function number(w: Writer, x: f64): void { w.number(min(max(x, -most), most)); }

// given writes a member unless it is empty.
export function given(w: Writer, key: string, s: string): void {
  if (s.length) w.key(key).text(s);
}

// said writes a member that must say something: a dash if it does not.
export function said(w: Writer, key: string, s: string): void { w.key(key).text(blank(s) ? "–" : s); }

// yes writes a member if it is so.
export function yes(w: Writer, key: string, is: bool): void {
  if (is) w.key(key).truth(true);
}
