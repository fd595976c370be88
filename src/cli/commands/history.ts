/** `ralph history <task>`: its sessions, and what came of each iteration. */
import { Command } from "@commander-js/extra-typings";
import {
  type Findings,
  type GateRecord,
  type Iteration,
  type Session,
  tokensOf,
} from "../../store/model.ts";
import { ago, count, duration } from "../../terminal/format.ts";
import { plain } from "../../terminal/plain.ts";
import { fit, table } from "../../terminal/table.ts";
import { columnsOf, type Stream } from "../output/streams.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { costWords } from "../../terminal/cost.ts";
import { EXIT } from "../exit_codes.ts";
import type { Colors } from "../../terminal/colors.ts";
import { readSessions } from "../../control/liveness.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { chooseAmong, nothingRecorded } from "../select/sessions.ts";
import { statusFields } from "./status.ts";
import { taskArgument } from "../arguments.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("history")
    .addArgument(taskArgument("[task]"))
    .option("--json", "print everything as JSON")
    .addHelpText("after", "\nExample:\n  ralph history my-feature")
    .action((task, options) => {
      done(history(context, { task, json: options.json ?? false }));
    });
}

/** Sessions of the task that are shown: each one is a screen. */
const SESSIONS_MAX = 10;
const SESSIONS_MAX_JSON = 1_000_000;

function history(
  context: CommandContext,
  { task, json }: { task?: string; json: boolean },
): number {
  const { out, err } = context.output;
  const limit = json ? SESSIONS_MAX_JSON : SESSIONS_MAX;
  const found = readSessions(context, {
    read(store) {
      const { taskDir } = chooseAmong(context, store, task);
      return store.sessionsOf(taskDir, { limit: limit + 1 })
        .map((session) => ({
          session,
          iterations: store.iterations(session.id),
          findings: store.findings(session.id),
        }));
    },
    whenEmpty: undefined,
  });
  if (!found) throw nothingRecorded(context, task);
  const shown = found.slice(0, limit);
  if (json) {
    const objects = shown.map(({ session, iterations, findings }) => ({
      ...statusFields(session),
      iterations,
      ...findings,
    }));
    out.line(commandJson(objects, 2));
    return EXIT.done;
  }
  const now = context.clock.now();
  // The latest is last, next to the prompt.
  for (const { session, iterations, findings } of shown.toReversed()) {
    for (const line of sessionLines(session, { now, colors: out.colors })) out.line(line);
    for (const line of iterationTable(iterations, out)) out.line(`  ${line}`);
    for (const line of findingLines(findings, out.colors)) out.line(`  ${line}`);
  }
  if (shown.length < found.length) err.line("… older sessions: ralph history --json");
  return EXIT.done;
}

function sessionLines(
  session: Session,
  { now, colors }: { now: number; colors: Colors },
): string[] {
  const why = session.detail ?? session.activity;
  return [
    `${colors.bold(`session ${session.id}`)}  ${plain(session.taskName, 80)}  ${
      plain(session.status)
    }` +
    `${why ? `: ${plain(why, 300)}` : ""}`,
    colors.dim(
      `  started ${session.startedAt} (${ago(Date.parse(session.startedAt), now)}), ` +
        `${session.iterations} of ${session.maxIterations ?? "unknown"} iterations`,
    ),
  ];
}

function iterationTable(iterations: readonly Iteration[], out: Stream): string[] {
  if (iterations.length === 0) return [];
  const { colors } = out;
  const header = ["#", "STORY", "OUTCOME", "TIME", "TOKENS", "COST", "COMMITS", "OPENCODE", "WHAT"];
  const rows = iterations.map((iteration) => [
    String(iteration.number),
    plain(iteration.storyId ?? "-", 20),
    plain(iteration.outcome ?? "under way"),
    iterationTime(iteration),
    iteration.usage ? count(tokensOf(iteration.usage)) : "unknown",
    iteration.usage ? costWords(iteration.usage) : "unknown",
    iteration.commits === null ? "-" : String(iteration.commits),
    plain(iteration.openCodeSessionId ?? "-", 40),
    fit(plain(iteration.detail ?? ""), 60),
  ]);
  return table([header.map((title) => colors.dim(title)), ...rows], columnsOf(out) - 2);
}

/** What was not measured is taken from the machine's clock, unless that was set back meanwhile. */
function iterationTime({ startedAt, endedAt, durationMs }: Iteration): string {
  if (endedAt === null) return "-";
  const ms = durationMs ?? Date.parse(endedAt) - Date.parse(startedAt);
  return ms < 0 ? "clock moved" : duration(ms);
}

/** What the loop found out, by iteration: gates, claims that do not hold, what was put right. */
function findingLines({ gates, claims, notes }: Findings, colors: Colors): string[] {
  const runs = Map.groupBy(gates, ({ iteration, final }) => `${iteration} ${final}`);
  const lines = [
    ...[...runs.values()].map((run) => ({
      iteration: run[0].iteration,
      text: `${runName(run[0])}: ${run.map((gate) => gateWords(gate, colors)).join("; ")}`,
    })),
    ...claims.filter(({ held }) => held !== true).map(({ iteration, storyId, held, why }) => ({
      iteration,
      text: `${plain(storyId, 60)} was claimed and ${held === null ? "not judged" : "taken back"}` +
        `: ${plain(why ?? "", 300)}`,
    })),
    ...notes.map(({ iteration, text }) => ({ iteration, text: plain(text, 500) })),
  ];
  return lines.toSorted((a, b) => a.iteration - b.iteration)
    .map(({ iteration, text }) => `${colors.dim(`${iteration}:`)} ${text}`);
}

function runName({ iteration, final }: { iteration: number; final: boolean }): string {
  if (iteration === 0) return "all gates, before the first turn";
  return final ? "all gates" : "gates";
}

function gateWords({ gate, passed, why, durationMs }: GateRecord, colors: Colors): string {
  const how = passed ? "passes" : `${colors.red("fails")}: ${plain(why, 200)}`;
  return `${gate} ${how} (${duration(durationMs)})`;
}
