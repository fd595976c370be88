/**
 * Which files of the project a gate's command names, and which of them are protected: who writes the
 * code does not write what checks it. What a gate runs to see whether it works is the code.
 */
import * as path from "node:path";
import type { Gate } from "../../task/gate.ts";
import { isCheckFile, isCheckWord, isProductFile } from "./check_names.ts";
import { isCheckScript } from "./check_script.ts";
import { includedFiles, recipeLines } from "./make_recipes.ts";
import { type EntryField, linesOfEntry, readEntries } from "./script_entries.ts";
import { type Command, commandsOfLine, commandsOfWords, programIndex } from "./shell_words.ts";

/** The project's files as git lists them, and scripts that it ignores: what else it ignores is made. */
interface ProjectFiles {
  readonly root: string;
  has(path: string): boolean;
  text(path: string): string | undefined;
}

interface NamedFiles {
  /** Checks. Paths relative to the project root. */
  readonly files: ReadonlySet<string>;
  /** What the gates run or read that is no check: the work, as far as can be told. */
  readonly work: ReadonlySet<string>;
  /** They are not there, and have to stay so. */
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
/** Options whose value is a file that a checker is set up by, or reads what it wants from. */
const SETUP_OPTION = /^(-c|-p|--(config|project|rcfile|ruleset|configuration)(-file)?)$/;
/** Options whose value is a file that the program writes. */
const OUTPUT_OPTION = /^(-o|--output|--out|--outfile|--out-file)$/;
/** Its value is what a program of `RECIPE_FILES` takes in place of those. */
const RECIPE_OPTION = /^(-f|--(file|makefile|justfile))$/;
const DIRECTORY_OPTION = /^(-C|--directory|--dir|--prefix|--cwd)$/;
/** Scripts name scripts; more of them than this are not meant. */
const COMMANDS_MAX = 1_000;

/** The files and script entries that these gates name. */
export function namedFiles(gates: readonly Gate[], project: ProjectFiles): NamedFiles {
  const files = new Set<string>();
  const work = new Set<string>();
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
    for (const { file, checks } of filesIn(command, project)) (checks ? files : work).add(file);
    const cwd = runnersFolder(command, project);
    for (const program of command.words.map((word) => path.posix.basename(word))) {
      if (NODE_RUNNERS.has(program) || program === "deno") {
        const file = nearestFile(["package.json"], cwd, project);
        if (file) addEntries(file, "scripts", command.words);
      }
      if (program === "deno" && command.words.includes("task")) {
        const file = nearestFile(["deno.json", "deno.jsonc"], cwd, project);
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
  return { files, work: work.difference(files), absent, entries };
}

/** The existing files among a command's words, but not those that it only looks at. */
function filesIn({ cwd, words }: Command, project: ProjectFiles) {
  const start = programIndex(words);
  const program = path.posix.basename(words[start] ?? "");
  // what a variable names cannot be told, nor what it does with the files
  const inspects = program.startsWith("$") || INSPECTORS.has(program) ||
    INSPECTORS.has(`${program}:${words[start + 1]}`);
  const isRecipe = Object.hasOwn(RECIPE_FILES, program);
  const found = words.flatMap((word, i) => {
    const before = words[i - 1] ?? "";
    if (OUTPUT_OPTION.test(before)) return [];
    const option = /^(--?[\w-]+)=(.*)$/.exec(word);
    const name = option?.[1] ?? before;
    const isSetup = SETUP_OPTION.test(name) || (isRecipe && RECIPE_OPTION.test(name));
    if (inspects && i > start && !isSetup) return [];
    // pytest names a test in a file so, rspec a line
    const value = (option?.[2] ?? word).replace(/(::.*|:\d+)$/, "");
    const file = inProject(project, cwd, value);
    return value !== "" && project.has(file) ? [{ file, i, isSetup }] : [];
  });
  const first = found[0]?.i ?? words.length;
  const said = words.slice(start, first).filter((word) => !/^-(?!-test$)/.test(word));
  // what is sourced is part of the gate's own line
  const isChecker = inspects || isRecipe || said.some(isCheckWord) || program === "." ||
    program === "source";
  return found.map(({ file, i, isSetup }) => ({
    file,
    checks: isCheckFile(file) ||
      (isChecker && (isSetup || (!isRecipe && !isProductFile(file)))) ||
      (i === first && isCheckScript(program, { file, text: () => project.text(file) })),
  }));
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

function nearestFile(
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
