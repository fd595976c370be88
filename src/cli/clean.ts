/** `ralph clean`: forget ended sessions, and remove their logs. */
import { RalphError } from "../error.ts";
import { continuation } from "../loop/continuation.ts";
import type { Session } from "../registry/model.ts";
import { ago, plural } from "../terminal/format.ts";
import { plain } from "../terminal/plain.ts";
import { table } from "../terminal/table.ts";
import type { Context } from "./context.ts";
import { EXIT } from "./exit_codes.ts";
import { chooseSession, readSessions } from "./sessions.ts";
import { openStore } from "./store.ts";

const ALL = 1_000_000;
const LISTED_MAX = 20;

export function clean(
  context: Context,
  { task, dryRun, yes, json }: { task?: string; dryRun: boolean; yes: boolean; json: boolean },
): number {
  const { out, err } = context.output;
  const sessions = endedSessions(context, task);
  if (json && !yes && !dryRun) {
    throw new RalphError("usage", "`--json` cannot ask: say `--yes` or `--dry-run` beside it");
  }
  if (!json) tell(context, sessions);
  const agreed = sessions.length > 0 && !dryRun && (yes || ask(context, sessions.length));
  const forgotten = agreed ? forget(context, sessions) : 0;
  if (json) {
    const found = sessions.map((session) => ({ id: session.id, task: session.taskName }));
    out.line(JSON.stringify({ found, forgotten, dryRun }));
  } else if (agreed) out.line(`forgot ${plural(forgotten, "session")}`);
  else if (sessions.length > 0) err.line("nothing was changed");
  return EXIT.done;
}

/** All of a task's, or all of all. One that `ralph run` would go on with is not over, and stays. */
function endedSessions(context: Context, task: string | undefined): readonly Session[] {
  const chosen = task === undefined ? undefined : chooseSession(context, task);
  return readSessions<readonly Session[]>(context, {
    read: (registry) =>
      chosen
        ? registry.sessionsOf(chosen.taskDir, { limit: ALL })
        : registry.sessions({ limit: ALL }),
    whenEmpty: [],
  }).filter((session) => session.status !== "running" && !continuation(session));
}

function tell(context: Context, sessions: readonly Session[]): void {
  const { out, err } = context.output;
  if (sessions.length === 0) return err.line("There are no ended sessions.");
  const now = context.clock.now();
  const rows = sessions.slice(0, LISTED_MAX).map((session) => [
    `session ${session.id}`,
    plain(session.taskName, 60),
    plain(session.status),
    ago(Date.parse(session.endedAt ?? session.updatedAt), now),
  ]);
  for (const line of table(rows)) out.line(line);
  if (sessions.length > LISTED_MAX) out.line(`… and ${sessions.length - LISTED_MAX} more`);
}

function ask(context: Context, count: number): boolean {
  if (!context.output.out.isTerminal || !context.output.inputIsTerminal) {
    throw new RalphError("usage", "cannot ask whether to forget them: there is no terminal", [
      { text: "say so beforehand", command: "ralph clean --yes" },
    ]);
  }
  return confirm(`Forget ${plural(count, "session")} and remove the logs?`);
}

function forget(context: Context, sessions: readonly Session[]): number {
  const registry = openStore(context);
  try {
    return sessions.filter((session) => {
      const forgotten = registry.forget(session.id);
      if (forgotten && session.logPath !== null) removeLog(context, session.logPath);
      return forgotten;
    }).length;
  } finally {
    registry.close();
  }
}

function removeLog(context: Context, path: string): void {
  for (const file of [path, `${path}.1`]) {
    try {
      Deno.removeSync(file);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      const why = error instanceof Error ? error.message : String(error);
      context.output.err.line(`warning: the log ${file} stays: ${plain(why)}`);
    }
  }
}
