/**
 * What git and gates do, without a process for each: for tests that go through thousands of sessions.
 * A tree is the text of its files and has no commits; a gate is `test -f <file>`.
 */
import { join, relative } from "node:path";
import type { TreeChange, TreeState } from "../../src/host/git/tree_state.ts";
import { type Clock, sleep } from "../../src/clock.ts";
import { type ProjectFiles, projectFiles } from "../../src/host/files/project_files.ts";
import type { DeliveryGit } from "../../src/loop/iteration/delivery.ts";
import type { runBounded } from "../../src/host/process/bounded_process.ts";

/** As `treeState` of `src/host/git/tree_state.ts`: every file differs from an empty commit. */
export function filesState(root: string): TreeState {
  const texts = filesIn(root).map((file) => [relative(root, file), Deno.readTextFileSync(file)]);
  return {
    head: "0".repeat(40),
    branch: "main",
    changed: new Map(texts.map(([file, text]) => [file, { now: text, mark: text }])),
  };
}

function filesIn(folder: string): readonly string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesIn(join(folder, name)) : [join(folder, name)]
  );
}

/** As `treeChange` of `src/host/git/tree_state.ts`. */
export function filesChange(
  { before, after, ignore }: { before: TreeState; after: TreeState; ignore: readonly string[] },
): TreeChange {
  const files = [...new Set([...before.changed.keys(), ...after.changed.keys()])]
    .filter((file) => !file.startsWith(`${ignore}/`))
    .filter((file) => before.changed.get(file)?.now !== after.changed.get(file)?.now);
  return { commits: 0, workCommits: 0, elsewhere: 0, files };
}

/** Where there is no repository, nothing is in the way and nothing is to be committed. */
export const withoutGit: DeliveryGit = {
  setup: () => undefined,
  state: () => Promise.resolve({ state: { branch: "main", hasCommits: true }, lockLeft: false }),
  bring: () => Promise.resolve("there is no repository"),
  strayLinks: () => Promise.resolve([]),
  whereabouts: () => Promise.resolve(undefined),
  commit: () => Promise.resolve({ unchanged: true }),
  lastMessage: () => Promise.resolve(undefined),
};

/** In place of a process: what `test -f <file>` would end with, after `tookMs` of the clock's time. */
export function fileGate(root: string, { tookMs = 0 } = {}): typeof runBounded {
  return async (command, { clock, signal }) => {
    const [program, option, file] = command;
    if (program !== "test" || option !== "-f") {
      throw new Error(`\`${command.join(" ")}\` cannot be done without a process`);
    }
    const begun = clock.monotonic();
    if (tookMs > 0) await sleep(clock, tookMs, signal);
    const durationMs = clock.monotonic() - begun;
    if (signal?.aborted) return { ending: { how: "aborted" }, output: "", durationMs };
    const passed = isFile(join(root, file));
    const output = passed ? "" : `there is no ${file}\n`;
    return { ending: { how: "exited", code: passed ? 0 : 1 }, output, durationMs };
  };
}

/** The real files, listed without git. */
export function filesWithoutGit(root: string, clock: Clock): ProjectFiles {
  return {
    ...projectFiles(clock),
    listWorkTree: () =>
      Promise.resolve({
        files: filesIn(root).map((file) => relative(root, file)).sort(),
        ignored: [],
        repositories: [""],
      }),
    filesBetween: () => Promise.resolve(undefined),
    removeTree: (folder) => Promise.resolve(removeIfAny(folder)),
  };
}

function removeIfAny(folder: string): void {
  try {
    Deno.removeSync(folder, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Whether there is such a file. */
export function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
