/**
 * Running a command that may do anything: hang, fork, flood, kill. It ends within its time, its
 * output is bounded, and what it leaves behind is ended with it.
 */
import * as path from "node:path";
import { type Clock, deadline, sleep } from "../../clock.ts";
import { keepEnds } from "./output_ends.ts";
import { inOwnSession, signalSession } from "./own_session.ts";
import { findProgram } from "./programs.ts";
import { readParts } from "./read_parts.ts";
import { unref } from "./unref.ts";

/** From SIGTERM, at which a test runner can still put things away, to SIGKILL. */
const GRACE_MS = 500;
/** How often to look whether the processes are gone. */
const LOOK_MS = 10;
/** How long to wait for the end of the output, when the command has ended and others hold it. */
const OUTPUT_MS = 250;
/** How long a process may take to die of SIGKILL; one that waits for a dead disk does not. */
const DEATH_MS = 1000;
/** How often to look for processes that a dying one started in the meantime. */
const SWEEPS_MAX = 5;
/** The variable that marks a run's processes: this process's id, and what is the run's own. */
const MARK = "BOUNDED_PROCESS";
const markOf = (pid: number) => `${MARK}=${pid}.`;

/**
 * Stands between this process and the command (sh, POSIX.1-2017), so that the command
 * - can signal its parent and its group without hitting this process: `kill $PPID`, `kill 0`;
 * - dies when this process does: the pipe that this one holds open ends, and the line in brackets,
 *   which waits for that, kills the group;
 * - writes both its outputs into one pipe, in order, and reads an empty input.
 * A trap, other than an ignored signal, is not passed on to the command.
 */
const SUPERVISOR = `
exec 3<&0 </dev/null 2>&1
trap : HUP INT TERM
(trap '' HUP INT TERM; read -r line <&3; kill -s KILL 0) >/dev/null 2>&1 &
"$@" 3<&-
code=$?
{ kill -s KILL $!; wait $!; } 2>/dev/null
exit $code`;

/** The processes that carry the mark `$1`; /proc/<pid>/environ is as it was at execve (proc(5)). */
const MARKED = `grep -lF -- "$1" /proc/[0-9]*/environ 2>/dev/null`;

type Ending =
  | { readonly how: "exited"; readonly code: number }
  | { readonly how: "killed"; readonly signal: string }
  | { readonly how: "timed_out" }
  | { readonly how: "aborted" }
  /** `why` may hold foreign text. */
  | { readonly how: "not_started"; readonly why: string };

export interface BoundedRun {
  readonly ending: Ending;
  /** Both outputs in order, bounded, as they came: not safe to print. */
  readonly output: string;
  readonly durationMs: number;
}

export interface BoundedOptions {
  readonly cwd: string;
  /** All that the command gets, beside a variable that marks its processes. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** What runs the command: a program with arguments, which the command's own follow. */
  readonly within?: readonly string[];
}

/**
 * Runs a program with arguments, without a shell, a terminal or an input, in a session and process
 * group of its own. At `timeoutMs`, or when `signal` aborts, the group gets SIGTERM, and 500 ms
 * later SIGKILL. What is left when the program has ended by itself gets SIGKILL. On Linux the
 * processes that left the group are found by their environment, and killed as well. Never throws
 * for what the command is or does.
 */
export async function runBounded(
  command: readonly string[],
  options: BoundedOptions,
): Promise<BoundedRun> {
  const { clock, signal } = options;
  if (signal?.aborted) return notRun({ how: "aborted" });
  const mark = `${markOf(Deno.pid)}${crypto.randomUUID()}`;
  let child: Deno.ChildProcess;
  try {
    child = start(command, { ...options, mark });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return notRun({ how: "not_started", why });
  }
  const begun = clock.monotonic();
  const output = collect(child.stdout);
  const limit = deadline(clock, options.timeoutMs, signal);
  const cut = new Promise<undefined>((resolve) => {
    limit.signal.addEventListener("abort", () => resolve(undefined));
  });
  const status = await Promise.race([child.status, cut]);
  limit.cancel();
  const durationMs = clock.monotonic() - begun;
  const ending: Ending = status
    ? endingOf(status)
    : { how: signal?.aborted ? "aborted" : "timed_out" };
  // A child such as the `tee` of `exec > >(tee log)` may still have the last words in hand.
  if (status) await within(OUTPUT_MS, output.ended, clock);
  else await askToEnd(child, { mark, clock });
  await killWhatIsLeft(child.pid, mark);
  await within(DEATH_MS, child.status, clock);
  await within(OUTPUT_MS, output.ended, clock);
  await output.close();
  await child.stdin.close().catch(() => {});
  unref(child);
  return { ending, output: output.text(), durationMs };
}

