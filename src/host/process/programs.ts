/** Programs that ralph hands the terminal to. */
import * as path from "node:path";
import { type Clock, sleep } from "../../clock.ts";
import { onEndingSignal } from "./signals.ts";

/** Where `program` is: on PATH, or in one of `folders`; undefined when it is nowhere. */
export function findProgram(
  program: string,
  { searchPath, folders }: { searchPath: string; folders: readonly string[] },
): string | undefined {
  return [...searchPath.split(path.delimiter), ...folders]
    .filter((folder) => path.isAbsolute(folder))
    .map((folder) => path.join(folder, program))
    .find(isExecutable);
}

/** What a shell says of a program that SIGTERM has ended. */
export const TERMINATED = 128 + 15;

/**
 * Runs a program with this terminal, and returns its exit code. Signals are for that program: what a
 * terminal has not sent to both is passed on. `env` is added to its environment.
 */
export async function handTerminalTo(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  return (await handTo(command, { env, stdout: "inherit" })).code;
}

/** The same, but for its standard output, which is returned: it asks on the standard error output. */
export async function handQuestionsTo(
  command: readonly string[],
): Promise<{ code: number; said: string }> {
  return await handTo(command, { env: {}, stdout: "piped" });
}

async function handTo(
  [program, ...args]: readonly string[],
  { env, stdout }: { env: Readonly<Record<string, string>>; stdout: "inherit" | "piped" },
): Promise<{ code: number; said: string }> {
  const streams = { stdin: "inherit", stdout, stderr: "inherit" } as const;
  let child: Deno.ChildProcess | undefined;
  let isTerminated = false;
  const stopListening = onEndingSignal((name) => {
    if (name !== "SIGTERM") return;
    isTerminated = true;
    child?.kill(name);
  });
  try {
    child = new Deno.Command(program, { args, env, ...streams }).spawn();
    const said = stdout === "piped" ? await new Response(child.stdout).text() : "";
    const { code } = await child.status;
    return { code: isTerminated ? TERMINATED : code, said };
  } finally {
    stopListening();
  }
}

/**
 * Starts a program of the desktop, without this terminal, and leaves it running: a browser may stay for
 * as long as its window. Its exit code, or undefined when it still runs after `waitMs`.
 */
export async function startApart(
  [program, ...args]: readonly string[],
  { clock, waitMs }: { clock: Clock; waitMs: number },
): Promise<number | undefined> {
  const streams = { stdin: "null", stdout: "null", stderr: "null" } as const;
  const child = new Deno.Command(program, { args, ...streams, detached: true }).spawn();
  const over = new AbortController();
  const ended = child.status.then(({ code }) => {
    over.abort();
    return code;
  });
  const stillRuns = sleep(clock, waitMs, over.signal).then(() => undefined);
  const code = await Promise.race([ended, stillRuns]);
  child.unref();
  return code;
}

/** Whether it is a file that may be run. */
export function isExecutable(file: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(file);
    return isFile && (mode === null || (mode & 0o111) !== 0);
  } catch {
    return false;
  }
}
