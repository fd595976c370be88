/**
 * `ralph attach [task]`: hands the terminal to `opencode attach`, after everything that it would
 * stumble over has been looked at. It changes no status, but for a running session whose worker is
 * dead while the server does not answer either.
 */
import { RalphError } from "../error.ts";
import { handTerminalTo } from "../host/programs.ts";
import { serverEnv } from "../host/server_env.ts";
import { systemTree } from "../host/tree.ts";
import { OpenCodeError } from "../opencode/error.ts";
import type { Session } from "../registry/model.ts";
import type { ReadOnlyRegistry } from "../registry/registry.ts";
import { DEFAULT_SERVER_URL, serverUrl } from "../settings/server_url.ts";
import { findProjectRoot } from "../task/find.ts";
import { ago } from "../terminal/format.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { clientAt } from "./client.ts";
import type { Context } from "./context.ts";
import { programOf } from "./names.ts";
import { EXIT } from "./exit_codes.ts";
import { requireServer } from "./require_server.ts";
import { chooseAmong, markIfDead, noSessions } from "./sessions.ts";
import { openStoreReadOnly } from "./store.ts";

export interface AttachOptions {
  task?: string;
  session?: string;
  server?: string;
}

interface Target {
  openCodeSessionId: string;
  directory: string;
  /** The one of ralph's; absent for an OpenCode session that ralph did not make. */
  session?: Session;
}

export async function attach(context: Context, options: AttachOptions): Promise<number> {
  const registry = openStoreReadOnly(context);
  try {
    const target = targetOf(context, registry, options);
    const { session, directory, openCodeSessionId } = target;
    // The servers of the earlier program are gone: each ended with its worker.
    const recorded = session?.earlier === null ? session.serverUrl : null;
    const url = serverUrl(options.server ?? recorded ?? DEFAULT_SERVER_URL);
    const client = clientAt(context, { url, directory });
    if (session && session.status !== "running") tellNotRunning(context, session);
    try {
      await requireServer(context, client);
    } catch (error) {
      const unreachable = error instanceof OpenCodeError && error.problem === "unreachable";
      if (session?.status === "running" && unreachable) markIfDead(context, session);
      throw error;
    }
    const found = await client.session(openCodeSessionId);
    if (!found) throw unknownOnServer(registry, target);

    const program = programOf(context, "opencode");
    const args = ["attach", url, "--dir", found.directory, "--session", openCodeSessionId];
    const { out, inputIsTerminal } = context.output;
    if (!out.isTerminal || !inputIsTerminal) {
      out.line([program ?? "opencode", ...args].map(shellWord).join(" "));
      return EXIT.done;
    }
    if (program === undefined) throw noProgram();
    const { password } = serverEnv(context.environment);
    return await handTerminalTo(
      [program, ...args],
      password === undefined ? {} : { OPENCODE_SERVER_PASSWORD: password },
    );
  } finally {
    registry?.close();
  }
}

function targetOf(
  context: Context,
  registry: ReadOnlyRegistry | undefined,
  { task, session: asked }: AttachOptions,
): Target {
  const session = task !== undefined
    ? chooseAmong(context, registry, task)
    : asked !== undefined
    ? registry?.sessionOfOpenCode(asked)
    : registry?.lastActive();
  if (asked !== undefined) {
    const directory = session?.projectRoot ?? findProjectRoot(context.cwd(), systemTree);
    if (directory === undefined) throw nowhere(context, asked);
    return { openCodeSessionId: asked, directory, session };
  }
  if (!session) throw noSessions();
  if (session.openCodeSessionId === null) throw noOpenCodeSession(session);
  return {
    openCodeSessionId: session.openCodeSessionId,
    directory: session.projectRoot,
    session,
  };
}

function tellNotRunning(context: Context, session: Session): void {
  const { err } = context.output;
  const ended = ago(Date.parse(session.endedAt ?? session.updatedAt), context.clock.now());
  err.line(`Session not running (${plain(session.status)} ${ended})`);
  err.line(`Restart with: ralph run ${shellWord(session.taskName)}`);
}

function unknownOnServer(
  registry: ReadOnlyRegistry | undefined,
  { openCodeSessionId, session }: Target,
): RalphError {
  const known = session ? registry?.iterations(session.id) ?? [] : [];
  const hints = known.flatMap((iteration) =>
    iteration.openCodeSessionId === null || iteration.openCodeSessionId === openCodeSessionId
      ? []
      : [{
        text: `iteration ${iteration.number} (${plain(iteration.storyId ?? "no story", 20)})`,
        command: `ralph attach ${shellWord(session?.taskName ?? "")} --session ${
          shellWord(iteration.openCodeSessionId)
        }`,
      }]
  );
  const shown = plain(openCodeSessionId, 60);
  return new RalphError("not_found", `the server has no OpenCode session \`${shown}\` here`, [
    ...hints.slice(-10),
    ...(hints.length > 0 || !session ? [] : [{
      text: "see what ralph knows of the task",
      command: `ralph history ${shellWord(session.taskName)}`,
    }]),
  ]);
}

function noOpenCodeSession(session: Session): RalphError {
  const name = plain(session.taskName, 80);
  return new RalphError("not_found", `the session of \`${name}\` has no OpenCode session yet`, [
    { text: "see what it does", command: `ralph status ${shellWord(session.taskName)}` },
  ]);
}

function nowhere(context: Context, asked: string): RalphError {
  return new RalphError(
    "not_found",
    `cannot tell the project of OpenCode session \`${
      plain(asked, 60)
    }\`: it is not one of a task, ` +
      `and ${plain(context.cwd(), 200)} is not in a git repository`,
    [{ text: "go to its project first", command: "cd ~/my-project" }],
  );
}

function noProgram(): RalphError {
  return new RalphError("failed", "cannot attach: there is no program `opencode` on PATH", [
    { text: "see where it is", command: "ls ~/.opencode/bin/opencode" },
  ]);
}
