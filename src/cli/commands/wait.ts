/** `ralph wait [task...]`: until the sessions end; the exit code says how. */
import { Command } from "@commander-js/extra-typings";
import { nextCommand } from "../../control/next_command.ts";
import { awaitEnd, stored } from "../../control/liveness.ts";
import { isToldSuspended, suspensions } from "../../control/suspended.ts";
import { RalphError } from "../../error.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import { hanging } from "../../terminal/table.ts";
import { integer, taskArgument } from "../arguments.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { exitCodeOfSession, worstOf } from "../exit_codes.ts";
import type { Session } from "../../store/model.ts";
import { columnsOf } from "../output/streams.ts";
import { tellEnding } from "../output/ending.ts";
import {
  awaitQueued,
  codeOfQueued,
  type QueuedEnd,
  queuedEndFields,
  queuedEndLines,
} from "../queue/await_queued.ts";
import { tasksAtWork } from "../select/at_work.ts";
import { chooseSession } from "../select/sessions.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("wait")
    .addArgument(taskArgument("[task...]"))
    .option("--all", "wait for all that runs in this project, and for its last queue")
    .option("--timeout <seconds>", "stop waiting after this long, with exit code 8", integer(0))
    .option("--json", "print one JSON object; of several tasks a list of them")
    .addHelpText(
      "after",
      "\nExamples:\n  ralph wait my-feature && git push\n  ralph wait one two                its " +
        "exit code is the worst of them: 6, 1, 9, 8, 0\n  ralph run --all && ralph wait --all",
    )
    .action(async (tasks, { all = false, json = false, timeout }) => {
      const timeoutMs = timeout === undefined ? Infinity : timeout * 1000;
      const isOne = !all && tasks.length < 2;
      if (all && tasks.length > 0) {
        throw new RalphError("usage", "`--all` is for every task: no task is named beside it");
      }
      const named = all ? tasksAtWork(context) : tasks;
      done(
        isOne
          ? await waitForOne(context, { task: named.at(0), timeoutMs, json })
          : await waitForAll(context, { tasks: named, timeoutMs, json }),
      );
    });
}

/** How a task came to its end, or is after the time was over: with a session, or in a queue without. */
type End = { session: Session } | { notBegun: QueuedEnd };

async function endOf(
  context: CommandContext,
  { task, timeoutMs }: { task: string | undefined; timeoutMs: number },
): Promise<End> {
  const { clock } = context;
  const begun = clock.monotonic();
  const whileAlive = suspensionTeller(context);
  const queued = task === undefined
    ? undefined
    : await awaitQueued(context, { task, timeoutMs, whileAlive });
  if (queued && queued.session === undefined) return { notBegun: queued };
  const leftMs = timeoutMs - (clock.monotonic() - begun);
  const chosen = queued?.session ?? chooseSession(context, task);
  const session = await awaitEnd(context, chosen, { timeoutMs: leftMs, whileAlive });
  return {
    session: session.status === "running" ? (await suspensions(context))(session) : session,
  };
}

const SUSPENSION_LOOK_MS = 5_000;

/** Tells once of a worker that is suspended: who waits would wait for ever. */
function suspensionTeller(context: CommandContext): (session: Session) => Promise<void> {
  const { clock, warn } = context;
  const told = new Set<number>();
  let lookAt = clock.monotonic();
  return async (session) => {
    if (told.has(session.id) || clock.monotonic() < lookAt) return;
    lookAt = clock.monotonic() + SUSPENSION_LOOK_MS;
    const seen = (await suspensions(context))(stored(context, session));
    if (!isToldSuspended(seen)) return;
    told.add(session.id);
    warn(`\`${plain(seen.taskName, 80)}\` is ${seen.activity}; ${nextCommand(seen)}`);
  };
}

const codeOf = (end: End) =>
  "session" in end ? exitCodeOfSession(end.session) : codeOfQueued(end.notBegun.queued);

function fieldsOf(end: End) {
  if ("notBegun" in end) return queuedEndFields(end.notBegun);
  const { id, taskName, status, reason, detail } = end.session;
  return { session: id, task: taskName, status, reason, detail };
}

const linesOf = (end: End): readonly string[] =>
  "session" in end ? endLines(end.session) : queuedEndLines(end.notBegun);

async function waitForOne(
  context: CommandContext,
  { task, timeoutMs, json }: { task?: string; timeoutMs: number; json: boolean },
): Promise<number> {
  const { out } = context.output;
  const end = await endOf(context, { task, timeoutMs });
  if (json) {
    out.line(commandJson(fieldsOf(end)));
    return codeOf(end);
  }
  const [how, next] = linesOf(end);
  tell(context, how);
  const isTold = "session" in end && end.session.status !== "running" &&
    await tellEnding(context, end.session, { cwd: context.cwd(), isTold: false });
  if (!isTold) tell(context, next);
  return codeOf(end);
}

/** Tells of each as it ends, in the order in which they are named. */
async function waitForAll(
  context: CommandContext,
  { tasks, timeoutMs, json }: { tasks: readonly string[]; timeoutMs: number; json: boolean },
): Promise<number> {
  const { clock } = context;
  const begun = clock.monotonic();
  const ends: End[] = [];
  for (const task of tasks) {
    const leftMs = timeoutMs - (clock.monotonic() - begun);
    const end = await endOf(context, { task, timeoutMs: leftMs });
    ends.push(end);
    if (json) continue;
    const [how, next] = linesOf(end);
    tell(context, how);
    if (codeOf(end) !== 0) tell(context, next, "  ");
  }
  if (json) context.output.out.line(commandJson(ends.map(fieldsOf), 2));
  return worstOf(ends.map(codeOf));
}

function tell({ output: { out } }: CommandContext, text: string, head = ""): void {
  for (const line of hanging(head, text, columnsOf(out))) out.line(line);
}

/** How it ended, or that it has not, and what can be done now. */
export function endLines(session: Session): readonly string[] {
  const { taskName, status, detail, iterations } = session;
  const name = plain(taskName, 80);
  const how = isToldSuspended(session)
    ? `\`${name}\` is ${session.activity}`
    : status === "running"
    ? `\`${name}\` is still running, at iteration ${iterations}`
    : `${name}: ${status}${detail ? `, ${plain(detail, 300)}` : ""}`;
  return [how, nextCommand(session)];
}
