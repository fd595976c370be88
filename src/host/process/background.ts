/**
 * Starting this program again as a process of its own, that outlives the terminal. With linger on
 * it becomes a transient unit of the user's systemd, which also outlives the logout where nothing
 * else does (KillUserProcesses=yes, logind.conf(5)). Otherwise it is detached: with linger off a
 * unit would end with the last logout, a detached process does not (systemd 252, measured).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, renameSync, rmSync } from "node:fs";
import type { Readable } from "node:stream";
import { RalphError } from "../../error.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { allEnvironment, environment } from "../system/environment.ts";
import { fileExists, textOf } from "../files/read_file.ts";
import { userName } from "../system/accounts.ts";
import { unref } from "./unref.ts";

interface BackgroundOptions {
  cwd: string;
  /** What it says on standard error goes to this file, which is replaced. */
  stderrPath: string;
  /**
   * One line for its standard input: unlike arguments and a unit's environment, nobody else sees
   * it. `unit` is the name of the unit that it runs as.
   */
  input: (start: { unit?: string }) => string;
  /** Whether a line of its output is what is waited for; called with each, in order. */
  isAnswer: (line: string) => boolean;
  /** The unit's name, without its ending, and what `systemctl --user list-units` says of it. */
  unit: { name: string; description: string };
}

interface BackgroundStart {
  /** Its answer; undefined when it ended without one. */
  line?: string;
  /** Why it runs detached although linger is on. */
  notAsUnit?: string;
}

/** Starts it, and resolves with its answer, a line of output, or when it has ended without one. */
export async function startInBackground(
  command: readonly string[],
  options: BackgroundOptions,
): Promise<BackgroundStart> {
  const manager = lingeringManager();
  if (manager === undefined) return { line: await startDetached(command, options) };
  const { line, notAsUnit } = await startAsUnit(command, options, manager);
  if (notAsUnit === undefined) return { line };
  return { line: await startDetached(command, options), notAsUnit };
}

/** The runtime folder of a user manager that stays after the last logout. */
function lingeringManager(): string | undefined {
  if (Deno.build.os !== "linux" || !fileExists("/run/systemd/system")) return undefined;
  if (!fileExists(`/var/lib/systemd/linger/${userName()}`)) return undefined;
  const folder = environment("XDG_RUNTIME_DIR") ?? `/run/user/${Deno.uid()}`;
  return fileExists(`${folder}/bus`) ? folder : undefined;
}

/**
 * systemd-run hands its own standard streams over (`--pipe`), so that the first line comes as from
 * a child. It only watches then, and can be ended: the unit goes on (systemd 252, measured).
 */
async function startAsUnit(
  command: readonly string[],
  { cwd, stderrPath, input, isAnswer, unit }: BackgroundOptions,
  manager: string,
): Promise<BackgroundStart> {
  const name = `${unit.name}.service`;
  const { child, line } = await startAndRead(
    [
      "systemd-run",
      "--user",
      "--quiet",
      "--collect",
      "--pipe",
      `--unit=${unit.name}`,
      `--description=${unit.description}`,
      `--working-directory=${cwd}`,
      // Where the source runs, Deno looks for its packages there.
      ...(environment("DENO_DIR") === undefined ? [] : ["--setenv=DENO_DIR"]),
      "--",
      ...command.map(keptAsItIs),
    ],
    {
      stderrPath,
      isAnswer,
      input: input({ unit: name }),
      env: { ...startingEnvironment(), XDG_RUNTIME_DIR: manager },
    },
  ).catch((error) => ({ child: undefined, line: undefined, error: String(error) }));
  child?.kill("SIGKILL");
  if (line !== undefined) return { line };
  // Its own words, not the worker's: the unit was not started.
  const said = child === undefined ? "there is no systemd-run" : textOf(stderrPath)?.trim() ?? "";
  return child === undefined || said.startsWith("Failed to ") ? { notAsUnit: said } : {};
}

/** What a program needs to start. All else would be there for others to read, as long as it runs. */
const AT_START =
  /^(?:HOME|PATH|USER|LOGNAME|SHELL|TMPDIR|TZ|LANG|LC_[A-Z]+|XDG_[A-Z_]+|DENO_(?:DIR|NO_UPDATE_CHECK)|NO_COLOR|RUST_BACKTRACE)$/;

function startingEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(allEnvironment()).filter(([name]) => AT_START.test(name)),
  );
}

/**
 * `spawn` takes a word that is this program's path for Node's, and puts options of Deno behind it
 * (2.7.11 and 2.9.6, measured): the same file is named in another way.
 */
function keptAsItIs(word: string): string {
  return word === Deno.execPath() ? word.replace(/\/([^/]*)$/, "/./$1") : word;
}

/** In a session of its own, and without a terminal. */
async function startDetached(
  command: readonly string[],
  { cwd, stderrPath, input, isAnswer }: BackgroundOptions,
): Promise<string | undefined> {
  const env = startingEnvironment();
  const start = { stderrPath, input: input({}), isAnswer, cwd, env, detached: true };
  return (await startAndRead(command, start)).line;
}

/** Starts a process, gives it its input, and reads its answer. Throws when it does not start. */
async function startAndRead(
  [program, ...args]: readonly string[],
  { stderrPath, input, isAnswer, ...how }: {
    stderrPath: string;
    input: string;
    isAnswer: BackgroundOptions["isAnswer"];
    /** All that it gets. */
    env: Record<string, string>;
    cwd?: string;
    detached?: boolean;
  },
): Promise<{ child: ChildProcess; line: string | undefined }> {
  const stderr = freshFile(stderrPath);
  try {
    const child = spawn(program, args, { ...how, stdio: ["pipe", "pipe", stderr] });
    await once(child, "spawn");
    child.on("error", () => {}); // what it could not be told; its line, or none, says the rest
    child.stdin?.on("error", () => {}); // it may end before it has read
    child.stdin?.end(input + "\n");
    const line = child.stdout ? await answerIn(child.stdout, isAnswer) : undefined;
    child.stdout?.destroy();
    unref(child);
    return { child, line };
  } finally {
    closeSync(stderr);
  }
}

/**
 * What is there is replaced and never written to: it may be a link. Of several that start at once each
 * has a file of its own, and the last one's stays.
 */
function freshFile(path: string): number {
  const own = `${path}.${Deno.pid}`;
  try {
    rmSync(own, { force: true });
    const file = openSync(own, "wx", 0o600);
    renameSync(own, path);
    return file;
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    throw new RalphError("state", `cannot make the file ${path}: ${why}`, [
      { text: "see what is there", command: `ls -ld ${shellWord(path)}` },
    ], { cause: error });
  }
}

/**
 * Undefined when it ends without one. Not by iterating over the stream: leaving that early rejects a
 * promise that nobody holds, on a busy machine (Deno 2.7.11, measured).
 */
function answerIn(
  stream: Readable,
  isAnswer: BackgroundOptions["isAnswer"],
): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (text + chunk).split("\n");
    text = lines.pop() ?? "";
    try {
      const answer = lines.find(isAnswer);
      if (answer !== undefined) resolve(answer);
    } catch (error) {
      reject(error);
    }
  });
  stream.on("close", () => resolve(undefined));
  stream.on("error", () => resolve(undefined));
  return promise;
}
