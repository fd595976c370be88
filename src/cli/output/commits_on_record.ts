/** What git says of the sessions of a report. */
import type { Clock } from "../../clock.ts";
import {
  type Commit,
  commitsOfSteps,
  patchesOf,
  type StepCommits,
} from "../../host/git/commits.ts";
import type { SessionRecord } from "../../report/model.ts";
import type { Iteration } from "../../store/model.ts";

/** Of one commit, in lines and files: more nobody reads in a report. */
const PATCH_LINES_MAX = 3_000;
const PATCH_FILES_MAX = 200;
/** Of all of them, some 2 MB: the newest come first. */
const ALL_LINES_MAX = 40_000;

type Recorded = Omit<SessionRecord, "commits">;

/** The same, each iteration with its commits, and with what they changed as far as there is room. */
export async function withCommits(
  sessions: readonly Recorded[],
  clock: Clock,
): Promise<SessionRecord[]> {
  const found = new Map<Iteration, StepCommits>();
  const roots = new Map<Iteration, string>();
  for (const { session, iterations } of sessions) {
    const commits = await commitsOf(session.projectRoot, iterations, clock);
    for (const [iteration, one] of commits) {
      found.set(iteration, one);
      roots.set(iteration, session.projectRoot);
    }
  }
  const patches = await patchesFor(found, roots, clock);
  return sessions.map((record) => ({
    ...record,
    commits: new Map(record.iterations.flatMap((iteration) => {
      const one = found.get(iteration);
      if (!one) return [];
      const commits = one.commits.map((commit) => ({ ...commit, patch: patches.get(commit.id) }));
      return [[iteration.number, { ...one, commits }]];
    })),
  }));
}

/**
 * The commits of iterations; none of one of which it is not known from where to where the branch went,
 * or of which git cannot say.
 */
export async function commitsOf(
  root: string,
  iterations: readonly Iteration[],
  clock: Clock,
): Promise<ReadonlyMap<Iteration, StepCommits>> {
  const found = new Map<Iteration, StepCommits>();
  for (const chain of chainsOf(iterations)) {
    const heads = chain.map(({ headAfter }) => headAfter ?? "");
    const steps = await commitsOfSteps(root, [chain[0].headBefore ?? undefined, ...heads], {
      clock,
    });
    chain.forEach((iteration, i) => {
      const step = steps[i];
      if (step) found.set(iteration, step);
    });
  }
  return found;
}

/** Iterations that are known, each of which began where the one before had ended. */
function chainsOf(iterations: readonly Iteration[]): Iteration[][] {
  const chains: Iteration[][] = [];
  for (const iteration of iterations) {
    if (iteration.headAfter === null || iteration.commits === null) continue;
    const last = chains.at(-1);
    if (last?.at(-1)?.headAfter === iteration.headBefore) last?.push(iteration);
    else chains.push([iteration]);
  }
  return chains;
}

async function patchesFor(
  found: ReadonlyMap<Iteration, StepCommits>,
  roots: ReadonlyMap<Iteration, string>,
  clock: Clock,
): Promise<ReadonlyMap<string, string>> {
  const chosen = new Map<string, Set<string>>();
  let lines = 0;
  for (const [iteration, { commits }] of [...found].toReversed()) {
    for (const commit of commits.toReversed()) {
      const size = linesOf(commit);
      if (size > PATCH_LINES_MAX || commit.files.length > PATCH_FILES_MAX) continue;
      if (lines + size > ALL_LINES_MAX) continue;
      lines += size;
      const root = roots.get(iteration) ?? "";
      chosen.set(root, (chosen.get(root) ?? new Set()).add(commit.id));
    }
  }
  const patches = await Promise.all(
    [...chosen].map(([root, ids]) => patchesOf(root, [...ids], { clock })),
  );
  return new Map(patches.flatMap((one) => [...one]));
}

function linesOf({ files }: Commit): number {
  return files.reduce((all, { added, deleted }) => all + (added ?? 0) + (deleted ?? 0), 0);
}
