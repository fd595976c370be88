/**
 * Runs gates on the work as it is delivered and, where protected files were changed, also with these
 * as they were when the session began: a gate passes when it does both times.
 */
import { RalphError } from "../../error.ts";
import type { ProjectFiles } from "../../host/files/project_files.ts";
import type { Note } from "../../store/model.ts";
import { type Gate, gateKey } from "../../task/gate.ts";
import type { CleanStart } from "../../host/git/clean_checkout.ts";
import { bothResults, RESTORED } from "./both_results.ts";
import { type CleanRun, runClean } from "./clean_run.ts";
import { type GateOptions, type GateResult, runGates } from "./gates.ts";
import type { Protection } from "../protected/find_protected.ts";
import {
  changedProtectedFiles,
  keepProtectedFiles,
  type ProtectedFiles,
  type ProtectOrder,
  withRestoredTree,
} from "../protected/protected_files.ts";

interface GateRun {
  results: readonly GateResult[];
  notes: readonly Note[];
}

export interface GateRunner {
  /** Keeps the files that these gates name as they are now, unless they are kept already. */
  keep(gates: readonly Gate[]): Promise<void>;
  /** Undefined when `signal` aborted: nothing was found out. Call `keep` before. */
  run(gates: readonly Gate[], signal: AbortSignal): Promise<GateRun | undefined>;
  /** The same in a clean checkout of what is committed. */
  runClean(gates: readonly Gate[], signal: AbortSignal): Promise<CleanRun | undefined>;
}

export function createGateRunner(
  { order, projectFiles, cleanStart, onFound, ...options }:
    & Omit<GateOptions, "cwd" | "signal">
    & {
      order: Omit<ProtectOrder, "gates">;
      projectFiles: ProjectFiles;
      /** Is called whenever it was looked which files are protected. */
      onFound?: (protection: Protection) => void;
      /** What a checkout has beside what is committed; undefined where nothing is to be checked out. */
      cleanStart?: { begin(): Promise<void>; kept(): CleanStart };
    },
): GateRunner {
  let protectedFiles: ProtectedFiles | undefined;
  let keptFor: string | undefined;

  async function keep(gates: readonly Gate[]): Promise<ProtectedFiles> {
    const key = gates.map(gateKey).join("\n");
    if (!protectedFiles || key !== keptFor) {
      protectedFiles = await keepProtectedFiles({ ...order, gates }, projectFiles);
      keptFor = key;
      if (protectedFiles.found) onFound?.(protectedFiles.found);
    }
    return protectedFiles;
  }

  return {
    async keep(gates) {
      await keep(gates);
      await cleanStart?.begin();
    },
    async runClean(gates, signal) {
      const protectedFiles = await keep(gates);
      const order = {
        protectedFiles,
        start: cleanStart?.kept ?? (() => ({ ignored: [] })),
        tools: projectFiles,
        signal,
      };
      return await runClean(order, (cwd) => runGates(gates, { ...options, cwd, signal }));
    },
    async run(gates, signal) {
      const kept = protectedFiles ?? await keep(gates);
      const changes = changedProtectedFiles(kept, projectFiles);
      // Before the other: what gates leave in the project cannot help here.
      const restored = changes.length === 0
        ? []
        : await inRestoredTree(kept, gates, { ...options, projectFiles, signal });
      if (!restored) return undefined;
      const delivered = await runGates(gates, { ...options, cwd: order.root, signal });
      if (!delivered) return undefined;
      if (changes.length === 0) return { results: delivered, notes: [] };
      const text = `protected files were changed, so the gates ran twice, as delivered and ` +
        `${RESTORED} at the session's start: ${changes.map(({ words }) => words).join("; ")}`;
      return { results: bothResults(delivered, restored), notes: [{ about: "protected", text }] };
    },
  };
}

async function inRestoredTree(
  protectedFiles: ProtectedFiles,
  gates: readonly Gate[],
  { projectFiles, signal, ...options }: Omit<GateOptions, "cwd"> & {
    projectFiles: ProjectFiles;
    signal: AbortSignal;
  },
): Promise<readonly GateResult[] | undefined> {
  const onStart: GateOptions["onStart"] = (gate) =>
    options.onStart?.({ ...gate, name: `${gate.name}, ${RESTORED}` });
  try {
    return await withRestoredTree(
      protectedFiles,
      { tools: projectFiles, signal },
      (cwd) => runGates(gates, { ...options, cwd, signal, onStart }),
    );
  } catch (error) {
    if (signal.aborted) return undefined;
    if (!(error instanceof RalphError)) throw error;
    // Without that tree the gates prove nothing; the agent can put the files back.
    const why = error.message;
    return gates.map((gate) => ({ gate, passed: false, why, output: "", durationMs: 0 }));
  }
}
