/**
 * `ralph attach [task]`: hands the terminal to OpenCode, after everything that it would stumble over
 * has been looked at. It changes no status, but for a running session whose worker is
 * dead while the server does not answer either.
 */
import { Command } from "@commander-js/extra-typings";
import { RalphError } from "../../error.ts";
import { handTerminalTo } from "../../host/process/programs.ts";
import { serverEnv } from "../../host/system/server_env.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import type { Health } from "../../opencode/client.ts";
import { attachArguments, attachCommand, programNames } from "../../opencode/commands.ts";
import { OpenCodeError } from "../../opencode/error.ts";
import type { Session } from "../../store/model.ts";
import type { ReadOnlyStore } from "../../store/store.ts";
import { DEFAULT_SERVER_URL, serverUrl } from "../../settings/server_url.ts";
import { findProjectRoot } from "../../task/find.ts";
import { ago } from "../../terminal/format.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { clientAt, isServerOfProject } from "../../app/server_client.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { programOf } from "../../app/names.ts";
import { EXIT } from "../exit_codes.ts";
import { requireServer } from "../../app/require_server.ts";
import { markIfDead } from "../../control/liveness.ts";
import { chooseAmong, noSessions } from "../select/sessions.ts";
import { openUserStoreReadOnly } from "../../app/store.ts";
import { serverOption, taskArgument } from "../arguments.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("attach")
    .addArgument(taskArgument("[task]"))
    .option("--session <id>", "open this OpenCode session")
    .addOption(serverOption("the session's own, or"))
    .option("--json", "print one JSON object with what would be opened, and open nothing")
    .addHelpText(
      "after",
      `
Examples:
  ralph attach                      the session that was active last
  ralph attach my-feature           while it runs, or afterwards to read it
  ralph attach my-feature --session ses_0123`,
    )
    .action(async (task, options) => {
      done(await attach(context, { task, ...options }));
    });
}

interface AttachOptions {
  task?: string;
  session?: string;
  server?: string;
  json?: boolean;
}

interface Target {
  openCodeSessionId: string;
  directory: string;
  /** The one of ralph's; absent for an OpenCode session that ralph did not make. */
  session?: Session;
}

async function attach(context: CommandContext, options: AttachOptions): Promise<number> {
  const store = openUserStoreReadOnly(context);
  try {
    const target = targetOf(context, store, options);
    const { session, directory, openCodeSessionId } = target;
    // The servers of the predecessor are gone: each ended with its worker.
    const recorded = session?.earlier === null ? session.serverUrl : null;
    const url = serverUrl(options.server ?? recorded ?? DEFAULT_SERVER_URL);
    const ofProject = options.server === undefined && session?.earlier === null &&
      await isServerOfProject(context, session);
    const client = clientAt(context, { url, ofProject, directory });
    if (session && session.status !== "running") tellNotRunning(context, session);
    let health: Health;
    try {
      health = await requireServer(context, client);
    } catch (error) {
      const isGone = error instanceof OpenCodeError &&
        (error.problem === "unreachable" || error.problem === "foreign");
      if (session?.status === "running" && isGone) markIfDead(context, session);
      throw error;
    }
    const found = await client.session(openCodeSessionId);
    if (!found) throw unknownOnServer(store, target);

    const program = programNames(health.generation).map((name) => programOf(context, name))
      .find((found) => found !== undefined);
    const args = attachArguments(health.generation, {
      url,
      directory: found.directory,
      sessionId: openCodeSessionId,
    });
    const { out, inputIsTerminal } = context.output;
    if (options.json) {
      const command = [program ?? "opencode", ...args];
      const { directory } = found;
      out.line(commandJson({ openCodeSessionId, directory, serverUrl: url, command }));
      return EXIT.done;
    }
    if (!out.isTerminal || !inputIsTerminal) {
      const { passwordFile } = client;
      const session = { directory: found.directory, sessionId: openCodeSessionId };
      const server = { generation: health.generation, url, passwordFile };
      out.line(attachCommand(server, session, program));
      return EXIT.done;
    }
    if (program === undefined) throw noProgram();
    const { password } = serverEnv(context.environment);
    if (password === undefined) return await handTerminalTo([program, ...args], {});
    // Empty, it is none: what this process has would be handed on (1.18.33).
    const handed = ofProject ? "" : password;
    return await handTerminalTo([program, ...args], {
      OPENCODE_SERVER_PASSWORD: handed,
      ...health.generation === 2 && { OPENCODE_PASSWORD: handed },
    });
  } finally {
    store?.close();
  }
}

function targetOf(
  context: CommandContext,
  store: ReadOnlyStore | undefined,
  { task, session: asked }: AttachOptions,
): Target {
  const session = task !== undefined
    ? chooseAmong(context, store, task)
    : asked !== undefined
    ? store?.sessionOfOpenCode(asked)
    : store?.lastActive();
  if (asked !== undefined) {
    const directory = session?.projectRoot ?? findProjectRoot(context.cwd(), systemTree);
    if (directory === undefined) throw nowhere(context, asked);
    return { openCodeSessionId: asked, directory, session };
  }
  if (!session) throw noSessions(context);
  if (session.openCodeSessionId === null) throw noOpenCodeSession(store, session);
  return {
    openCodeSessionId: session.openCodeSessionId,
    directory: session.projectRoot,
    session,
  };
}

function tellNotRunning(context: CommandContext, session: Session): void {
  const { err } = context.output;
  const ended = ago(Date.parse(session.endedAt ?? session.updatedAt), context.clock.now());
  err.line(`Session not running (${plain(session.status)} ${ended})`);
  err.line(`Restart with: ralph run ${shellWord(session.taskName)}`);
}

function unknownOnServer(
  store: ReadOnlyStore | undefined,
  { openCodeSessionId, session }: Target,
): RalphError {
  const known = session ? store?.iterations(session.id) ?? [] : [];
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

/** Of the task's sessions. */
const EARLIER_MAX = 20;

function noOpenCodeSession(store: ReadOnlyStore | undefined, session: Session): RalphError {
  const { status, taskName, taskDir, detail } = session;
  const shown = plain(taskName, 80);
  const name = shellWord(taskName);
  const look = { text: "see what it does", command: `ralph status ${name}` };
  if (status === "running") {
    const message = `the session of \`${shown}\` has no OpenCode session yet`;
    return new RalphError("not_found", message, [look]);
  }
  const earlier = store?.sessionsOf(taskDir, { limit: EARLIER_MAX })
    .find(({ openCodeSessionId }) => openCodeSessionId !== null);
  const why = detail ? `: ${plain(detail, 200)}` : "";
  return new RalphError(
    "not_found",
    `session ${session.id} of \`${shown}\` made no OpenCode session: no agent worked in it ` +
      `(${plain(status)}${why})`,
    [
      ...earlier?.openCodeSessionId
        ? [{
          text: `the last one before, of session ${earlier.id}`,
          command: `ralph attach ${name} --session ${shellWord(earlier.openCodeSessionId)}`,
        }]
        : [],
      { text: "see how it ended", command: `ralph status ${name}` },
    ],
  );
}

function nowhere(context: CommandContext, asked: string): RalphError {
  return new RalphError(
    "not_found",
    `cannot tell the project of OpenCode session \`${
      plain(asked, 60)
    }\`: it is not one of a task, ` +
      `and ${plain(context.cwd(), 200)} is not in a git repository`,
    [{ text: "go to its project first" }],
  );
}

function noProgram(): RalphError {
  return new RalphError("failed", "cannot attach: there is no program `opencode` on PATH", [
    { text: "see where it is", command: "ls ~/.opencode/bin/opencode" },
  ]);
}
