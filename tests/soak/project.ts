/**
 * The project of a simulated night: real files in a temporary folder, where only time and git are
 * not real. The file system's own times are of the wrong day, and git's processes would take most of
 * the night; that both are read rightly is shown by the tests of `host/`.
 */
import { dirname, join } from "node:path";
import type { runBounded } from "../../src/host/process/bounded_process.ts";
import type { TreeChange, TreeState } from "../../src/host/git/tree_state.ts";
import type { ProjectFiles } from "../../src/host/files/project_files.ts";
import { RalphError } from "../../src/error.ts";
import { parsePrd } from "../../src/task/prd.ts";
import type { Task } from "../../src/task/task_files.ts";
import type { PrdFiles } from "../../src/verify/prd/prd_files.ts";
import { fileGate, filesChange, filesState, filesWithoutGit } from "../reliability/no_processes.ts";
import type { VirtualClock } from "../support/fake_clock.ts";

export interface NightProject {
  readonly task: Task & { readonly prdPath: string };
  readonly files: PrdFiles;
  /** Writes a file, below the root, at the time of the night. */
  write(file: string, text: string): void;
  remove(file: string): void;
  /** Undefined when there is no such file. */
  read(file: string): string | undefined;
  /** Whether the PRD is there and can be read. */
  hasPrd(): boolean;
  readonly tree: {
    state(): Promise<TreeState>;
    change(
      root: string,
      between: { before: TreeState; after: TreeState; ignore: readonly string[] },
    ): Promise<TreeChange>;
  };
  readonly projectFiles: ProjectFiles;
  /** In place of a process: each gate is a `test -f <file>`, and takes its time. */
  readonly runGate: typeof runBounded;
}

export const PRD = "tasks/night/prd.json";
const GATE_MS = 90_000;

const storyFile = (storyId: string) => `work/${storyId}.txt`;

/** A project with a task of `stories` stories, of which each has a gate. */
export function makeNightProject(
  root: string,
  { stories, clock }: { stories: number; clock: VirtualClock },
): NightProject {
  const written = new Map<string, number>();

  function write(file: string, text: string): void {
    const path = join(root, file);
    Deno.mkdirSync(dirname(path), { recursive: true });
    Deno.writeTextFileSync(path, text);
    written.set(path, clock.now());
  }

  function read(file: string): string | undefined {
    try {
      return Deno.readTextFileSync(join(root, file));
    } catch {
      return undefined;
    }
  }

  const ids = Array.from({ length: stories }, (_, n) => `US-${String(n + 1).padStart(3, "0")}`);

  write(
    PRD,
    JSON.stringify(
      {
        project: "night",
        userStories: ids.map((id, n) => ({
          id,
          title: `Story ${n + 1}`,
          description: "Make the file.",
          acceptanceCriteria: ["it says that it is done"],
          priority: n + 1,
          passes: false,
          notes: "",
          verify: [["test", "-f", storyFile(id)]],
        })),
      },
      null,
      2,
    ),
  );
  write("README.md", "# Night\n");

  return {
    task: {
      name: "night",
      dir: join(root, "tasks/night"),
      projectRoot: root,
      prdPath: join(root, PRD),
    },
    files: {
      ...pick(Deno),
      lstatSync(path) {
        const info = Deno.lstatSync(path);
        const at = written.get(String(path)) ?? clock.now() - clock.monotonic();
        // whole seconds, as `Deno.lstatSync` gives them
        return { ...info, ctime: new Date(Math.floor(at / 1_000) * 1_000) };
      },
    },
    write,
    read,
    remove: (file) => Deno.removeSync(join(root, file), { recursive: true }),
    hasPrd() {
      try {
        parsePrd({ path: PRD, bytes: new TextEncoder().encode(read(PRD)) });
        return true;
      } catch (error) {
        if (!(error instanceof RalphError)) throw error;
        return false;
      }
    },
    tree: {
      state: () => Promise.resolve(filesState(root)),
      change: (_root, between) => Promise.resolve(filesChange(between)),
    },
    projectFiles: filesWithoutGit(root, clock),
    runGate: fileGate(root, { tookMs: GATE_MS }),
  };
}

const pick = ({ lstatSync, openSync, mkdirSync, renameSync, removeSync, chmodSync }: PrdFiles) => ({
  lstatSync,
  openSync,
  mkdirSync,
  renameSync,
  removeSync,
  chmodSync,
});
