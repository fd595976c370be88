/** A gate: a command that the loop runs by itself, and that must succeed before a story passes. */
import type { Hint, RalphError } from "../error.ts";
import { plain } from "../terminal/plain.ts";
import type { JsonNode, JsonObject } from "./json_scan.ts";
import { didYouMean } from "./did_you_mean.ts";

/** A gate's name is shown in tables and in messages of one line. */
const NAME_MAX = 60;
/** One day: longer than any check, and a number that timers can take. */
const TIMEOUT_MAX_SECONDS = 86_400;
const KEYS = ["args", "shell", "name", "timeoutSeconds"];
export interface Gate {
  /** Safe to print. By default the command itself, shortened. */
  readonly name: string;
  /** A program and its arguments, or a line for `sh`. */
  readonly run: { readonly args: readonly string[] } | { readonly shell: string };
  readonly timeoutSeconds?: number;
}

/** Makes the error for what is wrong at a byte offset. */
export type GateFault = (offset: number, reason: string, hints?: readonly Hint[]) => RalphError;

/** What an error names, such as `userStories[2].verify[0]`, and how it is made. */
interface At {
  place: string;
  fault: GateFault;
}

/** Gates with the same key are the same check: the same command with the same limit. */
export function gateKey({ run, timeoutSeconds }: Gate): string {
  return JSON.stringify([run, timeoutSeconds]);
}

/** What it runs, in one line. */
export function gateLine({ run }: Gate): string {
  return "shell" in run ? run.shell.trim() : run.args.join(" ");
}

/** Lines for a shell as a list of gates: several words alone would be taken for the arguments of one. */
export function gatesOfLines(lines: readonly string[]): readonly (string | { shell: string })[] {
  const areWords = lines.length > 1 && lines.every((line) => /^\S+$/.test(line));
  return areWords ? lines.map((shell) => ({ shell })) : lines;
}

/** Reads a list of gates, which is at `place` in its document. Throws what `fault` makes. */
export function readGates(node: JsonNode, { place, fault }: At): readonly Gate[] {
  if (node.type === "string") return [shellGate(node, { place, fault })];
  if (node.type !== "array") throw fault(node.start, `\`${place}\` must be a list of gates`);
  const words = node.items.map((item) => item.type === "string" ? item.value : "");
  if (words.length > 1 && words.every((word) => /^\S+$/.test(word))) {
    const text = `the arguments of a gate have brackets of their own: ${JSON.stringify([words])}`;
    throw fault(node.start, `\`${place}\` holds strings, and no gates`, [{ text: plain(text) }]);
  }
  return node.items.map((item, index) => readGate(item, { place: `${place}[${index}]`, fault }));
}

function readGate(node: JsonNode, at: At): Gate {
  if (node.type === "array") return argumentGate(node, at);
  if (node.type === "object") return readGateObject(node, at);
  if (node.type === "string") return shellGate(node, at);
  const wanted = "a line for the shell, a list of arguments, or an object with `args` or `shell`";
  throw at.fault(node.start, `\`${at.place}\` must be ${wanted}`);
}

/** `null` counts as absent, and of a name that comes twice the last one counts. */
function readGateObject({ members, start }: JsonObject, { place, fault }: At): Gate {
  const unknown = members.find(({ key }) => !KEYS.includes(key));
  if (unknown) {
    const near = didYouMean(unknown.key, KEYS);
    const text = near ? `did you mean \`${near}\`?` : `a gate may have ${KEYS.join(", ")}`;
    const reason = `\`${place}\` has an unknown member \`${plain(unknown.key, NAME_MAX)}\``;
    throw fault(unknown.keyStart, reason, [{ text }]);
  }
  const member = (key: string) => {
    const value = members.findLast((member) => member.key === key)?.value;
    return value?.type === "null" ? undefined : value;
  };
  const at = (key: string): At => ({ place: `${place}.${key}`, fault });
  const [args, shell, name, timeout] = KEYS.map(member);
  const gate = args && !shell
    ? argumentGate(args, at("args"))
    : shell && !args
    ? shellGate(shell, at("shell"))
    : undefined;
  if (!gate) throw fault(start, `\`${place}\` must have either \`args\` or \`shell\``);
  return {
    ...gate,
    ...name && { name: plain(filledText(name, at("name")), NAME_MAX) },
    ...timeout && { timeoutSeconds: seconds(timeout, at("timeoutSeconds")) },
  };
}

function argumentGate(node: JsonNode, { place, fault }: At): Gate {
  if (node.type !== "array") throw fault(node.start, `\`${place}\` must be a list of arguments`);
  if (node.items.length === 0) throw fault(node.start, `\`${place}\` is empty`);
  const args = node.items.map((item, index) => {
    const at = { place: `${place}[${index}]`, fault };
    return index === 0 ? filledText(item, at) : text(item, at);
  });
  return { name: plain(args.map(shownArgument).join(" "), NAME_MAX), run: { args } };
}

function shellGate(node: JsonNode, at: At): Gate {
  const shell = filledText(node, at);
  return { name: plain(shell.trim(), NAME_MAX), run: { shell } };
}

function text(node: JsonNode, { place, fault }: At): string {
  if (node.type !== "string") throw fault(node.start, `\`${place}\` must be a string`);
  // execve(2): an argument ends there.
  if (node.value.includes("\0")) throw fault(node.start, `\`${place}\` holds a NUL character`);
  return node.value;
}

function filledText(node: JsonNode, at: At): string {
  const value = text(node, at);
  if (value.trim() === "") throw at.fault(node.start, `\`${at.place}\` is empty`);
  return value;
}

function seconds(node: JsonNode, { place, fault }: At): number {
  const isValid = node.type === "number" && node.value > 0 && node.value <= TIMEOUT_MAX_SECONDS;
  if (isValid) return node.value;
  const wanted = `a number of seconds above 0, at most ${TIMEOUT_MAX_SECONDS}`;
  throw fault(node.start, `\`${place}\` must be ${wanted}`);
}

function shownArgument(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : JSON.stringify(argument);
}
