/** What `ralph stop` says: what was confirmed, and what was not. */
import type { AgentProcess } from "../host/agent_processes.ts";
import type { Session } from "../registry/model.ts";
import { ago, duration } from "../terminal/format.ts";
import { plain } from "../terminal/plain.ts";
import type { Context } from "./context.ts";
import type { WorkerEnd } from "./end_worker.ts";
import type { TurnEnd } from "./turn_end.ts";

export interface Stopped {
  /** As it is stored now. */
  session: Session;
  worker: WorkerEnd;
  turn: TurnEnd;
  /** Processes of agents in the same tree that still run. */
  left: readonly AgentProcess[];
  /** Why the end could not be recorded; may be shown as it is. */
  notStored?: string;
  tookMs: number;
}

/** Tells how a worker that was running came to its end. */
export function tellStopped(context: Context, stopped: Stopped, json: boolean): void {
  const { out } = context.output;
  const { session, worker, turn, left, notStored, tookMs } = stopped;
  const { id, taskName, status, reason, detail } = session;
  if (json) {
    out.line(JSON.stringify({
      session: id,
      task: taskName,
      status,
      reason,
      turn: turn.turn,
      turnDetail: turn.turn === "not confirmed" ? turn.why : null,
      workerGone: true,
      forced: worker === "killed",
      left,
      notStored: notStored ?? null,
      tookMs: Math.round(tookMs),
    }));
    return;
  }
  const name = `\`${plain(taskName, 80)}\` (session ${id})`;
  const byItself = status !== "running" && reason !== "user_stop";
  out.line(
    byItself
      ? `${name} ended before it could be stopped: ${plain(detail ?? "unknown", 300)}`
      : `stopped ${name} in ${duration(tookMs)}`,
  );
  out.line(`  turn    ${turnWords(turn)}`);
  out.line(`  worker  ${worker === "killed" ? "killed, gone" : "gone"}`);
  out.line(
    `  status  ${notStored === undefined ? `${status}, stored` : `not stored: ${notStored}`}`,
  );
  for (const { pid, command } of left) {
    out.line(`  left    process ${pid} of an agent in this tree still runs: ${plain(command, 80)}`);
  }
}

/** `turn`: what became of one that the session had left at work. */
export function tellNotRunning(
  context: Context,
  { session, turn }: { session: Session; turn?: TurnEnd },
  json: boolean,
): void {
  const { out } = context.output;
  const { id, taskName, status, reason } = session;
  if (json) {
    const running = { session: id, task: taskName, status, reason, running: false };
    out.line(JSON.stringify(turn ? { ...running, turn: turn.turn } : running));
    return;
  }
  const ended = ago(Date.parse(session.endedAt ?? session.updatedAt), context.clock.now());
  out.line(`\`${plain(taskName, 80)}\` is not running (${status} ${ended})`);
  if (turn) out.line(`  turn    was left at work; ${turnWords(turn)}`);
}

function turnWords(turn: TurnEnd): string {
  switch (turn.turn) {
    case "none":
      return "none was going on";
    case "aborted":
      return "aborted on the server";
    case "not confirmed":
      return `not confirmed: ${turn.why}`;
  }
}
