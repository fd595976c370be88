/** What a gate that fails seems to lack of this machine, rather than of the work. Pure. */
import { plain } from "../../terminal/plain.ts";
import type { Gate } from "../../task/gate.ts";
import type { GateResult } from "./gates.ts";

interface Lack {
  /** In words, without a full stop; safe to show. */
  readonly text: string;
  /** No work on the project can bring it: the gate would fail for ever. */
  readonly fatal: boolean;
}

/** As dash, bash and busybox say it. */
const NOT_FOUND = /(?:^|: )(?:line )?(?:\d+: )?([^\s:]+): (?:command )?not found$/m;
/** Node, Python, Ruby, Deno; and any program that looks for a file. */
const DEPENDENCY =
  /cannot find (?:module|package)|no module named|cannot load such file|module not found|\bENOENT\b|(?:command )?not found$/i;
const SERVICE =
  /\bECONNREFUSED\b|connection refused|could not connect to (?:the )?(?:server|database)|cannot connect to the docker daemon|\bENOTFOUND\b/i;
/** `DATABASE_URL is not set`, `missing environment variable DATABASE_URL`, `X: unbound variable`. */
const UNSET = /not set|unset|unbound|undefined|missing|required|not defined|not found|KeyError/i;
/** In characters. */
const LINE_MAX = 160;

/** `withheld`: names of variables that the user's shell has and gates do not get. */
export function gateLacks(
  result: Omit<GateResult, "durationMs">,
  withheld: readonly string[],
): readonly Lack[] {
  if (result.passed) return [];
  const line = (pattern: RegExp) => result.output.split("\n").find((one) => pattern.test(one));
  const quoted = (text: string) => `\`${plain(text.trim(), LINE_MAX)}\``;
  const program = lackOfProgram(result);
  const dependency = program ? undefined : line(DEPENDENCY);
  const service = line(SERVICE);
  return [
    ...program ? [program] : [],
    ...dependency
      ? [{ text: `something seems not to be installed: ${quoted(dependency)}`, fatal: false }]
      : [],
    ...service ? [{ text: `a service seems not to run: ${quoted(service)}`, fatal: false }] : [],
    ...withheldNames(result.gate, withheld, result.output).map((name) => ({
      text: `\`${name}\` is set in your shell and not handed to gates: add it to gateEnv`,
      fatal: isMissed(name, result, service),
    })),
  ];
}

/**
 * Whether a gate is red for want of a variable that the user has: it says so, or it reads the variable
 * and finds no service. To name it alone is no sign: it may have a default. A name without `_`, such
 * as `PORT`, is a word of what the project itself may say.
 */
function isMissed(
  name: string,
  { gate, output }: Pick<GateResult, "gate" | "output">,
  service: string | undefined,
): boolean {
  if (!name.includes("_")) return false;
  const names = (text: string) => text.match(/\w+/g)?.includes(name) === true;
  return output.split("\n").some((line) => names(line) && UNSET.test(line)) ||
    (service !== undefined && (names(commandText(gate)) || names(service)));
}

/** Those of the variables that the gate, or what it printed, names. */
export function withheldNames(
  gate: Gate,
  withheld: readonly string[],
  output = "",
): readonly string[] {
  const words = new Set(`${commandText(gate)}\n${output}`.match(/\w+/g));
  return withheld.filter((name) => words.has(name));
}

function commandText({ run }: Gate): string {
  return "args" in run ? run.args.join(" ") : run.shell;
}

/** A path may be of a file that the work is to make; a bare name is looked for on PATH alone. */
function lackOfProgram(
  { gate: { run }, notStarted, exitCode, why, output }: Omit<GateResult, "durationMs">,
): Lack | undefined {
  if (notStarted) return { text: why, fatal: "args" in run && !run.args[0].includes("/") };
  if (exitCode !== 126 && exitCode !== 127) return undefined;
  const [, name] = NOT_FOUND.exec(output) ?? [];
  if (name === undefined) return { text: why, fatal: false };
  // One that a script of the project asks for may be what `npm install` brings.
  const isOwn = "shell" in run && run.shell.split(/[\s;&|()]+/).includes(name);
  const text = `there is no program \`${plain(name, 80)}\``;
  return { text, fatal: isOwn && !name.includes("/") };
}
