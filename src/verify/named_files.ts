/**
 * Which files of the project a gate's command names. They are the judge's: who writes the code does
 * not write what judges it.
 */
import * as path from "node:path";
import type { Gate } from "../task/gate.ts";
import { includedFiles, recipeLines } from "./make_recipes.ts";
import { type EntryField, linesOfEntry, readEntries } from "./script_entries.ts";
import { type Command, commandsOfLine, commandsOfWords } from "./shell_words.ts";

/** The project's files as git lists them: what it ignores is made, not written, and not here. */
export interface ProjectFiles {
  readonly root: string;
  has(path: string): boolean;
  text(path: string): string | undefined;
}

export interface NamedFiles {
  /** Paths relative to the project root. Those of `absent` are not there, and have to stay so. */
  readonly files: ReadonlySet<string>;
  readonly absent: ReadonlySet<string>;
  /** By file, the names of its entries. */
  readonly entries: ReadonlyMap<string, { field: EntryField; names: ReadonlySet<string> }>;
}

const NODE_RUNNERS: ReadonlySet<string> = new Set(
  ["npm", "pnpm", "yarn", "bun", "node", "npx", "bunx", "pnpx"],
);
/** In the order in which the program looks for them: a new one before the others would win. */
const RECIPE_FILES: Readonly<Record<string, readonly string[]>> = {
  make: ["GNUmakefile", "makefile", "Makefile"],
  gmake: ["GNUmakefile", "makefile", "Makefile"],
  just: ["justfile", ".justfile", "Justfile"],
};
/** Programs that run another one. */
const WRAPPERS: ReadonlySet<string> = new Set(
  "! env time timeout nice command exec nohup npx bunx pnpx xvfb-run stdbuf unbuffer".split(" "),
);
/**
 * Programs that look at the files they are given, or compile them, and run none: such a file is the
 * work to be judged. Followed by a word, the program does so only when that word is its first one.
 */
const INSPECTORS: ReadonlySet<string> = new Set(
  `grep egrep fgrep rg ag test [ [[ cat head tail wc ls stat file find sed awk jq yq cut sort uniq
  cp mv rm mkdir touch chmod ln tar zip echo printf cc gcc g++ c++ clang clang++ rustc javac kotlinc
  tsc eslint prettier biome stylelint markdownlint shellcheck shfmt flake8 pylint mypy pyright ruff
  black isort gofmt golint staticcheck rubocop phpstan phpcs yamllint xmllint hadolint htmlhint
  deno:check deno:lint deno:fmt deno:doc deno:compile deno:bundle deno:cache go:build go:vet go:fmt
  node:--check node:-c bash:-n sh:-n ruby:-c php:-l git`.split(/\s+/),
);
/** Options whose value is a file that the program is set up by, or reads what it wants from. */
const SETUP_OPTION = /^(-c|-p|--(config|project|rcfile|ruleset|configuration)(-file)?)$/;
/** Options whose value is a file that the program writes. */
const OUTPUT_OPTION = /^(-o|--output|--out|--outfile|--out-file)$/;
const DIRECTORY_OPTION = /^(-C|--directory|--dir|--prefix|--cwd)$/;
/** Scripts name scripts; more of them than this are not meant. */
const COMMANDS_MAX = 1_000;

