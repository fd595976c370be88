/** Gates that ran twice, on the work as delivered and with the protected files as they were. */
import { gateKey } from "../../task/gate.ts";
import type { GateResult } from "./gates.ts";

export const RESTORED = "with the protected files as they were";

/** Of each gate one result of the two, which says where it fails. */
export function bothResults(
  delivered: readonly GateResult[],
  restored: readonly GateResult[],
): readonly GateResult[] {
  const restoredOf = new Map(restored.map((result) => [gateKey(result.gate), result]));
  return delivered.map((result) => {
    const other = restoredOf.get(gateKey(result.gate));
    if (!other) return result;
    const durationMs = result.durationMs + other.durationMs;
    if (result.passed && other.passed) return { ...result, durationMs };
    const failing = result.passed ? other : result;
    return { ...failing, gate: result.gate, passed: false, durationMs, why: whyOf(result, other) };
  });
}

function whyOf(delivered: GateResult, restored: GateResult): string {
  const passes = "it passes";
  if (delivered.passed) return `${restored.why} ${RESTORED} (as delivered ${passes})`;
  if (restored.passed) return `${delivered.why} as delivered (${RESTORED} ${passes})`;
  if (delivered.why === restored.why) return `${delivered.why}, as delivered and ${RESTORED}`;
  return `${delivered.why} as delivered; ${restored.why} ${RESTORED}`;
}
