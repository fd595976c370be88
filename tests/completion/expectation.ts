import type { Run } from "./measure.ts";

/** How a run of ralph differs from what its scenario expects, in words. */
export function deviations(run: Run): string[] {
  const { scenario: { expect, turns }, said, verdict, iterations, missing, problems } = run;
  const found = [...problems];
  const wanted = expect.verdict ?? "right";
  if (verdict !== wanted) {
    found.push(`${verdict} in place of ${wanted}: ${said.detail} (missing: ${missing.join("; ")})`);
  }
  if (said.reason !== expect.reason) {
    found.push(`reason ${said.reason} in place of ${expect.reason}: ${said.detail}`);
  }
  if (iterations !== expect.iterations) {
    found.push(`${iterations} iterations in place of ${expect.iterations}`);
  }
  const unused = turns.length - expect.iterations;
  if (unused > 0 && !expect.unused) found.push(`nobody says why ${unused} turns are left over`);
  if (unused <= 0 && expect.unused) found.push("no turn is left over");
  return found;
}
