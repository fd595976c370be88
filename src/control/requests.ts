/** What a person asks of a session's worker, left in its signal file. */
import type { Context } from "../app/context.ts";
import { signalPath } from "../app/store.ts";
import { RalphError } from "../error.ts";
import { readRequest, type Request, sendRequest, takeRequest } from "../host/files/signal_files.ts";
import type { Session } from "../store/model.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { isAlive, keyOf, reread } from "./liveness.ts";

/** Leaves a request for the session's worker. Returns the one that stands then. */
export function request(context: Context, session: Session, what: Request): Request {
  const { path, to } = mailbox(context, session);
  return sendRequest(path, to, what);
}

/**
 * Asks the session's worker to pause after its iteration. False when no worker is there to read
 * that. Throws `RalphError` (`conflict`) for a session that is being stopped.
 */
export function askToPause(context: Context, session: Session): boolean {
  const asked = isAlive(context, session) && request(context, session, "checkpoint");
  // It may have ended before it could read that.
  if (asked === false || !isAlive(context, reread(context, session))) {
    withdraw(context, session);
    return false;
  }
  if (asked === "checkpoint") return true;
  const name = plain(session.taskName, 80);
  throw new RalphError("conflict", `\`${name}\` is being stopped: it cannot pause any more`, [
    { text: "go on with it afterwards", command: `ralph run ${shellWord(session.taskName)}` },
  ]);
}

/** Nobody is there any more to read what was asked. */
export function withdraw(context: Context, session: Session): void {
  const { path, to } = mailbox(context, session);
  takeRequest(path, to);
}

/** Whether the worker has read what was asked of it. */
export function isRequestTaken(context: Context, session: Session): boolean {
  const { path, to } = mailbox(context, session);
  return readRequest(path, to) === undefined;
}

/** Where a request is left, and the run that it is for. */
function mailbox(context: Context, session: Session) {
  const { id: sessionId, epoch, startedAt } = session;
  const { path } = signalPath(context, keyOf(session));
  return { path, to: { sessionId, epoch, startedAt } };
}
