/** What the tests of `ralph stop` share: tasks, a ralph, and what runs while it is asked to stop. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeProject, type Project } from "../support/project.ts";
import { makeRalph, type Ralph, type RalphResult } from "../support/ralph.ts";
import { until } from "../support/wait.ts";
import { isGone } from "./processes.ts";

const prd = (more: Record<string, unknown> = {}) =>
  JSON.stringify(
    { project: "T", userStories: [{ id: "US-001", title: "Only", passes: false, ...more }] },
    null,
    2,
  );

/** What an agent's shell does to claim the story of the task `gated`. */
export const CLAIM = `sed -i 's/"passes": false/"passes": true/' tasks/gated/prd.json`;

/**
 * A gate that fails before any work, and then ignores signals, as do its child in its group and its
 * child in a session of its own. All write their pids to `pids`; then it makes the file `runs`.
 */
const GATE = `grep -q '"passes": true' tasks/gated/prd.json || exit 1
trap '' TERM INT HUP
echo $$ >> pids
sh -c 'echo $$ >> pids; while :; do sleep 0.1; done' &
setsid sh -c 'echo $$ >> pids; while :; do sleep 0.1; done' &
while [ "$(wc -l < pids)" -lt 3 ]; do sleep 0.02; done
touch runs
while :; do sleep 0.1; done`;

/** What `ralph stop --json` prints. */
export interface Told {
  status: string;
  reason: string;
  turn: string;
  turnDetail: string | null;
  workerGone: boolean;
  forced: boolean;
  left: { pid: number; command: string }[];
  notStored: string | null;
  tookMs: number;
}

interface Row {
  id: number;
  status: string;
  reason: string | null;
  activity: string | null;
  iteration: number;
  workerPid: number;
  openCodeSessionId: string;
}

export interface StopWorld extends AsyncDisposable {
  readonly project: Project;
  readonly ralph: Ralph;
  /** Path of the database. */
  readonly database: string;
  /** `ralph <args>` in the project. */
  cli(...args: string[]): Promise<RalphResult>;
  /** `ralph run` in the background; the task has no story that passes any more. */
  run(task: "one" | "gated"): Promise<Row>;
  row(task: "one" | "gated"): Promise<Row>;
  /** `ralph stop --json`, which has to succeed. */
  stop(task: "one" | "gated", ...args: string[]): Promise<Told>;
  /** Resolves when the file is there. */
  made(file: string): Promise<string>;
  /** The pids that are in the file `pids`. */
  pids(): Promise<number[]>;
}

/** A project with the tasks `one`, without a gate, and `gated`, with the gate above. */
export async function stopWorld(server: { readonly url: string }): Promise<StopWorld> {
  await using stack = new AsyncDisposableStack();
  const project = stack.use(
    await makeProject({
      files: {
        "tasks/one/prd.json": prd(),
        "tasks/gated/prd.json": prd({ verify: [["sh", "gate.sh"]] }),
        "gate.sh": GATE,
        ".gitignore": "pids\nruns\n",
      },
    }),
  );
  const ralph = stack.use(await makeRalph());
  const started = new Set<number>();
  stack.defer(() => {
    for (const pid of started) if (!isGone(pid)) Deno.kill(pid, "SIGKILL");
  });
  const cli = (...args: string[]) => ralph(args, { cwd: project.root });

  async function row(task: string): Promise<Row> {
    const { stdout, stderr } = await cli("status", task, "--json");
    assert.equal(stderr, "");
    return JSON.parse(stdout);
  }

  const owned = stack.move();
  return {
    project,
    ralph,
    database: join(ralph.home, ".local/share/ralph/sessions.db"),
    cli,
    row,
    async run(task) {
      for (const file of ["pids", "runs"]) {
        await Deno.remove(join(project.root, file)).catch(() => {});
      }
      await project.git("checkout", "--", ".");
      const { code, stderr } = await cli("run", task, "--server", server.url);
      assert.equal(code, 0, stderr);
      const now = await row(task);
      started.add(now.workerPid);
      return now;
    },
    async stop(task, ...args) {
      const { code, stdout, stderr } = await cli("stop", task, "--json", ...args);
      assert.equal(code, 0, stdout + stderr);
      return JSON.parse(stdout);
    },
    made: (file) =>
      until(
        async () => await project.read(file).then((text) => text || "empty", () => undefined),
        { what: `the file ${file}` },
      ),
    pids: async () => (await project.read("pids")).split("\n").slice(0, -1).map(Number),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Whether the process is suspended by a signal. */
export function isSuspended(pid: number): boolean {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
}

/** Suspends a process, and resolves when that has happened. */
export async function suspend(pid: number): Promise<void> {
  Deno.kill(pid, "SIGSTOP");
  await until(() => isSuspended(pid), { what: `${pid} to be suspended` });
}

/** Stopped by a person, with a confirmed end of the turn, and nothing that runs on. */
export function assertStopped(told: Told, { workerPid }: { workerPid: number }): void {
  const { status, reason, turn, turnDetail, left, notStored } = told;
  assert.deepEqual(
    { status, reason, turn, turnDetail, left, notStored },
    {
      status: "stopped",
      reason: "user_stop",
      turn: "aborted",
      turnDetail: null,
      left: [],
      notStored: null,
    },
  );
  assert(isGone(workerPid), "the worker's process is gone");
}

/** The process that listens there: OpenCode's own is a child of the one that was started. */
export async function listener(port: number): Promise<number> {
  const { stdout } = await new Deno.Command("ss", {
    args: ["-Hltnp", `sport = :${port}`],
  }).output();
  const pid = /pid=(\d+)/.exec(new TextDecoder().decode(stdout))?.[1];
  assert(pid, "nobody listens there");
  return Number(pid);
}
