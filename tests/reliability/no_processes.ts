/**
 * What git and gates do, without a process for each: for tests that go through thousands of sessions.
 * A tree is the text of its files and has no commits; a gate is `test -f <file>`.
 */
import { join, relative } from "node:path";
import type { TreeChange, TreeState } from "../../src/host/git.ts";
import type { GateRunner } from "../../src/loop/gate_runner.ts";
import type { TestsKept } from "../../src/loop/tests_kept.ts";
import { type Gate, gateKey } from "../../src/task/gate.ts";

/** As `treeState` of `src/host/git.ts`: every file differs from an empty commit. */
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

/** As `treeChange` of `src/host/git.ts`. */
export function filesChange(
  { before, after, ignore }: { before: TreeState; after: TreeState; ignore: string },
): TreeChange {
  const files = [...new Set([...before.changed.keys(), ...after.changed.keys()])]
    .filter((file) => !file.startsWith(`${ignore}/`))
    .filter((file) => before.changed.get(file)?.now !== after.changed.get(file)?.now);
  return { commits: 0, workCommits: 0, files };
}

/** `onStart` is told of each gate before it runs. */
export function fileGates(root: string, onStart: (gate: Gate) => void): GateRunner {
  return {
    keep: () => Promise.resolve(),
    run(gates, signal) {
      if (signal.aborted) return Promise.resolve(undefined);
      const distinct = new Map(gates.map((gate) => [gateKey(gate), gate]));
      const results = [...distinct.values()].map((gate) => {
        onStart(gate);
        const passed = isFile(join(root, fileOf(gate)));
        return { gate, passed, why: passed ? "ok" : "exit code 1", output: "", durationMs: 1 };
      });
      return Promise.resolve({ results, notes: [] });
    },
  };
}

function fileOf({ name, run }: Gate): string {
  const [program, option, file] = "args" in run ? run.args : [];
  if (program === "test" && option === "-f") return file;
  throw new Error(`\`${name}\` cannot be done without a process`);
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

export const noTests: TestsKept = {
  begin: () => Promise.resolve(),
  lost: () => Promise.resolve(""),
  accept: () => Promise.resolve(),
};
