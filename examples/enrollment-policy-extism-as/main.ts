// An enrolment policy as an Extism plug-in, with the PDK for AssemblyScript. What it
// decides is in ../enrollment-policy-as/policy.ts.
//
//   npm install --ignore-scripts && npx asc main.ts -O3 --noAssert --runtime minimal --use abort=main/crashed -o main.wasm
import { Host } from "@extism/as-pdk";
import { Value, Writer, parse } from "../../hostapi/guest/assemblyscript/assembly/index";
import { decide } from "../enrollment-policy-as/policy";

export function check(): i32 {
  const question = parse(Host.input().buffer);
  const answer = new Writer();
  decide(question.get("data"), question.get("settings")).write(answer);
  Host.output(Uint8Array.wrap(answer.bytes()));
  return 0;
}

// crashed stands in for the import env.abort, which no host has to offer.
export function crashed(message: string | null, file: string | null, line: u32, column: u32): void {
  unreachable();
}
