/**
 * A gate that fails on content on which it has passed in this session contradicts itself: the work is not
 * what made the difference. Only such a gate is run again, once.
 */
import type { TreeState } from "../../host/git/tree_state.ts";
import { type Gate, gateKey } from "../../task/gate.ts";
import type { EvidenceTree } from "../evidence.ts";
import type { GateMemory } from "./gate_memory.ts";
import type { GateResult } from "./gates.ts";

/**
 * Whether two states of the tree are alike but for the task's own files. What git does not say is not, nor
 * what others' commits have brought in: of those `change` tells no files.
 */
async function isSameContent(
  tree: Pick<EvidenceTree, "change">,
  { before, after }: { before: TreeState; after: TreeState },
): Promise<boolean> {
  const change = await tree.change({ before, after });
  return change?.files.length === 0 && !change.takenIn;
}

/** The keys of those that fail on `now`, and have passed on the same. */
export async function contradictions(
  results: readonly GateResult[],
  { known, tree, now }: {
    known: Pick<GateMemory, "passedOn">;
    tree: Pick<EvidenceTree, "change">;
    now: TreeState | undefined;
  },
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  /** Most gates passed on one and the same. */
  const alike = new Map<TreeState, boolean>();
  for (const { gate, passed } of results) {
    const then = passed ? undefined : known.passedOn(gate);
    if (!then || !now) continue;
    const same = alike.get(then) ?? await isSameContent(tree, { before: then, after: now });
    alike.set(then, same);
    if (same) found.add(gateKey(gate));
  }
  return found;
}

/** Those to run again, with what runs before them: one gate may build what another one needs. */
export function upToLast(
  results: readonly GateResult[],
  wanted: ReadonlySet<string>,
): readonly Gate[] {
  const last = results.findLastIndex(({ gate }) => wanted.has(gateKey(gate)));
  return results.slice(0, last + 1).map(({ gate }) => gate);
}

/**
 * The results of the first run, but for the gates that contradicted themselves: one that passes now is told
 * with what it printed when it failed.
 */
export function settled(
  first: readonly GateResult[],
  { again, wanted }: { again: readonly GateResult[]; wanted: ReadonlySet<string> },
): readonly GateResult[] {
  const second = new Map(again.map((result) => [gateKey(result.gate), result]));
  return first.map((result) => {
    const other = wanted.has(gateKey(result.gate)) && second.get(gateKey(result.gate));
    if (!other) return result;
    const durationMs = result.durationMs + other.durationMs;
    const { output } = result;
    return other.passed
      ? { ...other, flaky: true, durationMs, output, why: flakyWhy(result.why) }
      : { ...other, durationMs, why: `${other.why}, twice` };
  });
}

/** `why`: of the run that failed. */
const flakyWhy = (why: string) => `${why}, and it passed when it was run again on the same content`;
