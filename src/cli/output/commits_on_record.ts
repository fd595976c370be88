/** What git says of the sessions of a report. */
import type { Clock } from "../../clock.ts";
import { type Commit, commitsBetween, patchesOf } from "../../host/git/commits.ts";
import type { FoundCommits, SessionRecord } from "../../report/model.ts";
import type { Iteration } from "../../store/model.ts";

/** How many gits are asked at once. */
const AT_ONCE = 4;
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
  const found = new Map<Iteration, FoundCommits>();
  const asked = sessions.flatMap(({ session, iterations }) =>
    iterations.map((iteration) => ({ root: session.projectRoot, iteration }))
  );
  for (let i = 0; i < asked.length; i += AT_ONCE) {
    await Promise.all(
      asked.slice(i, i + AT_ONCE).map(async ({ root, iteration }) => {
        const commits = await commitsOf(root, iteration, clock);
        if (commits) found.set(iteration, commits);
      }),
    );
  }
  const roots = new Map(asked.map(({ root, iteration }) => [iteration, root]));
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

/** Undefined where it is not known from where to where the branch went, or git cannot say. */
export async function commitsOf(
  root: string,
  { headBefore, headAfter, commits }: Iteration,
  clock: Clock,
): Promise<{ commits: readonly Commit[]; leftOut: number } | undefined> {
  if (headAfter === null || commits === null) return undefined;
  return await commitsBetween(root, { from: headBefore ?? undefined, to: headAfter }, { clock });
}

async function patchesFor(
  found: ReadonlyMap<Iteration, FoundCommits>,
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
