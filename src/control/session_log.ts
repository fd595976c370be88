/** Where a session's log is: made from what the session is, and never taken from its row. */
import * as path from "node:path";
import type { Context } from "../app/context.ts";
import { logPath } from "../app/store.ts";
import type { Session } from "../store/model.ts";
import { plain } from "../terminal/plain.ts";
import { keyOf } from "./liveness.ts";

export interface SessionLog {
  path: string;
  /** That the row names another file, which is nobody's to show or remove; safe to print. */
  elsewhere?: string;
}

/** Undefined where the session has begun none. */
export function logOf(context: Context, session: Session): SessionLog | undefined {
  if (session.logPath === null) return undefined;
  const own = logPath(context, keyOf(session), session.id);
  if (path.resolve(session.logPath) === own) return { path: own };
  const recorded = plain(session.logPath, 200);
  return {
    path: own,
    elsewhere: `session ${session.id} has ${recorded} on record as its log, which is none of ` +
      `ralph's: its own would be ${own}`,
  };
}
