// utf8 decodes a part of a buffer. U+FFFD stands for each byte that is no part of a
// character, as on the platform; the standard library's decoder takes them for more.
export function utf8(source: ArrayBuffer, from: i32, to: i32): string {
  let plain = from;
  while (plain < to && load<u8>(changetype<usize>(source) + plain) < 0x80) plain++;
  if (plain == to) return String.UTF8.decodeUnsafe(changetype<usize>(source) + from, to - from);
  const out = new StaticArray<u16>(to - from);
  let n = 0;
  for (let i = from; i < to;) {
    const c = <u32>load<u8>(changetype<usize>(source) + i);
    if (c < 0x80) { unchecked(out[n++] = <u16>c); i++; continue; }
    const size = width(source, i, to);
    if (!size) { unchecked(out[n++] = 0xfffd); i++; continue; }
    let r = c & (0x7f >> size);
    for (let k: u32 = 1; k < size; k++) r = r << 6 | (load<u8>(changetype<usize>(source) + i + k) & 0x3f);
    i += size;
    if (r < 0x10000) { unchecked(out[n++] = <u16>r); continue; }
    unchecked(out[n++] = <u16>(0xd7c0 + (r >> 10)));
    unchecked(out[n++] = <u16>(0xdc00 | (r & 0x3ff)));
  }
  return String.UTF16.decodeUnsafe(changetype<usize>(out), <usize>n << 1);
}

// width returns how many bytes at i are one character of several, 0 if they are none.
function width(source: ArrayBuffer, i: i32, to: i32): u32 {
  const c = byte(source, i, to), second = byte(source, i + 1, to);
  if (c >= 0xc2 && c <= 0xdf) return tail(source, i + 1, to) ? 2 : 0;
  if (c >= 0xe0 && c <= 0xef) {
    if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f)) return 0;
    return tail(source, i + 1, to) && tail(source, i + 2, to) ? 3 : 0;
  }
  if (c >= 0xf0 && c <= 0xf4) {
    if ((c == 0xf0 && second < 0x90) || (c == 0xf4 && second > 0x8f)) return 0;
    return tail(source, i + 1, to) && tail(source, i + 2, to) && tail(source, i + 3, to) ? 4 : 0;
  }
  return 0;
}

function byte(source: ArrayBuffer, i: i32, to: i32): u32 {
  return i < to ? <u32>load<u8>(changetype<usize>(source) + i) : 0;
}

function tail(source: ArrayBuffer, i: i32, to: i32): bool { return (byte(source, i, to) & 0xc0) == 0x80; }
