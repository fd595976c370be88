/** ralph's commands in this process, in a home and a project of their own, and what is in its store. */
import { join } from "node:path";
import picocolors from "picocolors";
import { commandContext } from "../../src/cli/command_context.ts";
import { execute } from "../../src/cli/main.ts";
import type { Stream } from "../../src/cli/output/streams.ts";
import { openUserStore } from "../../src/app/store.ts";
import { systemClock } from "../../src/host/system/clock.ts";
import type { NewSession, WorkerSettings } from "../../src/store/model.ts";
import type { Store } from "../../src/store/store.ts";
import { temporaryFolder } from "../support/folder.ts";
import { checkPrinted } from "../support/printed_json.ts";
import { makeProject, type Project } from "../support/project.ts";

const MAIN = new URL("../../main.ts", import.meta.url).href;

/** Without one, a task that is finished starts no session. */
const GATES = JSON.stringify({ verify: [["true"]] });
/** All is done already: `ralph run` records a session of no iteration, and asks no server. */
const FINISHED = "# PRD\n\n### US-001: Only\n\n- [x] it is done\n";

export const WORKER: WorkerSettings = {
  maxIterations: 10,
  serverUrl: "http://127.0.0.1:14096",
  serverPort: 14096,
  workerPid: 4_000_000,
  workerVersion: "0.0.0",
  accepted: false,
};
export const START = { settings: "{}", tree: null, choices: null };

export interface Result {
  code: number;
  stdout: string;
  stderr: string;
  tookMs: number;
}

export interface Home extends AsyncDisposable {
  readonly project: Project;
  /** The folder of the database. */
  readonly data: string;
  readonly database: string;
  /** The folder of the logs. */
  readonly state: string;
  /** The task of the project whose stories all pass. */
  readonly task: NewSession;
  /** The environment of its commands. */
  readonly variables: Record<string, string>;
  /** Runs a command in this process. */
  ralph(...args: string[]): Promise<Result>;
  /** Opens the store as a worker does. */
  open(options?: { timeoutMs?: number }): Store;
}

/**
 * `data`: where the database is to be, in place of a folder of its own. `anyForm`: what is printed with
 * `--json` need not have its form, as where bytes of the database are wrong.
 */
export async function makeHome(
  { data, anyForm = false }: { data?: string; anyForm?: boolean } = {},
): Promise<Home> {
  await using stack = new AsyncDisposableStack();
  const project = stack.use(
    await makeProject({ files: { "tasks/one/prd.md": FINISHED, "ralph.json": GATES } }),
  );
  const folder = stack.use(temporaryFolder("ralph-home-"));
  const variables: Record<string, string> = {
    HOME: folder.path,
    XDG_DATA_HOME: data ?? join(folder.path, "data"),
    PATH: Deno.env.get("PATH") ?? "",
  };
  const written = { out: "", err: "" };
  const stream = (name: keyof typeof written): Stream => ({
    write: (text) => written[name] += text,
    line: (text = "") => written[name] += `${text}\n`,
    isTerminal: false,
    width: () => 100,
    colors: picocolors.createColors(false),
  });
  const context = commandContext({
    output: { out: stream("out"), err: stream("err"), inputIsTerminal: false },
    clock: systemClock,
    environment: (name) => variables[name],
    mainUrl: MAIN,
    cwd: () => project.root,
  });
  const dataFolder = join(variables.XDG_DATA_HOME, "ralph");
  const database = join(dataFolder, "sessions.db");
  const owned = stack.move();
  return {
    project,
    variables,
    data: dataFolder,
    database,
    state: join(folder.path, ".local/state/ralph"),
    task: {
      taskName: "one",
      taskDir: join(project.root, "tasks/one"),
      projectRoot: project.root,
    },
    async ralph(...args) {
      Object.assign(written, { out: "", err: "" });
      const began = performance.now();
      const code = await execute(args, context);
      const tookMs = performance.now() - began;
      const result = { code, stdout: written.out, stderr: written.err, tookMs };
      if (!anyForm) checkPrinted(args, result);
      return result;
    },
    open: (options) => openUserStore(context, options),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
