/** `ralph history <task>`: its sessions, and what came of each iteration. */
import { Command } from "@commander-js/extra-typings";
import { columnsOf } from "../output/streams.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { sessionLines, type Told, totalWords } from "../output/history_lines.ts";
import { readSessions } from "../../control/liveness.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { wrap } from "../../terminal/table.ts";
import { chooseAmong, nothingRecorded } from "../select/sessions.ts";
import { workedUntil } from "../select/worked.ts";
import { statusFields, usageFields } from "./status.ts";
import { taskArgument } from "../arguments.ts";
import { plural } from "../../terminal/plural.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("history")
    .addArgument(taskArgument("[task]"))
    .option("-v, --verbose", "show ids and whole texts, too")
    .option("--json", "print everything as JSON")
    .addHelpText("after", "\nExample:\n  ralph history my-feature")
    .action((task, { verbose = false, json = false }) => {
      done(history(context, { task, verbose, json }));
    });
}

/** Sessions of the task that are shown: each one is a screen. */
const SESSIONS_MAX = 10;
const SESSIONS_MAX_JSON = 1_000_000;

function history(
  context: CommandContext,
  { task, verbose, json }: { task?: string; verbose: boolean; json: boolean },
): number {
  const { out, err } = context.output;
  const limit = json ? SESSIONS_MAX_JSON : SESSIONS_MAX;
  const now = context.clock.now();
  const found = readSessions<readonly Told[] | undefined>(context, {
    read(store) {
      const { taskDir } = chooseAmong(context, store, task);
      return store.sessionsOf(taskDir, { limit: limit + 1 })
        .map((session) => {
          return {
            session,
            iterations: store.iterations(session.id),
            findings: store.findings(session.id),
            words: store.wordsTold(session.id),
            reviews: store.reviews(session.id),
            used: store.usage(session.id),
            maxCostUsd: store.maxCostUsd(session.id),
            workedMs: workedUntil(now, { session, store }),
          };
        });
    },
    whenEmpty: undefined,
  });
  if (!found) throw nothingRecorded(context, task);
  const shown = found.slice(0, limit);
  if (json) {
    const objects = shown.map(({ session, iterations, findings, words, reviews, ...more }) => ({
      ...statusFields(session),
      ...usageFields(more.used),
      maxCostUsd: more.maxCostUsd ?? null,
      workedMs: more.workedMs ?? null,
      iterations,
      ...findings,
      words,
      reviews,
    }));
    out.line(commandJson(objects, 2));
    return EXIT.done;
  }
  const columns = columnsOf(out);
  const screen = { now, columns, colors: out.colors, verbose };
  shown.forEach((one, i) => {
    if (i > 0) out.line();
    for (const line of sessionLines(one, screen)) out.line(line);
  });
  if (shown.length > 1) {
    const all = `in all ${plural(shown.length, "session")}: ${totalWords(shown)}`;
    for (const line of ["", ...wrap(all, columns)]) out.line(line);
  }
  if (shown.length < found.length) err.line("… older sessions: ralph history --json");
  return EXIT.done;
}
