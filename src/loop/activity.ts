import type { Busy } from "../opencode/model.ts";
import { plain } from "../terminal/plain.ts";

/** What a turn is waiting for. */
export interface Activity {
  readonly kind: "working" | "rate_limited" | "retrying" | "waiting_for_server";
  /** The same in words, safe to show. */
  readonly text: string;
  /** When the provider is asked again, in epoch milliseconds. */
  readonly until?: number;
}

/** The activity behind a status. Providers name a rate limit in words only, so far as seen. */
export function activityOf(busy: Busy): Activity {
  if (busy.type === "busy") return { kind: "working", text: "agent working" };
  const { message, attempt, nextAt: until } = busy;
  const said = message === "" ? "" : `: ${plain(message, 200)}`;
  if (/rate.?limit|too many requests|quota|usage limit|\b429\b/i.test(message)) {
    return { kind: "rate_limited", text: `rate limited${said}`, until };
  }
  return { kind: "retrying", text: `provider fails, attempt ${attempt}${said}`, until };
}

/** `why` is the message of an `OpenCodeError`, and safe. */
export function waitingForServer(why: string): Activity {
  return { kind: "waiting_for_server", text: `waiting for server: ${why}` };
}

/** Passes an activity on when it differs from the one before. */
export function onChange(report: (activity: Activity) => void): (activity: Activity) => void {
  let last: Activity | undefined;
  return (activity) => {
    const same = last?.text === activity.text && last.until === activity.until;
    last = activity;
    if (!same) report(activity);
  };
}
