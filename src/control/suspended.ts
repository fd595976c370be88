/** Sessions whose worker is suspended, as by SIGSTOP or Ctrl-Z: it lives, and does nothing. */
import type { Context } from "../app/context.ts";
import { suspendedOf } from "../host/process/proc.ts";
import type { Session } from "../store/model.ts";
import { readAsIs } from "./liveness.ts";

/** Tells of a session what is so: of one whose worker is suspended, that it is. */
export type ToldAsItIs = (session: Session) => Session;

/** Looks once, at all that run: costs a process where there is one. */
export async function suspensions(context: Context): Promise<ToldAsItIs> {
  const running = readAsIs(context, (store) => store.running()) ?? [];
  const pids = running.flatMap(({ workerPid }) => workerPid ?? []);
  const suspended = pids.length === 0 ? undefined : await suspendedOf(pids, context.clock);
  return (session) => {
    const { status, workerPid } = session;
    if (status !== "running" || workerPid === null || !suspended?.has(workerPid)) return session;
    const activity = `suspended: process ${workerPid} does nothing until it goes on`;
    return { ...session, activity, activityKind: "suspended", activitySince: null };
  };
}

/** By what is told of it. */
export const isToldSuspended = ({ status, activityKind }: Session): boolean =>
  status === "running" && activityKind === "suspended";
