/** What a gate showed, for programs and for people. */
import type { Colors } from "../../terminal/colors.ts";
import { gateLacks } from "../../verify/gates/gate_lacks.ts";
import { usefulEnd } from "../../verify/gates/gate_output.ts";
import type { GateResult } from "../../verify/gates/gates.ts";
import { eventLines } from "../../worker/narration.ts";

/** Of a gate that passes, the end is enough to see what it looked at. */
const PASSED_LINES = 3;

/** `withheld`: names of variables that it did not get. */
export function shownGate(result: GateResult, withheld: readonly string[]) {
  const { gate: { name }, passed, flaky = false, why, output, durationMs } = result;
  return {
    name,
    passed,
    flaky,
    why,
    durationMs: Math.round(durationMs),
    /** What it seems to lack of this machine. */
    lacks: gateLacks(result, withheld).map(({ text }) => text),
    output,
  };
}

export function gateLines(
  { output, lacks, ...gate }: ReturnType<typeof shownGate>,
  colors: Colors,
): string[] {
  const end = gate.passed ? output.split("\n").slice(-PASSED_LINES) : usefulEnd(output).split("\n");
  return [
    ...eventLines({ type: "gate", ...gate }, colors),
    ...end.filter((line) => line !== "").map((line) => `      ${line}`),
    ...lacks.map((text) => colors.yellow(`    ${text}`)),
  ];
}
