// The job as a guest of trellis/1: see patch.h, which does the same.
// Build: job/build

const ROOM: usize = 16384; // bytes of the longest input; an answer is at most 5 bytes longer

const input = heap.alloc(ROOM);
const output = heap.alloc(ROOM + 8);
const replacement: StaticArray<u8> = [0x68, 0x6f, 0x6e, 0x6f, 0x72]; // honor

// stop is what the language does when it cannot go on, in place of an import.
// @ts-ignore: decorator
@global
function stop(message: string | null, file: string | null, line: u32, column: u32): void {
  unreachable();
}

// closing returns where the string ends whose first byte is at i.
// @ts-ignore: decorator
@inline
function closing(i: usize, end: usize): usize {
  while (i < end && load<u8>(i) != 0x22) i += load<u8>(i) == 0x5c ? 2 : 1;
  return i;
}

function copy(to: usize, from: usize, n: usize): usize {
  memory.copy(to, from, n);
  return to + n;
}

// patched writes the answer to output and returns its length; 0: there is no such key.
function patched(start: usize, end: usize): usize {
  for (let i = start; i < end; i++) {
    if (load<u8>(i) != 0x22) continue;
    const key = ++i;
    i = closing(i, end);
    if (i + 2 >= end || i - key != 4 || load<u8>(i, 1) != 0x3a || load<u8>(i, 2) != 0x22) continue;
    if (load<u8>(key) != 0x6d || load<u8>(key, 1) != 0x6f || load<u8>(key, 2) != 0x64 || load<u8>(key, 3) != 0x65) continue;
    const value = i + 3, rest = closing(value, end);
    if (rest >= end) return 0;
    let at = copy(output, start, value - start);
    at = copy(at, changetype<usize>(replacement), 5);
    return copy(at, rest, end - rest) - output;
  }
  return 0;
}

export function trellis_alloc(n: u32): usize {
  return n <= (ROOM as u32) ? input : 0;
}

export function patch(ptr: usize, n: u32): u64 {
  return ((output as u64) << 32) | (patched(ptr, ptr + n) as u64);
}
