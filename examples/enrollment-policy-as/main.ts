// An enrolment policy: closed courses, allowed modes, people who are not to be
// enrolled. The same as ../enrollment-policy, which is in Go. What it decides is in
// policy.ts.
//
//   npm install --ignore-scripts && npx asc main.ts -O3 --noAssert --runtime minimal --use abort=../../hostapi/guest/assemblyscript/assembly/host/crashed -o main.wasm
import { Answer, Question, filter } from "../../hostapi/guest/assemblyscript/assembly/index";
import { decide } from "./policy";

export { trellis_alloc } from "../../hostapi/guest/assemblyscript/assembly/index";

export function check(ptr: usize, len: i32): u64 {
  return filter(ptr, len, (q: Question): Answer => decide(q.data, q.settings));
}
