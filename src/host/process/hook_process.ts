/** Running a command that is told of something: bounded in time and output, its input on stdin. */
import type { Clock } from "../../clock.ts";
import { runBounded } from "./bounded_process.ts";

/** A message that is not sent by then is not sent. */
const HOOK_MS_MAX = 30_000;
/** Of the last line that a failing one printed. */
const LINE_MAX = 200;

const INPUT = "RALPH_HOOK_INPUT";
/** A bounded process has an empty input. The command is not to see the variable. */
const FEED = [
  "/bin/sh",
  "-c",
  `input=$${INPUT}; unset ${INPUT}; printf '%s\\n' "$input" | "$@"`,
  "sh",
];

/**
 * Runs a program with arguments, `input` and a line end on its standard input, for 30 s at most.
 * Resolves with why it failed, in words that are not safe to print; undefined when it did not.
 */
export async function runHook(
  command: readonly string[],
  { cwd, env, input, clock }: {
    cwd: string;
    env: Readonly<Record<string, string>>;
    input: string;
    clock: Clock;
  },
): Promise<string | undefined> {
  const { ending, output } = await runBounded(command, {
    cwd,
    env: { ...env, [INPUT]: input },
    timeoutMs: HOOK_MS_MAX,
    clock,
    within: FEED,
  });
  const last = output.trimEnd().split("\n").at(-1)?.slice(0, LINE_MAX);
  const said = last ? `: ${last}` : "";
  switch (ending.how) {
    case "exited":
      return ending.code === 0 ? undefined : `it ended with exit code ${ending.code}${said}`;
    case "killed":
      return `it was ended by ${ending.signal}${said}`;
    case "timed_out":
      return `it took longer than ${HOOK_MS_MAX / 1_000} s, and was ended`;
    case "not_started":
      return ending.why;
    case "aborted":
      return "it was ended";
  }
}
