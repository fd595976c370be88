/** The gates that a project seems to have, for one that has configured none. */
import { type Gate, gateLine } from "../../task/gate.ts";
import { plain } from "../../terminal/plain.ts";
import { parseJsonc } from "../jsonc.ts";

type Command = readonly string[];

interface Project {
  /** What is in the project root. */
  names: readonly string[];
  /** Reads one of these files; undefined when it cannot be read. */
  text: (name: string) => string | undefined;
}

/** In the order in which they tell most in the least time. */
const CHECKS = ["check", "typecheck", "type-check", "lint", "test"];
/** What `npm init` writes. */
/** Of a PRD's own checks. */
const OFFERED_MAX = 12;
const NO_TEST = /no test specified/;

/**
 * The content of a `ralph.json` with the project's checks as gates, in one line; undefined when
 * none are known. Nothing is run, and what cannot be read counts as not there.
 */
export function suggestGates(project: Project): string | undefined {
  const found = [deno, node, python, rust, go].flatMap((gatesOf) => gatesOf(project));
  const gates = found.length > 0 ? found : make(project);
  return gates.length > 0 ? JSON.stringify({ verify: gates }) : undefined;
}

/**
 * That a PRD names checks that nothing runs, with the line that makes gates of them; undefined when all
 * of them are gates, or it names none. `offers` are lines for the shell.
 */
export function offeredWords(
  offers: readonly string[],
  gates: readonly Gate[],
): string | undefined {
  const known = new Set(gates.map(gateLine));
  const open = offers.filter((line) => !known.has(line)).slice(0, OFFERED_MAX);
  if (open.length === 0) return undefined;
  return "the PRD names checks that are no gates, and nothing runs them; to have the loop run them, " +
    `write into \`ralph.json\`: ${plain(JSON.stringify({ verify: open }), 1_000)}`;
}

function deno({ names, text }: Project): readonly Command[] {
  const name = names.find((name) => /^deno\.jsonc?$/.test(name));
  if (!name) return [];
  const tasks = Object.keys(members(parseJsonc(text(name) ?? ""), "tasks"));
  const gates = CHECKS.filter((check) => tasks.includes(check)).map((
    check,
  ) => ["deno", "task", check]);
  return tasks.includes("test") ? gates : [...gates, ["deno", "test"]];
}

function node({ names, text }: Project): readonly Command[] {
  if (!names.includes("package.json")) return [];
  const manifest = parseJsonc(text("package.json") ?? "");
  const scripts = members(manifest, "scripts");
  const manager = packageManager(names, manifest);
  return CHECKS
    .filter((check) => typeof scripts[check] === "string" && !NO_TEST.test(scripts[check]))
    .map((check) => [manager, "run", check]);
}

/** As the manifest says, or else by its lock file. */
function packageManager(names: readonly string[], manifest: unknown): string {
  const named = isObject(manifest) ? String(manifest.packageManager).split("@")[0] : "";
  if (["npm", "pnpm", "yarn", "bun"].includes(named)) return named;
  if (names.includes("pnpm-lock.yaml")) return "pnpm";
  if (names.includes("yarn.lock")) return "yarn";
  return names.some((name) => /^bun\.lockb?$/.test(name)) ? "bun" : "npm";
}

function python({ names, text }: Project): readonly Command[] {
  const files = ["pyproject.toml", "setup.cfg", "tox.ini", "pytest.ini"];
  const settings = files.filter((name) => names.includes(name)).map((name) =>
    `${name}\n${text(name) ?? ""}`
  ).join("\n");
  const tools: readonly [RegExp, Command][] = [
    [/^\[tool\.ruff\b/m, ["ruff", "check"]],
    [/^\[(?:tool\.)?mypy\b/m, ["mypy", "."]],
    [/\bpytest\b/, ["pytest"]],
  ];
  const used = tools.filter(([sign]) => sign.test(settings)).map(([, command]) => command);
  if (used.length === 0 && /^\[testenv\b/m.test(settings)) return [["tox"]];
  const runner = ["uv", "poetry", "pdm"].find((runner) => names.includes(`${runner}.lock`));
  return used.map((command) => runner ? [runner, "run", ...command] : command);
}

function rust({ names }: Project): readonly Command[] {
  return names.includes("Cargo.toml") ? [["cargo", "test"]] : [];
}

function go({ names }: Project): readonly Command[] {
  return names.includes("go.mod") ? [["go", "vet", "./..."], ["go", "test", "./..."]] : [];
}

/** Asked last: where there is more, a Makefile mostly calls the same. */
function make({ names, text }: Project): readonly Command[] {
  // make(1): the first of these that is there.
  const name = ["GNUmakefile", "makefile", "Makefile"].find((name) => names.includes(name));
  const rules = (name && text(name) || "").matchAll(/^([^\s#:=][^#:=\n]*):(?!=)/gm);
  const targets = [...rules].flatMap(([, targets]) => targets.trim().split(/\s+/));
  return CHECKS.filter((check) => targets.includes(check)).map((check) => ["make", check]);
}

function members(value: unknown, key: string): Record<string, unknown> {
  const member = isObject(value) ? value[key] : undefined;
  return isObject(member) ? member : {};
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
