/**
 * Which files are protected: the checks that the gates' commands name, and what `protect` means. And
 * what only looks so.
 */
import * as path from "node:path";
import type { FileState } from "../../host/files/file_state.ts";
import type { ProjectFiles } from "../../host/files/project_files.ts";
import type { Gate } from "../../task/gate.ts";
import { plain } from "../../terminal/plain.ts";
import { namedFiles } from "./named_files.ts";
import { type EntryField, readEntries } from "./script_entries.ts";

export interface ProtectedPlaces {
  /** The project root, as a real path. */
  readonly root: string;
  /** All of them: the task's and every story's. */
  readonly gates: readonly Gate[];
  /** Globs; `!glob` gives files to the agent. */
  readonly protect: readonly string[];
  /** Paths that are never protected, whatever names them: PRD and progress file. */
  readonly agentFiles: readonly string[];
}

interface EntryNames {
  readonly field: EntryField;
  readonly names: ReadonlySet<string>;
}

/** What is to be kept: of a whole file `only` is undefined, else these of its entries. */
export type Wanted = ReadonlyMap<string, { readonly only?: EntryNames; readonly state: FileState }>;

/** What a person should know of it. Paths are from the project root, and come as they are. */
export interface Protection {
  /** Those that are there; of some only these entries. */
  readonly files: readonly { readonly path: string; readonly entries?: readonly string[] }[];
  /** What the gates run or read, and the agent may change. */
  readonly work: readonly string[];
  /** The globs of the settings that it comes from. */
  readonly protect: readonly string[];
  /** What `protect` does not do, in words; safe to print. */
  readonly faults: readonly string[];
}

/** Gates are set up by it, so it is protected, unless a glob gives it away. */
export const SETTINGS_FILE = "ralph.json";
/** Links to links; more are a loop. */
const LINKS_MAX = 10;
const SHOWN_MAX = 120;

/**
 * Looks, and keeps nothing. Throws `RalphError` (`failed`) when git cannot list the files, and
 * `signal.reason` when aborted.
 */
export async function findProtected(
  { root, gates, protect, agentFiles }: ProtectedPlaces,
  tools: Pick<ProjectFiles, "listWorkTree" | "readFile" | "fileState">,
  signal?: AbortSignal,
): Promise<{ wanted: Wanted; protection: Protection }> {
  const { files: listed } = await tools.listWorkTree(root, signal);
  // Loads picomatch: only where somebody looks for files.
  const { globMatcher, isLiteral } = await import("../../settings/glob.ts");
  const stateOf = (file: string) => tools.fileState(path.join(root, file));
  const textOf = (file: string) => {
    const bytes = tools.readFile(path.join(root, file));
    return bytes && new TextDecoder().decode(bytes);
  };
  const present = new Set(listed);
  const globs = [SETTINGS_FILE, ...protect];
  const matches = globMatcher(globs);
  const isThere = (file: string) => ["file", "link"].includes(stateOf(file).kind);
  const isOwn = (file: string) =>
    isOwnScript(file, { isListed: (one) => present.has(one), textOf });
  const has = (file: string) => present.has(file) || isThere(file) && isOwn(file);
  const named = namedFiles(gates, { root, has, text: textOf });
  const agents = new Set(agentFiles);
  const isProtected = (file: string) => !agents.has(file) && matches(file) !== false;
  const literal = globs.filter(isLiteral)
    .map((glob) => path.posix.join("/", glob).slice(1))
    .filter((file) => stateOf(file).kind !== "other");
  const meant = listed.filter((file) => matches(file));
  const whole = [...named.files, ...named.absent, ...literal, ...meant].filter(isProtected);
  const found = new Map<string, EntryNames | undefined>([
    ...[...named.entries].filter(([file]) => isProtected(file)),
    ...whole.map((file) => [file, undefined] as const),
  ]);
  for (const file of [...found.keys()]) {
    for (const led of linkedFiles(file, { root, tools })) {
      if (present.has(led) && isProtected(led)) found.set(led, undefined);
    }
  }
  const wanted = new Map(
    [...found].map(([file, only]) => [file, { only, state: stateOf(file) }]),
  );

  const files = [...wanted].filter(([, { state }]) =>
    state.kind === "file" || state.kind === "link"
  )
    .map(([file, { only }]) => ({ path: file, entries: only && namesThere(textOf(file), only) }));
  const work = [...named.work].filter((file) =>
    !wanted.has(file) && !agents.has(file) && matches(file) === undefined
  );
  const namesNothing = protect.filter((glob) => {
    const matchesOne = globMatcher([glob.replace(/^!/, "")]);
    return !listed.some((file) => matchesOne(file));
  });
  const faults = [
    ...matches(SETTINGS_FILE) === false
      ? [`\`protect\` gives \`${SETTINGS_FILE}\` to the agent, which may change the gates with it`]
      : [],
    ...namesNothing.flatMap((glob) => {
      const kind = isLiteral(glob) ? stateOf(glob.replace(/^\.?\//, "")).kind : undefined;
      return kind === "file" || kind === "link" ? [] : [idleWords(glob, kind)];
    }),
    ...[...wanted].filter(([, { state }]) => state.kind === "other").map(([file]) =>
      `\`${plain(file, SHOWN_MAX)}\` cannot be read, or is no file: it is not protected`
    ),
  ];
  return { wanted, protection: { files, work, protect, faults } };
}

/** What git ignores is mostly made; but a script that a gate names by its path may be a person's own. */
function isOwnScript(
  file: string,
  { isListed, textOf }: {
    isListed: (file: string) => boolean;
    textOf: (file: string) => string | undefined;
  },
): boolean {
  if (MADE.test(file)) return false;
  const compiled = /^(.*\.[cm]?)js$/.exec(file);
  if (compiled) return !isListed(`${compiled[1]}ts`);
  return SCRIPT.test(file) || /^#!/.test(textOf(file) ?? "");
}

const SCRIPT = /\.(?:sh|bash|zsh|fish|py|rb|pl|php|ps1)$/;
const MADE = /(?:^|\/)(?:dist|build|out|target|node_modules|vendor|venv|coverage|\.[^/]+)\//;

function idleWords(glob: string, kind: FileState["kind"] | undefined): string {
  const what = `\`${plain(glob, SHOWN_MAX)}\` of \`protect\``;
  if (glob.startsWith("!")) return `${what} matches no file: it gives nothing to the agent`;
  if (kind === "absent") {
    return `${what} is not there: only that it is not made is protected, at the project root`;
  }
  return `${what} matches no file: it protects nothing (what git ignores is not looked at)`;
}

/** The others are kept as not being there. */
function namesThere(text: string | undefined, { field, names }: EntryNames): readonly string[] {
  const entries = readEntries(text ?? "", field);
  return [...names].filter((name) => entries?.has(name));
}

/** Where a link leads, step by step, as long as it stays in the project. */
function linkedFiles(
  file: string,
  { root, tools }: { root: string; tools: Pick<ProjectFiles, "fileState"> },
): readonly string[] {
  const led: string[] = [];
  for (let at = file; led.length < LINKS_MAX;) {
    const state = tools.fileState(path.join(root, at));
    if (state.kind !== "link") break;
    at = path.relative(root, path.resolve(root, path.dirname(at), state.target));
    led.push(at);
  }
  return led;
}
