/**
 * Asking another program something: its answer, within a time, without a terminal. It has a session
 * of its own: Ctrl-C, and a signal to this process's group, end no answer in the middle.
 */
import { type Clock, deadline, sleep } from "../../clock.ts";
import { unlessAborted } from "../../abort_signal.ts";
import { inOwnSession, signalSession } from "./own_session.ts";
import { readParts } from "./read_parts.ts";
import { unref } from "./unref.ts";

export type Answer =
  | { kind: "ended"; code: number; stdout: string; stderr: string }
  /** There is no such program. */
  | { kind: "missing" }
  /** It did not end in time, and was ended. */
  | { kind: "late" }
  /** Somebody else, or its own fault, has ended it by a signal: what it printed is no answer. */
  | { kind: "killed"; signal: Deno.Signal };

export interface AskOptions {
  clock: Clock;
  timeoutMs: number;
  /** Added to this process's own. */
  env?: Readonly<Record<string, string>>;
}

interface ExactOptions extends AskOptions {
  signal?: AbortSignal;
  /** For its standard input, which is empty by default. */
  input?: string;
  /** It gets nothing but `env`. */
  clearEnv?: boolean;
  /** To end it, it gets SIGINT first, as by Ctrl-C, and so much time to put things back; default: none. */
  interruptMs?: number;
}

/** From SIGTERM, at which a program can still remove its lock files, to SIGKILL. */
const GRACE_MS = 500;
/**
 * How long nothing may come of a program that has ended before what it has left behind, such as a
 * hook's child, is taken for the holder of its pipes. All that it printed itself is in them by then.
 */
const QUIET_MS = 2_000;

/** Runs `command` as `askExactly` does. Both outputs come without the white space at their end. */
export async function ask(command: readonly string[], options: AskOptions): Promise<Answer> {
  const answer = await askExactly(command, options);
  if (answer.kind === "aborted") throw new Error("nobody can have aborted it");
  if (answer.kind !== "ended") return answer;
  return { ...answer, stdout: answer.stdout.trimEnd(), stderr: answer.stderr.trimEnd() };
}

/**
 * Runs `command`, without a shell; `aborted`: `signal` did, and it was ended. Throws only for what is
 * no question of being there or in time.
 */
export async function askExactly(
  command: readonly string[],
  { clock, timeoutMs, signal, input, env, clearEnv, interruptMs }: ExactOptions,
): Promise<Answer | { kind: "aborted" }> {
  if (signal?.aborted) return { kind: "aborted" };
  let child: Deno.ChildProcess;
  try {
    const { program, args, detached } = inOwnSession(command, env?.PATH);
    child = new Deno.Command(program, {
      args: [...args],
      env: { LC_ALL: "C.UTF-8", ...env },
      clearEnv,
      stdin: input === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
      detached,
    }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { kind: "missing" };
    throw error;
  }
  const fed = input === undefined ? undefined : feed(child.stdin, input);
  const output = endingOf(child, clock);
  const limit = deadline(clock, timeoutMs, signal);
  try {
    const ended = await unlessAborted(output, limit.signal);
    if (!ended) {
      await end(child, { output, clock, interruptMs });
      return { kind: signal?.aborted ? "aborted" : "late" };
    }
    if (ended.signal) return { kind: "killed", signal: ended.signal };
    return { kind: "ended", code: ended.code, stdout: ended.stdout, stderr: ended.stderr };
  } finally {
    limit.cancel();
    fed?.giveUp();
  }
}

/** How it ended and what it printed, once both its pipes have, or it has and they are silent. */
async function endingOf(child: Deno.ChildProcess, clock: Clock) {
  let lastAt = clock.monotonic();
  const note = () => lastAt = clock.monotonic();
  const [out, err] = [collect(child.stdout, note), collect(child.stderr, note)];
  const over = new AbortController();
  const all = Promise.all([out.ended, err.ended]).finally(() => over.abort());
  all.catch(() => {}); // thrown below, once the program has ended
  const { code, signal } = await child.status;
  note();
  while (!over.signal.aborted) {
    const quietMs = clock.monotonic() - lastAt;
    if (quietMs >= QUIET_MS) break;
    await sleep(clock, QUIET_MS - quietMs, over.signal);
  }
  if (over.signal.aborted) await all;
  else await Promise.all([out.close(), err.close()]);
  return { code, signal, stdout: out.text(), stderr: err.text() };
}

function collect(stream: ReadableStream<Uint8Array>, onPart: () => void) {
  const decoder = new TextDecoder();
  let text = "";
  const reading = readParts(stream, (part) => {
    text += decoder.decode(part, { stream: true });
    onPart();
  });
  return { ...reading, text: () => text + decoder.decode() };
}

/** Writes all of it, as far as the program reads: its exit code says whether that was enough. */
function feed(stdin: WritableStream<Uint8Array>, input: string): { giveUp: () => void } {
  const writer = stdin.getWriter();
  const ignore = () => {};
  writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(ignore);
  return { giveUp: () => void writer.abort().catch(ignore) };
}

/**
 * It, and what it has started in its session. Not longer than for the time of grace, whoever holds its
 * pipes or does not die.
 */
async function end(
  child: Deno.ChildProcess,
  { output, clock, interruptMs = 0 }: {
    output: Promise<unknown>;
    clock: Clock;
    interruptMs?: number;
  },
): Promise<void> {
  const over = new AbortController();
  const gone = output.finally(() => over.abort());
  gone.catch(() => {});
  if (interruptMs > 0) {
    signalSession(child, "SIGINT");
    await sleep(clock, interruptMs, over.signal);
  }
  // Also where the program has ended: a shell's background commands ignore SIGINT.
  signalSession(child, "SIGTERM");
  await sleep(clock, GRACE_MS, over.signal);
  if (over.signal.aborted && interruptMs === 0) return;
  signalSession(child, "SIGKILL");
  // Or this process would live for as long as what holds them.
  unref(child);
}