function notRun(ending: Ending): BoundedRun {
  return { ending, output: "", durationMs: 0 };
}

/** Throws an `Error` that says why, when the command cannot be started. */
function start(
  [program, ...args]: readonly string[],
  { cwd, env, mark, within = [] }: BoundedOptions & { mark: string },
): Deno.ChildProcess {
  // An absolute path is no name of something built into the shell.
  const file = locate(program, { cwd, searchPath: env.PATH ?? "" });
  const session = inOwnSession(["/bin/sh", "-c", SUPERVISOR, "sh", ...within, file, ...args]);
  return new Deno.Command(session.program, {
    args: [...session.args],
    cwd,
    clearEnv: true,
    env: { ...env, [MARK]: mark.slice(MARK.length + 1) },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
    detached: session.detached,
  }).spawn();
}

function locate(
  program: string,
  { cwd, searchPath }: { cwd: string; searchPath: string },
): string {
  if (!program.includes("/")) {
    const found = findProgram(program, { searchPath, folders: [] });
    if (found) return found;
    throw new Error(`there is no program \`${program}\` on PATH`);
  }
  const file = path.resolve(cwd, program);
  const { isDirectory, mode } = statOf(file) ?? {};
  if (isDirectory === undefined) throw new Error(`there is no program \`${program}\``);
  if (isDirectory) throw new Error(`\`${program}\` is a folder`);
  if (mode && (mode & 0o111) === 0) throw new Error(`\`${program}\` is not executable`);
  return file;
}

function statOf(file: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(file);
  } catch {
    return undefined;
  }
}

function endingOf({ code, signal }: Deno.CommandStatus): Ending {
  return signal ? { how: "killed", signal } : { how: "exited", code };
}

/** Reads a stream to its end, which may be long after that of the process, or never. */
function collect(stream: ReadableStream<Uint8Array>) {
  const ends = keepEnds();
  return { ...readParts(stream, ends.add), text: ends.text };
}

/** SIGTERM to the group, and time to act on it. */
async function askToEnd(
  child: Deno.ChildProcess,
  { mark, clock }: { mark: string; clock: Clock },
): Promise<void> {
  let ended = false;
  child.status.then(() => ended = true);
  const giveUp = clock.monotonic() + GRACE_MS;
  signalSession(child, "SIGTERM");
  // Not whether the group is there: it is, until all that were in it are collected.
  while (clock.monotonic() < giveUp && !(ended && (await markedProcesses(mark)).length === 0)) {
    await sleep(clock, LOOK_MS);
  }
}

/**
 * Kills what the commands of a process that is gone have left. Its group died with it; what had left
 * the group is found on Linux only.
 */
export function killCommandsOf(pid: number): Promise<void> {
  return killMarked(markOf(pid));
}

async function killWhatIsLeft(group: number, mark: string): Promise<void> {
  signalProcess(-group, "SIGKILL");
  await killMarked(mark);
}

async function killMarked(mark: string): Promise<void> {
  for (let sweep = 0; sweep < SWEEPS_MAX; sweep++) {
    const marked = await markedProcesses(mark);
    if (marked.length === 0) return;
    for (const pid of marked) signalProcess(pid, "SIGKILL");
  }
}

function signalProcess(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch {
    // it is gone
  }
}

/**
 * Asked of `grep`, since Deno lets a program read /proc only when it may do everything (2.9.6,
 * measured), and ralph may not. Elsewhere than on Linux nothing is found.
 */
async function markedProcesses(mark: string): Promise<readonly number[]> {
  try {
    const { stdout } = await new Deno.Command("/bin/sh", {
      args: ["-c", MARKED, "sh", mark],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).output();
    return Array.from(new TextDecoder().decode(stdout).matchAll(/\d+/g), ([pid]) => Number(pid));
  } catch {
    return []; // no process can be started: the command has used up how many there may be
  }
}

/** Resolves when the promise does, and after `ms` milliseconds at the latest. */
function within(ms: number, promise: Promise<unknown>, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, resolve);
    const finish = () => {
      cancel();
      resolve();
    };
    promise.then(finish, finish);
  });
}