/** The files and script entries that these gates name. */
export function namedFiles(gates: readonly Gate[], project: ProjectFiles): NamedFiles {
  const files = new Set<string>();
  const absent = new Set<string>();
  const entries = new Map<string, { field: EntryField; names: Set<string> }>();
  const queue = gates.flatMap(({ run }) =>
    "args" in run ? commandsOfWords(run.args) : commandsOfLine(run.shell)
  );

  function addEntries(file: string, field: EntryField, words: readonly string[]) {
    const present = readEntries(project.text(file) ?? "", field);
    if (!present) return;
    const cwd = folderOf(file);
    const pending = [...entriesNamed(words, present)];
    const kept = entries.get(file)?.names ?? new Set<string>();
    for (let name = pending.shift(); name !== undefined; name = pending.shift()) {
      if (kept.has(name)) continue;
      entries.set(file, { field, names: kept.add(name) });
      if (field === "scripts" && present.has(name)) pending.push(`pre${name}`, `post${name}`);
      for (const line of linesOfEntry(present.get(name))) {
        const commands = commandsOfLine(line, cwd);
        queue.push(...commands);
        // a line may be a name alone, as in `dependencies`
        const named = [line, ...commands.flatMap(({ words }) => words)];
        pending.push(...entriesNamed(named, present));
      }
    }
  }

  for (let i = 0; i < queue.length && i < COMMANDS_MAX; i++) {
    const command = queue[i];
    for (const file of filesIn(command, project)) files.add(file);
    const cwd = runnersFolder(command, project);
    for (const program of command.words.map((word) => path.posix.basename(word))) {
      if (NODE_RUNNERS.has(program) || program === "deno") {
        const file = nearest(["package.json"], cwd, project);
        if (file) addEntries(file, "scripts", command.words);
      }
      if (program === "deno" && command.words.includes("task")) {
        const file = nearest(["deno.json", "deno.jsonc"], cwd, project);
        if (file) addEntries(file, "tasks", command.words);
      }
      const recipes = (RECIPE_FILES[program] ?? []).map((name) => path.posix.join(cwd, name));
      const recipe = recipes.find((file) => project.has(file));
      if (recipe === undefined || files.has(recipe)) continue;
      files.add(recipe);
      for (const earlier of recipes.slice(0, recipes.indexOf(recipe))) absent.add(earlier);
      const text = project.text(recipe) ?? "";
      for (const name of includedFiles(text)) {
        const file = path.posix.join(cwd, name);
        if (project.has(file)) files.add(file);
      }
      for (const line of recipeLines(text, command.words)) queue.push(...commandsOfLine(line, cwd));
    }
  }
  return { files, absent, entries };
}

/** The existing files among a command's words, but not those that it only looks at. */
function filesIn({ cwd, words }: Command, project: ProjectFiles): readonly string[] {
  const start = programIndex(words);
  const program = path.posix.basename(words[start] ?? "");
  // what a variable names cannot be told, nor what it does with the files
  const inspects = program.startsWith("$") || INSPECTORS.has(program) ||
    INSPECTORS.has(`${program}:${words[start + 1]}`);
  return words.flatMap((word, i) => {
    const before = words[i - 1] ?? "";
    if (OUTPUT_OPTION.test(before)) return [];
    const option = /^(--?[\w-]+)=(.*)$/.exec(word);
    const isSetup = SETUP_OPTION.test(option?.[1] ?? before);
    if (inspects && i > start && !isSetup) return [];
    // pytest names a test in a file so, rspec a line
    const name = (option?.[2] ?? word).replace(/(::.*|:\d+)$/, "");
    const file = inProject(project, cwd, name);
    return name !== "" && project.has(file) ? [file] : [];
  });
}

/** The folder in which a runner of scripts looks for them. */
function runnersFolder({ cwd, words }: Command, project: ProjectFiles): string {
  const option = words.findIndex((word) => DIRECTORY_OPTION.test(word));
  return inProject(project, cwd, option < 0 ? "" : words[option + 1] ?? "");
}

/** A path from the project root; one that leads out of the project begins with `..`. */
function inProject({ root }: ProjectFiles, cwd: string, name: string): string {
  return path.posix.relative(root, path.posix.resolve(root, cwd, name));
}

/** Where the program that does the work stands, after variables and programs that run another. */
function programIndex(words: readonly string[]): number {
  let wrapped = false;
  const found = words.findIndex((word) => {
    if (/^\w+=/.test(word) || word === "{") return false;
    if (WRAPPERS.has(path.posix.basename(word))) {
      wrapped = true;
      return false;
    }
    return !(wrapped && /^(-|\d+[smhd]?$)/.test(word));
  });
  return Math.max(found, 0);
}

/** The entries that a command's words mean: by name, by `npm:name`, or by `name:*`. */
function entriesNamed(
  words: readonly string[],
  entries: ReadonlyMap<string, string>,
): readonly string[] {
  const wanted = words.map((word) => word.replace(/^npm:/, ""))
    .map((word) => word === "t" || word === "tst" ? "test" : word);
  return [...entries.keys()].filter((name) =>
    wanted.some((word) => word.endsWith("*") ? name.startsWith(word.slice(0, -1)) : word === name)
  );
}

function nearest(
  names: readonly string[],
  cwd: string,
  project: ProjectFiles,
): string | undefined {
  for (let folder = cwd;; folder = folderOf(folder)) {
    const file = names.map((name) => path.posix.join(folder, name)).find((one) => project.has(one));
    if (file !== undefined || folder === "") return file;
  }
}

function folderOf(file: string): string {
  const folder = path.posix.dirname(file);
  return folder === "." || folder === "/" ? "" : folder;
}
