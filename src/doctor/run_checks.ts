/** Runs checks side by side, each after those that it needs, and all within a limit. */
import { type Clock, sleep } from "../clock.ts";
import { duration } from "../terminal/format.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { type Check, fail, type Level, skip, type Verdict, warn } from "./check.ts";
import type { Probes } from "./probes.ts";

/**
 * How long a check may take unless it says otherwise, in milliseconds: what hangs takes for ever, and
 * a machine with other work takes four times as long as a quiet one (`opencode --version` 1.18.33: 1.6 s
 * of CPU, measured).
 */
export const CHECK_MS = 10_000;
/** A check that took longer says how long. */
const SLOW_MS = 2_500;
/** After so long nothing is waited for any more. */
export const ALL_MS = 20_000;

export type Result = Verdict & Pick<Check, "id" | "group" | "title"> & {
  /** How long it took, without waiting for others. */
  ms: number;
};

/**
 * The results, in the order of `checks`. Never throws: a check that throws, or that does not answer
 * in time, has failed. What a check needs must stand before it.
 */
export function runChecks(
  checks: readonly Check[],
  { probes, clock, limitMs = ALL_MS }: { probes: Probes; clock: Clock; limitMs?: number },
): Promise<readonly Result[]> {
  const end = clock.monotonic() + limitMs;
  const running = new Map<string, Promise<Result>>();
  const { ralph } = probes.names;

  async function run(check: Check): Promise<Result> {
    const { id, group, title, needs = [], after = [] } = check;
    const before = new Map<string, Result>();
    for (const other of [...needs, ...after]) {
      const result = await running.get(other);
      if (result) before.set(other, result);
    }
    const missing = needs.map((need) => before.get(need)).find((result) =>
      result && !isFine(result.level)
    );
    if (missing) {
      return { id, group, title, ms: 0, ...skip(`needs “${missing.title}”`) };
    }
    const startedAt = clock.monotonic();
    const timeoutMs = Math.max(0, Math.min(check.timeoutMs ?? CHECK_MS, end - startedAt));
    const verdict = await within(
      timeoutMs,
      check,
      () => check.run(probes, { levelOf: (other) => before.get(other)?.level }),
    );
    const ms = clock.monotonic() - startedAt;
    return { id, group, title, ms, ...withSlowness(verdict, ms) };
  }

  async function within(
    leftMs: number,
    check: Check,
    attempt: () => Verdict | Promise<Verdict>,
  ): Promise<Verdict> {
    const timer = new AbortController();
    const ownMs = check.timeoutMs ?? CHECK_MS;
    const late = sleep(clock, Math.max(0, Math.min(ownMs, leftMs)), timer.signal)
      .then(() => leftMs < ownMs ? timeIsOver(check, ralph) : noAnswer(check, ralph, ownMs));
    const verdict = Promise.resolve().then(attempt).catch((error) => crashed(check, ralph, error));
    try {
      return await Promise.race([verdict, late]);
    } finally {
      timer.abort();
    }
  }

  for (const check of checks) running.set(check.id, run(check));
  return Promise.all(running.values());
}

/** Whether a name, as a person types it, means this check: its id, the end of that, or its group. */
export const isCalled = ({ id, group }: Pick<Check, "id" | "group">, name: string): boolean =>
  id === name || group.toLowerCase() === name || id.endsWith(`.${name}`);

/** The checks that are called so, with all that they need. Keeps the order. */
export function selectChecks(
  checks: readonly Check[],
  wanted: readonly string[],
): readonly Check[] {
  const ids = new Set<string>();
  const add = (check: Check) => {
    ids.add(check.id);
    for (const other of checks) {
      if (check.needs?.includes(other.id) && !ids.has(other.id)) add(other);
    }
  };
  for (const check of checks) {
    if (wanted.some((name) => isCalled(check, name))) add(check);
  }
  return checks.filter(({ id }) => ids.has(id));
}

function withSlowness(verdict: Verdict, ms: number): Verdict {
  if (verdict.level !== "ok" || ms <= SLOW_MS) return verdict;
  return { ...verdict, found: `${verdict.found}; that took ${duration(ms)}` };
}

const isFine = (level: Level) => level === "ok" || level === "warn";

function noAnswer({ id }: Check, ralph: string, timeoutMs: number): Verdict {
  return fail(`no answer within ${(timeoutMs / 1000).toFixed(1)} s`, "something hangs", {
    text: "try this check alone",
    command: `${ralph} doctor ${shellWord(id)}`,
  });
}

/** Others took so long that this one had less than its time: that says nothing about it. */
function timeIsOver({ group }: Check, ralph: string): Verdict {
  return warn("not known: the time was over before it answered", "what it needs came late", {
    text: "look again",
    command: `${ralph} doctor ${shellWord(group.toLowerCase())}`,
  });
}

function crashed({ id }: Check, ralph: string, error: unknown): Verdict {
  const reason = error instanceof Error ? error.message : String(error);
  return fail(`the check itself failed: ${plain(reason, 200)}`, "nothing can be said about it", {
    text: "try this check alone",
    command: `${ralph} doctor ${shellWord(id)}`,
  });
}
