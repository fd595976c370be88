/** `ralph stop`, `ralph checkpoint` and `ralph wait`: what a person asks of a worker. */
import { sleep } from "../clock.ts";
import { RalphError } from "../error.ts";
import { type AgentProcess, agentProcesses } from "../host/agent_processes.ts";
import { type Request, sendRequest, takeRequest } from "../host/signal_files.ts";
import { StoreError } from "../registry/database.ts";
import type { Session } from "../registry/model.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import type { Context } from "./context.ts";
import {
  awaitWorkerEnd,
  endInItsPlace,
  endLeftCommands,
  isLocked,
  isReplaced,
  kill,
  mail,
  stored,
} from "./end_worker.ts";
import { EXIT, exitCodeOfSession } from "./exit_codes.ts";
import { chooseSession, chooseSettled, isAlive, reread } from "./sessions.ts";
import { tellNotRunning, tellStopped } from "./stop_report.ts";
import { endLeftTurn, type TurnEnd, turnEndOf } from "./turn_end.ts";

const WAIT_POLL_MS = 100;
/** OpenCode 1.18.33 kills a command that ignores SIGTERM 3 s after it, 1.1.53 sooner (measured). */
const AGENT_DEATH_MS = 4_000;
const LOOK_MS = 200;

/** `ralph stop [task]`: stop now, and say what was confirmed. */
export async function stop(
  context: Context,
  { task, force, json }: { task?: string; force: boolean; json: boolean },
): Promise<number> {
  const { clock } = context;
  const begun = clock.monotonic();
  const session = await chooseSettled(context, task);
  if (session.status !== "running") {
    if (isLocked(context, session)) {
      if (!force) throw stillThere(session);
      await kill(context, session);
    }
    await endLeftCommands(context, session);
    tellNotRunning(context, { session, turn: await endLeftTurn(context, session) }, json);
    return EXIT.done;
  }
  request(context, session, "stop");
  const worker = await awaitWorkerEnd(context, session, { force });
  let notStored: string | undefined;
  try {
    await endInItsPlace(context, session, { killed: worker === "killed" });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    notStored = error.message;
  }
  withdraw(context, session);
  const ended = stored(context, session);
  if (ended.reason !== "user_stop" && isReplaced(context, session)) throw beganAgain(session);
  const ending = turnEndOf(context, ended);
  const [turn, left] = await Promise.all([ending, leftBehind(context, ended, ending)]);
  const tookMs = clock.monotonic() - begun;
  tellStopped(context, { session: ended, worker, turn, left, notStored, tookMs }, json);
  return notStored === undefined ? EXIT.done : EXIT.state;
}

/** What the agent's commands have left running, once those that were aborted had the time to end. */
async function leftBehind(
  { clock }: Context,
  { projectRoot, startedAt }: Session,
  ending: Promise<TurnEnd>,
): Promise<readonly AgentProcess[]> {
  const end = clock.monotonic() + AGENT_DEATH_MS;
  for (;;) {
    const left = await agentProcesses({ root: projectRoot, since: Date.parse(startedAt) }, clock);
    if (left.length === 0 || clock.monotonic() >= end) return left;
    if ((await ending).turn === "none") return left;
    await sleep(clock, LOOK_MS);
  }
}

/** `ralph checkpoint [task]`: pause after this iteration. */
export async function checkpoint(
  context: Context,
  { task, json }: { task?: string; json: boolean },
): Promise<number> {
  const session = await chooseSettled(context, task);
  const asked = isAlive(context, session) && request(context, session, "checkpoint");
  // It may have ended before it could read that.
  if (asked === false || !isAlive(context, reread(context, session))) {
    withdraw(context, session);
    tellNotRunning(context, { session: reread(context, session) }, json);
    return EXIT.notRunning;
  }
  const { out } = context.output;
  const name = plain(session.taskName, 80);
  if (asked === "stop") {
    throw new RalphError("conflict", `\`${name}\` is being stopped: it cannot pause any more`, [
      { text: "go on with it afterwards", command: `ralph run ${shellWord(session.taskName)}` },
    ]);
  }
  if (json) out.line(JSON.stringify({ session: session.id, task: session.taskName, asked: true }));
  else {
    out.line(`\`${name}\` will pause after iteration ${session.iterations}, unless that ends it.`);
    out.line(
      `Wait for that with \`ralph wait\`, go on with \`ralph run ${shellWord(session.taskName)}\`.`,
    );
  }
  return EXIT.done;
}

/** `ralph wait [task]`: until the session ends; the exit code says how. */
export async function wait(
  context: Context,
  { task, timeoutMs, json }: { task?: string; timeoutMs?: number; json: boolean },
): Promise<number> {
  const { clock, output } = context;
  const asked = chooseSession(context, task);
  const end = clock.monotonic() + (timeoutMs ?? Infinity);
  while (isAlive(context, asked) && clock.monotonic() < end) {
    await sleep(clock, WAIT_POLL_MS);
  }
  const session = reread(context, asked);
  const { id, taskName, status, reason, detail } = session;
  if (json) {
    output.out.line(JSON.stringify({ session: id, task: taskName, status, reason, detail }));
  } else if (status === "running") {
    output.out.line(
      `\`${plain(taskName, 80)}\` is still running, at iteration ${session.iterations}`,
    );
  } else {output.out.line(
      `${plain(taskName, 80)}: ${status}${detail ? `, ${plain(detail, 300)}` : ""}`,
    );}
  return exitCodeOfSession(session);
}

function request(context: Context, session: Session, what: Request): Request {
  const { path, to } = mail(context, session);
  return sendRequest(path, to, what);
}

/** Nobody is there any more to read what was asked. */
function withdraw(context: Context, session: Session): void {
  const { path, to } = mail(context, session);
  takeRequest(path, to);
}

function beganAgain(session: Session): RalphError {
  const name = shellWord(session.taskName);
  return new RalphError(
    "conflict",
    `the worker of \`${plain(session.taskName, 80)}\` has ended, and another \`ralph run\` has ` +
      "gone on with it since",
    [{ text: "stop that one", command: `ralph stop ${name}` }],
  );
}

/** A worker that has recorded its end, and does not come to it. */
function stillThere(session: Session): RalphError {
  const name = plain(session.taskName, 80);
  return new RalphError(
    "failed",
    `the last session of \`${name}\` has ended (${session.status}), but a worker still holds its ` +
      `lock (last known: process ${session.workerPid ?? "unknown"})`,
    [{ text: "end it with force", command: `ralph stop ${shellWord(session.taskName)} --force` }],
  );
}
