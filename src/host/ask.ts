/** Asking another program something: its answer, within a time, without a terminal. */
import { type Clock, sleep } from "../clock.ts";

export type Answer =
  | { kind: "ended"; code: number; stdout: string; stderr: string }
  /** There is no such program. */
  | { kind: "missing" }
  /** It did not end in time, and was killed. */
  | { kind: "late" };

export interface AskOptions {
  clock: Clock;
  timeoutMs: number;
  /** Added to this process's own. */
  env?: Readonly<Record<string, string>>;
}

/** Runs `command`, without a shell. Throws only for what is no question of being there or in time. */
export async function ask(command: readonly string[], options: AskOptions): Promise<Answer> {
  const [program, ...args] = command;
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args,
      env: { LC_ALL: "C.UTF-8", ...options.env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { kind: "missing" };
    throw error;
  }
  const ended = new AbortController();
  const late = sleep(options.clock, options.timeoutMs, ended.signal).then((): Answer => {
    if (ended.signal.aborted) return { kind: "late" };
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended by itself; what it left behind holds its pipes.
    }
    // Or this process would live for as long as what holds them.
    child.unref();
    return { kind: "late" };
  });
  const output = child.output().then(({ code, stdout, stderr }): Answer => {
    const decoder = new TextDecoder();
    return {
      kind: "ended",
      code,
      stdout: decoder.decode(stdout).trimEnd(),
      stderr: decoder.decode(stderr).trimEnd(),
    };
  });
  try {
    return await Promise.race([output, late]);
  } finally {
    ended.abort();
  }
}
