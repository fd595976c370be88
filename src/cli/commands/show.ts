/** `ralph show [task] [number]`: one iteration whole. */
import { Argument, Command } from "@commander-js/extra-typings";
import { readSessions } from "../../control/liveness.ts";
import { logOf } from "../../control/session_log.ts";
import { RalphError } from "../../error.ts";
import { standingOf } from "../../report/standing.ts";
import type { Iteration, Session } from "../../store/model.ts";
import type { ReadOnlyStore } from "../../store/store.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { integer, taskArgument } from "../arguments.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { columnsOf } from "../output/streams.ts";
import { EXIT } from "../exit_codes.ts";
import { iterationLog } from "../output/iteration_log.ts";
import { type IterationRecord, iterationView } from "../output/iteration_view.ts";
import { allLines } from "../output/log_tail.ts";
import { commitsOf } from "../output/commits_on_record.ts";
import { chooseAmong, nothingRecorded } from "../select/sessions.ts";
import { statusFields } from "./status.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("show")
    .addArgument(taskArgument("[task]"))
    .addArgument(
      new Argument("[number]", "of the iteration (default: the last one)").argParser(integer(1)),
    )
    .option("--session <id>", "of this session (default: the task's latest)", integer(1))
    .option("--json", "print everything as JSON")
    .addHelpText(
      "after",
      `
Examples:
  ralph show my-feature             the last iteration: prompt, log, gates, commits, claims
  ralph show my-feature 3           the third one
  ralph show --session 12           the last one of an older session: ralph history has its number`,
    )
    .action(async (task, number, { session, json = false }) => {
      done(await show(context, { task, number, sessionId: session, json }));
    });
}

interface Asked {
  task?: string;
  number?: number;
  sessionId?: number;
}

async function show(
  context: CommandContext,
  { json, ...asked }: Asked & { json: boolean },
): Promise<number> {
  const { out, err } = context.output;
  const found = readSessions(context, {
    read: (store) => recorded(context, store, asked),
    whenEmpty: undefined,
  });
  if (!found) throw nothingRecorded(context, asked.task);
  const log = logOf(context, found.session);
  if (log?.elsewhere !== undefined) err.line(`warning: ${log.elsewhere}`);
  const record: IterationRecord = {
    ...found,
    log: log ? iterationLog(allLines(log.path), found.iteration.number) : [],
    commits: (await commitsOf(found.session.projectRoot, [found.iteration], context.clock))
      .get(found.iteration),
  };
  if (json) out.line(commandJson(jsonFields(record), 2));
  else {
    const { colors } = out;
    const screen = { now: context.clock.now(), colors, columns: columnsOf(out) };
    for (const line of iterationView(record, screen)) out.line(line);
  }
  return EXIT.done;
}

function recorded(
  context: CommandContext,
  store: ReadOnlyStore,
  asked: Asked,
): Omit<IterationRecord, "log" | "commits"> {
  const session = sessionAsked(context, store, asked);
  const iterations = store.iterations(session.id);
  const iteration = asked.number === undefined
    ? iterations.at(-1)
    : iterations.find(({ number }) => number === asked.number);
  if (!iteration) throw noIteration(session, iterations, asked.number);
  const findings = store.findings(session.id);
  const { number } = iteration;
  const ofIt = <T extends { iteration: number }>(all: readonly T[]) =>
    all.filter((one) => one.iteration === number);
  return {
    session,
    iteration,
    prompt: store.prompt(session.id, number),
    answers: store.answers(session.id, number),
    gates: ofIt(findings.gates),
    claims: ofIt(findings.claims),
    notes: ofIt(findings.notes),
    reviews: ofIt(store.reviews(session.id)),
  };
}

function sessionAsked(
  context: CommandContext,
  store: ReadOnlyStore,
  { task, sessionId }: Asked,
): Session {
  if (sessionId === undefined) return chooseAmong(context, store, task);
  const session = store.session(sessionId);
  const isOther = session && task !== undefined &&
    chooseAmong(context, store, task).taskDir !== session.taskDir;
  if (session && !isOther) return session;
  const where = isOther ? ` of \`${plain(task ?? "", 80)}\`` : "";
  throw new RalphError("not_found", `there is no session ${sessionId}${where} on record`, [
    { text: "see the sessions of a task", command: "ralph history" },
  ]);
}

function noIteration(
  { id, taskName }: Session,
  iterations: readonly Iteration[],
  asked: number | undefined,
): RalphError {
  const last = iterations.at(-1)?.number;
  const what = asked === undefined ? "no iteration" : `no iteration ${asked}`;
  const others = last === undefined ? "" : `; its last one is ${last}`;
  return new RalphError("not_found", `session ${id} has ${what} on record${others}`, [
    { text: "see what is on record", command: `ralph history ${shellWord(taskName)}` },
  ]);
}

/** What `--json` tells. Fields are only ever added. */
function jsonFields({ session, iteration, commits, answers, ...found }: IterationRecord) {
  const isOpen = session.status === "running";
  return {
    session: statusFields(session),
    ...iteration,
    standing: standingOf(iteration, { claims: found.claims, isOpen }).word,
    prompt: found.prompt ?? null,
    log: found.log,
    gates: found.gates,
    gitCommits: commits?.commits ?? null,
    gitCommitsLeftOut: commits?.leftOut ?? null,
    claims: found.claims,
    reviews: found.reviews,
    answers: answers.map(({ asked, answer, at }) => ({
      asked,
      answer,
      at: Number.isFinite(at) ? new Date(at).toISOString() : null,
    })),
    notes: found.notes,
  };
}
