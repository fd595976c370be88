/** What `ralph stop` says: what was confirmed, and what was not. */
import type { Session } from "../../store/model.ts";
import { ago, duration } from "../../terminal/format.ts";
import { processWords } from "../../host/process/process_words.ts";
import { plain } from "../../terminal/plain.ts";
import type { AgentProcess } from "../../host/process/agent_processes.ts";
import type { CommandContext } from "../command_context.ts";
import type { Processes, Stopped } from "../../control/stop.ts";
import type { TurnEnd } from "../../control/leftover_turn.ts";
import { commandJson } from "../../terminal/json_text.ts";

/** Tells how a worker that was running came to its end. */
export function tellStopped(context: CommandContext, stopped: Stopped, json: boolean): void {
  const { out } = context.output;
  const { session, worker, turn, processes, notStored, tookMs } = stopped;
  const { id, taskName, status, reason, detail } = session;
  if (json) {
    out.line(commandJson({
      session: id,
      task: taskName,
      status,
      reason,
      turn: turn.turn,
      turnDetail: turn.turn === "not confirmed" ? turn.why : null,
      workerGone: true,
      forced: worker === "killed",
      ...inJson(processes),
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
  tellProcesses(context, processes);
}

/** `left` is null when nobody could look. */
function inJson({ left, ended }: Processes) {
  const shown = ({ pid, command, ports }: AgentProcess) => ({ pid, command, ports });
  return { left: left?.map(shown) ?? null, ended: ended.map(shown) };
}

function tellProcesses({ output: { out } }: CommandContext, { left, ended }: Processes): void {
  if (!left) out.line("  left    unknown: the look at the processes did not end in time");
  for (const one of left ?? []) out.line(`  left    ${processWords(one)}`);
  for (const one of ended) out.line(`  ended   ${processWords(one)}`);
}

/** `turn`: what became of one that the session had left at work. */
export function tellNotRunning(
  context: CommandContext,
  { session, turn, processes }: { session: Session; turn?: TurnEnd; processes?: Processes },
  json: boolean,
): void {
  const { out } = context.output;
  const { id, taskName, status, reason } = session;
  if (json) {
    const running = { session: id, task: taskName, status, reason, running: false };
    const more = {
      ...turn && { turn: turn.turn },
      ...processes && inJson(processes),
    };
    out.line(commandJson({ ...running, ...more }));
    return;
  }
  const endedAt = ago(Date.parse(session.endedAt ?? session.updatedAt), context.clock.now());
  out.line(`\`${plain(taskName, 80)}\` is not running (${status} ${endedAt})`);
  if (turn) out.line(`  turn    was left at work; ${turnWords(turn)}`);
  if (processes) tellProcesses(context, processes);
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
