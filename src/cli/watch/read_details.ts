/** Reads what is shown of the chosen task alone. */
import { pathsOf } from "../../app/store.ts";
import type { Context } from "../../app/context.ts";
import { readAsIs } from "../../control/liveness.ts";
import { logOf } from "../../control/session_log.ts";
import { RalphError } from "../../error.ts";
import { withoutLocalFilters } from "../../host/git/local_filters.ts";
import { runGit } from "../../host/git/run_git.ts";
import { standingOf } from "../../report/standing.ts";
import type { Iteration, Session } from "../../store/model.ts";
import type { ReadOnlyStore } from "../../store/store.ts";
import { lastLines } from "../output/log_tail.ts";
import type { Round } from "./model.ts";
import { stampOf } from "./stamp.ts";
import { plural } from "../../terminal/plural.ts";

/** Of a log's end: more is for `ralph logs`. */
const OUTPUT_LINES = 2_000;
/** Of a diff. */
const DIFF_LINES = 20_000;

/** A task's output and iterations, each read again only when it has changed. */
export interface DetailsReader {
  /** The latest first. */
  iterations(session: Session | undefined): readonly Round[];
  output(session: Session | undefined): readonly string[];
}

export function detailsReader(context: Context): DetailsReader {
  const { database } = pathsOf(context);
  let iterations: { of: string; read: readonly Round[] } = { of: "", read: [] };
  let output: { of: string; read: readonly string[] } = { of: "", read: [] };

  return {
    iterations(session) {
      if (!session) return [];
      const of = `${session.id} ${stampOf(database, `${database}-wal`)}`;
      if (of !== iterations.of) {
        const read = orNone(() => readAsIs(context, (store) => roundsOf(store, session)));
        iterations = { of, read: read.toReversed() };
      }
      return iterations.read;
    },

    output(session) {
      const log = session && logOf(context, session);
      if (!log) return [];
      const of = `${session.id} ${stampOf(log.path)}`;
      if (of !== output.of) {
        output = { of, read: orWhy(() => lastLines(log.path, OUTPUT_LINES)) };
      }
      return output.read;
    },
  };
}

function roundsOf(store: ReadOnlyStore, { id, status }: Session): readonly Round[] {
  const byIteration = Map.groupBy(store.findings(id).claims, ({ iteration }) => iteration);
  const isOpen = status === "running";
  return store.iterations(id).map((one) => {
    const claims = byIteration.get(one.number) ?? [];
    return { ...one, standing: standingOf(one, { claims, isOpen }) };
  });
}

/**
 * What an iteration changed: from the commit before it to the one after it, or of the one under way
 * to the work tree. No program of the repository's configuration is run for it.
 */
export async function diffOf(
  { clock }: Context,
  { root, iteration }: { root: string; iteration: Iteration },
): Promise<readonly string[]> {
  const { number, headBefore, headAfter, endedAt } = iteration;
  const isCommit = (head: string | null) => head !== null && /^[0-9a-f]{7,64}$/.test(head);
  if (!isCommit(headBefore) || endedAt !== null && !isCommit(headAfter)) {
    return [`iteration ${number}: which commits it began and ended with is not on record`];
  }
  const range = [headBefore, endedAt === null ? null : headAfter].filter((one) => one !== null);
  const config = await withoutLocalFilters(root, { clock });
  const answer = await runGit(root, [
    ...["diff", "--no-ext-diff", "--no-textconv", "--no-color", "--stat", "--patch"],
    ...["--ignore-submodules=dirty", ...range, "--"],
  ], { clock, config });
  if (answer.kind === "printed") {
    const what = endedAt === null
      ? "so far, in files that git knows"
      : headBefore === headAfter
      ? "nothing was committed"
      : range.map((commit) => commit.slice(0, 12)).join("..");
    const text = answer.text.trimEnd();
    const lines = text === "" ? [] : text.split("\n");
    const left = lines.length - DIFF_LINES;
    return [
      `iteration ${number}: ${what}${text === "" && headBefore !== headAfter ? ": no change" : ""}`,
      ...lines.slice(0, DIFF_LINES),
      ...left > 0 ? [`… ${plural(left, "more line")}: git diff ${range.join(" ")}`] : [],
    ];
  }
  const why = answer.kind === "failed" ? answer.said.trim() : answer.kind;
  return [`iteration ${number}: git cannot show what it changed: ${why}`];
}

function orNone<T>(read: () => readonly T[] | undefined): readonly T[] {
  try {
    return read() ?? [];
  } catch (error) {
    if (error instanceof RalphError) return [];
    throw error;
  }
}

function orWhy(read: () => readonly string[]): readonly string[] {
  try {
    return read();
  } catch (error) {
    if (error instanceof RalphError) return [error.message];
    throw error;
  }
}
