/** `ralph clean`: forget ended sessions, and remove their logs. */
import { Command } from "@commander-js/extra-typings";
import * as path from "node:path";
import { RalphError } from "../../error.ts";
import { requireTaskFolder } from "../../host/files/paths.ts";
import { whyResumable } from "../../loop/session/resumable.ts";
import type { Session } from "../../store/model.ts";
import { ago, plural } from "../../terminal/format.ts";
import { plain } from "../../terminal/plain.ts";
import { table } from "../../terminal/table.ts";
import { columnsOf } from "../output/streams.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { confirmed } from "../output/confirm.ts";
import { readSessions } from "../../control/liveness.ts";
import { logOf } from "../../control/session_log.ts";
import { chooseSession } from "../select/sessions.ts";
import { openUserStore } from "../../app/store.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { taskArgument, to } from "../arguments.ts";
import { type Parsed, parseDuration } from "../../settings/values.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("clean")
    .addArgument(taskArgument("[task]"))
    .option("--worktrees", "remove worktrees whose work is in another branch, and no session")
    .option(
      "--server",
      "delete OpenCode sessions that ralph has made, and that have ended long ago",
    )
    .option(
      "--older-than <time>",
      "with --server: how long ago, such as 90d or 12h (default: 30d)",
      to(parseAge),
    )
    .option("--dry-run", "show which, and change nothing")
    .option("-y, --yes", "forget, remove or delete them without asking")
    .option("--json", "print one JSON object; needs --yes or --dry-run")
    .addHelpText(
      "after",
      `
Examples:
  ralph clean my-feature --dry-run
  ralph clean --worktrees           those that were landed; their branches go with them
  ralph clean --server --older-than 90d --dry-run`,
    )
    .action(async (task, options) => {
      const { worktrees = false, server = false, olderThan } = options;
      const { dryRun = false, yes = false, json = false } = options;
      if (json && !yes && !dryRun) {
        throw new RalphError("usage", "`--json` cannot ask: say `--yes` or `--dry-run` beside it");
      }
      if (worktrees && server) {
        throw new RalphError("usage", "say one of `--worktrees` and `--server`");
      }
      if (olderThan !== undefined && !server) {
        throw new RalphError("usage", "`--older-than` is for `--server`");
      }
      if (server) {
        const olderThanMs = olderThan ?? 30 * DAY_MS;
        const { cleanServer } = await import("../clean_server.ts");
        return done(await cleanServer(context, { task, olderThanMs, dryRun, yes, json }));
      }
      if (!worktrees) return done(await clean(context, { task, dryRun, yes, json }));
      const { cleanWorktrees } = await import("../clean_worktrees.ts");
      done(await cleanWorktrees(context, { task, dryRun, yes, json }));
    });
}

const DAY_MS = 24 * 3_600_000;

/** `90d`, or a duration of hours, in milliseconds. */
function parseAge(text: string): Parsed<number> {
  const days = Number(/^(\d{1,4})d$/.exec(text)?.[1]);
  if (days > 0) return { value: days * DAY_MS };
  const duration = parseDuration(text);
  return "value" in duration ? duration : { wanted: "a time such as `90d` or `12h`" };
}

const ALL = 1_000_000;
const LISTED_MAX = 20;

async function clean(
  context: CommandContext,
  { task, dryRun, yes, json }: { task?: string; dryRun: boolean; yes: boolean; json: boolean },
): Promise<number> {
  const { out, err } = context.output;
  const sessions = endedSessions(context, task);
  if (!json) tell(context, sessions);
  const agreed = sessions.length > 0 && !dryRun && (yes || await ask(context, sessions.length));
  const forgotten = agreed ? forget(context, sessions) : 0;
  if (json) {
    const found = sessions.map((session) => ({ id: session.id, task: session.taskName }));
    out.line(commandJson({ found, forgotten, dryRun }));
  } else if (agreed) out.line(`forgot ${plural(forgotten, "session")}`);
  else if (sessions.length > 0) err.line("nothing was changed");
  return EXIT.done;
}

/** All of a task's, or all of all. One that `ralph run` would go on with is not over, and stays. */
function endedSessions(context: CommandContext, task: string | undefined): readonly Session[] {
  const chosen = task === undefined ? undefined : chooseSession(context, task, { changes: true });
  return readSessions<readonly Session[]>(context, {
    read: (store) =>
      chosen ? store.sessionsOf(chosen.taskDir, { limit: ALL }) : store.sessions({ limit: ALL }),
    whenEmpty: [],
  }).filter((session) => session.status !== "running" && !whyResumable(session));
}

function tell(context: CommandContext, sessions: readonly Session[]): void {
  const { out, err } = context.output;
  if (sessions.length === 0) return err.line("There are no ended sessions.");
  const now = context.clock.now();
  const rows = sessions.slice(0, LISTED_MAX).map((session) => [
    `session ${session.id}`,
    plain(session.taskName, 60),
    plain(session.status),
    ago(Date.parse(session.endedAt ?? session.updatedAt), now),
  ]);
  for (const line of table(rows, columnsOf(out))) out.line(line);
  if (sessions.length > LISTED_MAX) out.line(`… and ${sessions.length - LISTED_MAX} more`);
}

function ask(context: CommandContext, count: number): Promise<boolean> {
  return confirmed(context, {
    message: `Forget ${plural(count, "session")} and remove the logs?`,
    what: "forget them",
    command: ["clean"],
    byDefault: false,
    whenGivenUp: "nothing was changed",
  });
}

function forget(context: CommandContext, sessions: readonly Session[]): number {
  const store = openUserStore(context, { letsRowsBe: true });
  try {
    return sessions.filter((session) => {
      const forgotten = store.forget(session.id);
      if (forgotten) removeLog(context, session);
      return forgotten;
    }).length;
  } finally {
    store.close();
  }
}

function removeLog(context: CommandContext, session: Session): void {
  const log = logOf(context, session);
  if (!log) return;
  const { err } = context.output;
  if (log.elsewhere !== undefined) err.line(`warning: ${log.elsewhere}. It stays`);
  for (const file of [log.path, `${log.path}.1`]) {
    try {
      requireTaskFolder(path.dirname(file));
      Deno.removeSync(file);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      const why = error instanceof Error ? error.message : String(error);
      err.line(`warning: the log ${file} stays: ${plain(why)}`);
    }
  }
}
