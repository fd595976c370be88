/** What failed, and how it was mended. Pure. */
import type { GateRun, Round } from "./model.ts";

export interface Trouble {
  what: string;
  /** In its own words; foreign text. */
  why: string;
  /** Undefined: before the first turn of `sessionId`. */
  round: Round | undefined;
  sessionId: number;
  /** How often it was seen before it was mended. */
  times: number;
  /** Undefined: not mended. `round` as above. */
  mended: { words: string; round: Round | undefined; sessionId: number } | undefined;
}

/** In the order in which they were first seen. Claims are told elsewhere. */
export function troublesOf(rounds: readonly Round[], runs: readonly GateRun[]): Trouble[] {
  const place = ({ round }: Trouble) => round === undefined ? -1 : rounds.indexOf(round);
  return [
    ...[...Map.groupBy(runs, ({ gate }) => gate).values()].flatMap(gateTroubles),
    ...roundTroubles(rounds),
  ].toSorted((a, b) => a.sessionId - b.sessionId || place(a) - place(b));
}

/** Each failure of a gate up to the next run in which it passes. */
function gateTroubles(runs: readonly GateRun[]): Trouble[] {
  const troubles: Trouble[] = [];
  let open: Trouble | undefined;
  for (const { gate, passed, why, round, sessionId } of runs) {
    if (passed) {
      if (open) open.mended = { words: `${gate} passes`, round, sessionId };
      open = undefined;
    } else if (open) open.times++;
    else {
      open = { what: `gate ${gate}`, why, round, sessionId, times: 1, mended: undefined };
      troubles.push(open);
    }
  }
  return troubles;
}

/** What a gate says is told as such. */
const OF_THE_TURN: readonly (string | null)[] = ["error", "timeout", "interrupted"];

/** Turns that went wrong, up to the next one that did not: it may have found nothing to do. */
function roundTroubles(rounds: readonly Round[]): Trouble[] {
  const troubles: Trouble[] = [];
  let open: Trouble[] = [];
  for (const round of rounds) {
    const { outcome, detail, sessionId } = round.iteration;
    const isLost = round.standing.word === "no outcome";
    if (isLost || OF_THE_TURN.includes(outcome)) {
      const what = isLost ? "an iteration without an outcome" : `turn: ${outcome}`;
      const why = detail ?? "";
      const last = open.at(-1);
      if (last?.what === what && last.why === why) last.times++;
      else {
        open.push({ what, why, round, sessionId, times: 1, mended: undefined });
        troubles.push(...open.slice(-1));
      }
    } else if (outcome !== null && outcome !== "stopped") {
      // One that is under way, or was stopped, mends nothing.
      for (const one of open) {
        one.mended = { words: "the next turn ended by itself", round, sessionId };
      }
      open = [];
    }
  }
  return troubles;
}
