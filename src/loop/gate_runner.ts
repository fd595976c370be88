/** Runs gates as the judge wants them: with its own files as they were when the session began. */
import { RalphError } from "../error.ts";
import type { JudgeTools } from "../host/judge_tools.ts";
import type { Note } from "../registry/model.ts";
import { type Gate, gateKey } from "../task/gate.ts";
import { type GateOptions, type GateResult, runGates } from "../verify/gates.ts";
import {
  changedJudgeFiles,
  type Judge,
  type JudgeOrder,
  keepJudgeFiles,
  withJudgeTree,
} from "../verify/judge_files.ts";

export interface GateRun {
  results: readonly GateResult[];
  notes: readonly Note[];
}

export interface GateRunner {
  /** Keeps the files that these gates name as they are now, unless they are kept already. */
  keep(gates: readonly Gate[]): Promise<void>;
  /** Undefined when `signal` aborted: nothing was found out. Call `keep` before. */
  run(gates: readonly Gate[], signal: AbortSignal): Promise<GateRun | undefined>;
}

export function createGateRunner(
  { order, judgeTools, ...options }:
    & Omit<GateOptions, "cwd" | "signal">
    & { order: Omit<JudgeOrder, "gates">; judgeTools: JudgeTools },
): GateRunner {
  let judge: Judge | undefined;
  let keptFor: string | undefined;

  async function keep(gates: readonly Gate[]): Promise<Judge> {
    const key = gates.map(gateKey).join("\n");
    if (!judge || key !== keptFor) {
      judge = await keepJudgeFiles({ ...order, gates }, judgeTools);
      keptFor = key;
    }
    return judge;
  }

  async function inTree(judge: Judge, gates: readonly Gate[], signal: AbortSignal) {
    try {
      return await withJudgeTree(
        judge,
        { tools: judgeTools, signal },
        (cwd) => runGates(gates, { ...options, cwd, signal }),
      );
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!(error instanceof RalphError)) throw error;
      // Without that tree the gates prove nothing; the agent can put the files back.
      const why = error.message;
      return gates.map((gate) => ({ gate, passed: false, why, output: "", durationMs: 0 }));
    }
  }

  return {
    keep: async (gates) => void await keep(gates),
    async run(gates, signal) {
      const kept = judge ?? await keep(gates);
      const changes = changedJudgeFiles(kept, judgeTools);
      const results = changes.length === 0
        ? await runGates(gates, { ...options, cwd: order.root, signal })
        : await inTree(kept, gates, signal);
      if (!results) return undefined;
      const text = `the gates ran with the judge's files as they were at the session's start: ` +
        changes.map(({ words }) => words).join("; ");
      return { results, notes: changes.length === 0 ? [] : [{ about: "judge", text }] };
    },
  };
}
