/** Whose what is in no commit: what turns made, and what was there before them. */
import * as z from "zod";
import type { TreeState } from "../../host/git/tree_state.ts";
import { parseStored } from "../../stored_json.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";

export interface Ownership {
  /** Made by turns, each with what the commit had then: mode and blob, or empty. */
  readonly made: Readonly<Record<string, string>>;
  /** Files that were not committed before the work began: a person's. */
  readonly users: readonly string[];
  /** Those of a person that a turn has changed too. */
  readonly mixed: readonly string[];
  /** Those of a person that a turn has put away: they are a person's when they come back. */
  readonly away?: readonly string[];
}

export const NOTHING: Ownership = { made: {}, users: [], mixed: [] };

const schema: z.ZodType<Ownership> = z.object({
  made: z.record(z.string(), z.string()),
  users: z.array(z.string()),
  mixed: z.array(z.string()),
  away: z.array(z.string()).optional(),
});

/**
 * What `JSON.stringify` made the text of, which is in `place`. Throws `RalphError` (`state`) for any
 * other text: without it a person's files would be taken for the work's.
 */
export function readOwnership(text: string, place: string): Ownership {
  return parseStored(text, {
    schema,
    what: `whose the files are that are not committed, in ${plain(place)}`,
    hints: [{
      text: "without it all that is not committed now counts as yours",
      command: `rm ${shellWord(place)}`,
    }],
  });
}

/**
 * At the begin of a session. What the one before has left is still the work's, as long as nobody has
 * committed the file since; all else that is in no commit is a person's.
 */
export function ownershipAtStart(start: TreeState | undefined, earlier: Ownership): Ownership {
  const changed = start?.changed ?? new Map();
  const left = Object.entries(earlier.made)
    .filter(([file, committed]) => committedOf(changed.get(file)) === committed);
  const made = Object.fromEntries(left);
  return {
    made,
    users: [...changed.keys()].filter((file) => !Object.hasOwn(made, file)),
    mixed: earlier.mixed.filter((file) => changed.has(file)),
  };
}

interface Trees {
  before: TreeState;
  after: TreeState;
}

/** What a person had not committed before the turn, and is not as it was after it. */
export function personsChanged({ users }: Ownership, { before, after }: Trees): readonly string[] {
  return users.filter((file) => {
    const was = before.changed.get(file);
    return was !== undefined && after.changed.get(file)?.now !== was.now;
  });
}

/**
 * After a turn, from the tree before and after it. `away`: what it has of a person neither left nor
 * committed.
 */
export function ownershipAfter(
  { made, users, mixed, away: awayBefore = [] }: Ownership,
  { before, after }: Trees,
  away: readonly string[] = [],
): Ownership {
  // What a person has committed meanwhile is nobody's any more.
  const theirs = new Set(
    users.filter((file) => before.changed.has(file) || awayBefore.includes(file)),
  );
  const entries = [...after.changed];
  const touched = entries.filter(([file, { now }]) => before.changed.get(file)?.now !== now);
  const gone = [...new Set([...awayBefore, ...away])].filter((file) => !after.changed.has(file));
  return {
    ...gone.length > 0 && { away: gone },
    made: Object.fromEntries(
      entries.filter(([file]) => Object.hasOwn(made, file))
        .concat(touched.filter(([file]) => !theirs.has(file)))
        .map(([file, entry]) => [file, committedOf(entry) ?? ""]),
    ),
    users: [...theirs],
    mixed: [
      ...new Set([...mixed, ...touched.map(([file]) => file).filter((file) => theirs.has(file))]),
    ].filter((file) => after.changed.has(file)),
  };
}

/** Once these are committed: what somebody writes into them from now on is not of a turn. */
export function withoutMade({ made, ...rest }: Ownership, files: readonly string[]): Ownership {
  const gone = new Set(files);
  return { ...rest, made: Object.fromEntries(Object.entries(made).filter(([f]) => !gone.has(f))) };
}

/** Undefined for what is as it is committed. */
function committedOf(entry: { committed?: string } | undefined): string | undefined {
  return entry && (entry.committed ?? "");
}
