// A guest that crashes where a test knows it. The committed module and its map are
// built, in this directory, by
//
//	asc crash.ts --runtime stub --use abort= -O --sourceMap --debug -o crash-as.wasm
//
// without the sources' text in the map: jq -c 'del(.sourcesContent)'.
const room = new StaticArray<u8>(4096);
let seats: i32 = 3;

export function trellis_alloc(n: i32): usize {
  return n <= 4096 ? changetype<usize>(room) : 0;
}

// @ts-ignore: decorator
@inline
function ratio(a: i32, b: i32): i32 {
  return a / b; // line 17
}

function check(n: i32): i32 {
  return ratio(100, n - seats); // line 21
}

export function divide(at: usize, n: i32): u64 {
  return <u64>check(n); // line 25
}
