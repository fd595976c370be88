import { TIME_MAX } from "../clock.ts";
import type { Busy } from "../opencode/model.ts";
import { plain } from "../terminal/plain.ts";
import type { Activity, Lease } from "../store/model.ts";
import type { Emit } from "./event.ts";
import { RATE_LIMIT } from "./provider/error_class.ts";
import type { Recorder } from "./recorder.ts";

export type { Activity };

/** A silence that is worth telling: no answer takes as long to begin. */
const SILENCE_MS = 60_000;

/**
 * The activity behind a status. Providers name a rate limit in words only, so far as seen. `named`: until
 * when the provider itself says that it takes no requests, which is not when it is asked again.
 */
export function activityOf(busy: Busy, now: number, named?: number): Activity {
  if (busy.type === "busy") return { kind: "working", text: "agent working" };
  if (busy.type === "job") {
    const text = `waiting for a command in the background: ${plain(busy.command, 100)}`;
    return { kind: "waiting_for_command", text };
  }
  const { message, attempt, nextAt: until } = busy;
  const said = message === "" ? "" : `: ${plain(message, 200)}`;
  const at = timeWords(until, now);
  if (RATE_LIMIT.test(message)) {
    return { kind: "rate_limited", text: `${limitedWords(at, { named, now })}${said}`, until };
  }
  const text = `provider fails, attempt ${attempt}, asked again at ${at}${said}`;
  return { kind: "retrying", text, until };
}

/** `at`: when it is asked again. */
function limitedWords(at: string, { named, now }: { named?: number; now: number }): string {
  if (named === undefined || named <= now) return `rate limited, asked again at ${at}`;
  const its = timeWords(named, now);
  return `rate limited until ${its}, asked again ${its === at ? "then" : `at ${at}`}`;
}

/**
 * The activity of a turn that is said to work, of which nothing was heard for `quietMs`; undefined
 * while that is not worth telling. Durations in milliseconds, `now` in epoch milliseconds.
 */
export function silence(
  { quietMs, silenceMs, now }: { quietMs: number; silenceMs: number; now: number },
): Activity | undefined {
  if (quietMs < Math.min(SILENCE_MS, silenceMs / 2)) return undefined;
  const until = now + silenceMs - quietMs;
  // No time is told too early, and since when not too late.
  const since = timeWords(Math.floor((now - quietMs) / 60_000) * 60_000, now);
  const text = `nothing heard of the agent since ${since}, ended at ${timeWords(until, now)}`;
  return { kind: "silent", text, until };
}

/** `why` is the message of an `OpenCodeError`, and safe. */
export function waitingForServer(why: string): Activity {
  return { kind: "waiting_for_server", text: `waiting for server: ${why}` };
}

/** `why`: for whom, in words that are safe to show. */
export function waitingForTurn(why: string): Activity {
  return { kind: "waiting_for_turn", text: `waiting for its turn: ${why}` };
}

/** Another session was told to wait. */
export function waitingForLimit(
  { provider, until, by, said, isAsked }: {
    provider: string;
    /** Epoch milliseconds. */
    until: number;
    /** The session that was told, in words. */
    by: string;
    said: string;
    /** That one asks again now. */
    isAsked: boolean;
  },
  now: number,
): Activity {
  const words = isAsked
    ? `to end: ${plain(by, 80)} asks first`
    : `until ${timeWords(until, now)} (met by ${plain(by, 80)}): ${plain(said, 200)}`;
  return {
    kind: "waiting_for_limit",
    text: `waiting for ${plain(provider, 40)}'s rate limit ${words}`,
    until,
  };
}

/** `what`: what git is doing, in words that are safe to show. */
export function waitingForGit(what: string): Activity {
  return { kind: "waiting_for_git", text: `waiting for git: ${what}` };
}

/** `left`: processes that a turn which was lost has left at work, in words that are safe to show. */
export function waitingForLeft(left: readonly string[]): Activity {
  const text = `waiting for commands of a turn that was lost: ${left.join("; ")}`;
  return { kind: "waiting_for_command", text };
}

/** `14:02 UTC`, the next full minute; with its date when that is not today's. Epoch milliseconds. */
export function timeWords(at: number, now: number): string {
  const [day, time] = new Date(Math.ceil(Math.min(at, TIME_MAX) / 60_000) * 60_000).toISOString()
    .split("T");
  const today = new Date(now).toISOString().startsWith(day);
  return `${today ? "" : `${day} `}${time.slice(0, 5)} UTC`;
}

/** Passes an activity on when it differs from the one before. A silence only grows. */
export function onChange(report: (activity: Activity) => void): (activity: Activity) => void {
  let last: Activity | undefined;
  return (activity) => {
    const same = last?.kind === activity.kind &&
      (activity.kind === "silent" || last.text === activity.text && last.until === activity.until);
    last = activity;
    if (!same) report(activity);
  };
}

/** Tells, and stores for `ralph status`, what is waited for. */
export function activityTeller(
  { recorder, emit }: { recorder: Recorder; emit: Emit },
  lease: Lease,
): (activity: Activity) => void {
  return (activity) => {
    const { kind, text, until } = activity;
    recorder.note((store) => store.setActivity(lease, activity));
    if (kind === "working") return;
    const utc = until === undefined ? undefined : new Date(until).toISOString();
    emit({ type: "activity", kind, text, until: utc });
  };
}
