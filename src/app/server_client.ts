import { RalphError } from "../error.ts";
import { readWhole, textOf } from "../host/files/read_file.ts";
import { type Listener, portOf, unitOn, whoAnswers } from "../host/system/port.ts";
import { type ServerEnv, serverEnv } from "../host/system/server_env.ts";
import { storedSettings } from "../loop/session/kept_settings.ts";
import type { OpenCode } from "../opencode/client.ts";
import { type ClientOptions, createClient } from "../opencode/connect.ts";
import { OpenCodeError } from "../opencode/error.ts";
import { configPath, userNamesServer } from "../settings/read.ts";
import { DEFAULT_SERVER_URL, serverUrl } from "../settings/server_url.ts";
import type { Session } from "../store/model.ts";
import { plain } from "../terminal/plain.ts";
import { seeWhatItIs, shellWord } from "../terminal/shell_word.ts";
import type { Context } from "./context.ts";
import { openUserStoreReadOnly } from "./store.ts";

interface Server {
  url: string;
  /** Only the project's own settings name it: it gets no password. */
  ofProject: boolean;
}

/**
 * The server at `url` as a project sees it, with the password that the environment or ralph's file
 * has. Throws `RalphError` (`usage`) when others may read that file, or ralph may not use that
 * address.
 */
export function clientAt(
  context: Context,
  { directory, requestTimeoutMs, ...server }: Server & {
    directory: string;
    requestTimeoutMs?: number;
  },
): OpenCode {
  const env = serverEnv(context.environment);
  const { isOpen, path, problem, source } = env;
  if (problem !== undefined && source !== "variable") {
    throw new RalphError("usage", `cannot read the server's password in ${path}: ${problem}`, [
      seeWhatItIs(path),
    ]);
  }
  if (isOpen) {
    throw new RalphError("usage", `others may read the server's password in ${path}`, [
      { text: "keep it to yourself", command: `chmod 600 ${shellWord(path)}` },
    ]);
  }
  return createClient({ ...connectionTo(context, server, env), directory, requestTimeoutMs });
}

/** The server of a session, as its project sees it. Throws as `clientAt` does. */
export async function clientOf(
  context: Context,
  session: Session,
  options: { requestTimeoutMs?: number } = {},
): Promise<OpenCode> {
  const url = session.serverUrl ?? DEFAULT_SERVER_URL;
  const ofProject = await isServerOfProject(context, session);
  return clientAt(context, { url, ofProject, directory: session.projectRoot, ...options });
}

/** Whether a session's server was named by the project alone, and the user does not name it now. */
export async function isServerOfProject(
  context: Context,
  { id, serverUrl }: Session,
): Promise<boolean> {
  const store = openUserStoreReadOnly(context);
  try {
    const start = store?.sessionStart(id);
    if (!start || !wasOfProject(start.settings, id)) return false;
  } finally {
    store?.close();
  }
  const { environment } = context;
  const url = serverUrl ?? DEFAULT_SERVER_URL;
  return !await userNamesServer(url, { environment, readFile: readWhole });
}

/** True where it cannot be read: what is not known gets no password. */
function wasOfProject(settings: string, id: number): boolean {
  try {
    return storedSettings(settings, id).serverOfProject;
  } catch (error) {
    if (error instanceof RalphError) return true;
    throw error;
  }
}

/** How a server is reached, and what it is told of the user. Throws `RalphError` (`usage`). */
export function connectionTo(
  { environment, clock }: Context,
  { url: text, ofProject }: Server,
  env: ServerEnv = serverEnv(environment),
): Omit<ClientOptions, "directory"> {
  const url = serverUrl(text);
  const { password, username, source, path } = env;
  const isWithheld = ofProject && password !== undefined;
  return {
    url,
    username,
    password: isWithheld ? undefined : password,
    passwordFile: source === "file" && !isWithheld ? path : undefined,
    withheld: isWithheld ? whyWithheld(url, configPath(environment)) : undefined,
    requireOwn: () => requireOwn(url, { clock }),
    unit: () => unitOn(portOf(url), clock),
    clock,
    readText: textOf,
  };
}

function whyWithheld(url: string, config = "ralph/config.json") {
  return {
    why: "only the project's `ralph.json` names this server, and your password is yours",
    hint: {
      text: `if the server is yours, name it yourself: with \`--server ${url}\`, or with ` +
        `\`"server": "${url}"\` in ${plain(config, 200)}`,
    },
  };
}

/**
 * Throws `OpenCodeError` (`foreign`) when another user of this machine may answer at `url`: they would
 * get the password, and give orders for the user's files. Where the system does not say who listens,
 * it goes on, and the doctor warns.
 */
async function requireOwn(url: string, { clock }: Pick<Context, "clock">): Promise<boolean> {
  const answerer = await whoAnswers(url, clock);
  if (answerer.who === "foreign") throw foreignServer(url, answerer.listener);
  return answerer.who !== "nobody";
}

function foreignServer(url: string, { uid, user, pid, command = "" }: Listener): OpenCodeError {
  const program = command === "" ? "" : ` (${plain(command, 80)})`;
  const port = portOf(url);
  const process = pid === undefined ? "" : `, process ${pid}${program}`;
  return new OpenCodeError(
    "foreign",
    `cannot use the server at ${url}: it is another user's (${
      plain(user ?? `user ${uid}`, 40)
    }${process}), and was sent nothing`,
    {
      hints: [
        { text: "see whose it is", command: `sudo ss -ltnp 'sport = :${port}'` },
        { text: "see everything that is wrong", command: "ralph doctor" },
      ],
    },
  );
}
