/** Running gates: the loop's own check of what the agent claims. */
import type { Clock } from "../../clock.ts";
import type { BoundedRun, runBounded } from "../../host/process/bounded_process.ts";
import { type Gate, gateKey } from "../../task/gate.ts";
import { plain } from "../../terminal/plain.ts";
import { plainOutput } from "./gate_output.ts";

export interface GateResult {
  readonly gate: Gate;
  readonly passed: boolean;
  /** It failed at first, and passed when it was run again on the same content. */
  readonly flaky?: boolean;
  /** One line, without a full stop: `exit code 1`. */
  readonly why: string;
  /** What the command printed, both outputs in order, bounded, as lines that are safe to show. */
  readonly output: string;
  readonly durationMs: number;
  /** Of a command that ended by itself. */
  readonly exitCode?: number;
  /** There is no such program, or it cannot be executed. */
  readonly notStarted?: boolean;
}

export interface GateOptions {
  /** The project root, or a copy of it. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly run: typeof runBounded;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** For gates that do not say how long they may take. */
  readonly defaultTimeoutMs: number;
  /** Is called before each gate. */
  readonly onStart?: (gate: Gate) => void;
}

/** Signals that a shell reports as an exit code of 128 and their number; alike on all systems. */
const SIGNALS: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  6: "SIGABRT",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  13: "SIGPIPE",
  14: "SIGALRM",
  15: "SIGTERM",
};

/**
 * Runs each different gate once, one after the other, also after one that fails: the agent is told
 * of all failures at once. Undefined when `signal` aborted, since then nothing was found out.
 */
export async function runGates(
  gates: readonly Gate[],
  options: GateOptions,
): Promise<readonly GateResult[] | undefined> {
  const { cwd, env, run, clock, signal, defaultTimeoutMs, onStart } = options;
  const results: GateResult[] = [];
  const begun = new Set<string>();
  for (const gate of gates) {
    if (begun.has(gateKey(gate))) continue;
    begun.add(gateKey(gate));
    onStart?.(gate);
    const timeoutMs = gate.timeoutSeconds ? gate.timeoutSeconds * 1000 : defaultTimeoutMs;
    const command = "args" in gate.run ? gate.run.args : ["/bin/sh", "-c", gate.run.shell];
    const { ending, output, durationMs } = await run(command, {
      cwd,
      env,
      timeoutMs,
      clock,
      signal,
    });
    if (signal.aborted) return undefined;
    const passed = ending.how === "exited" && ending.code === 0;
    const why = reason(ending, timeoutMs);
    results.push({
      gate,
      passed,
      why,
      output: plainOutput(output),
      durationMs,
      exitCode: ending.how === "exited" ? ending.code : undefined,
      notStarted: ending.how === "not_started",
    });
  }
  return results;
}

function reason(ending: BoundedRun["ending"], timeoutMs: number): string {
  switch (ending.how) {
    case "exited":
      return `exit code ${ending.code}${meaning(ending.code)}`;
    case "killed":
      return `ended by ${ending.signal}`;
    case "timed_out":
      return `it took longer than its limit of ${shownLimit(timeoutMs)}`;
    case "aborted":
      return "aborted";
    case "not_started":
      return plain(ending.why);
  }
}

/** What a shell says with its exit codes (sh, POSIX.1-2017, 2.8.2). */
function meaning(code: number): string {
  if (code === 126) return ", mostly a program that cannot be executed";
  if (code === 127) return ", mostly a program that was not found";
  const signal = SIGNALS[code - 128];
  return signal ? `, as after ${signal}` : "";
}

function shownLimit(ms: number): string {
  return ms % 60_000 === 0 ? `${ms / 60_000} min` : `${ms / 1000} s`;
}
