/**
 * The process that works through a queue, killed before each thing that it writes or starts. The next
 * one goes on, and each task is completed once. Sessions outlive it, as they do for real.
 */
import assert from "node:assert/strict";
import { commandContext } from "../../src/cli/command_context.ts";
import { systemOutput } from "../../src/cli/output/streams.ts";
import { openUserStore } from "../../src/app/store.ts";
import { systemClock } from "../../src/host/system/clock.ts";
import { workQueue } from "../../src/queue/work_queue.ts";
import { inWorktree } from "../../src/worker/in_worktree.ts";
import { systemHost } from "../../src/worker/system_host.ts";
import { work } from "../../src/worker/worker.ts";
import { type Home, makeHome } from "./home.ts";
import { createLife, Killed, type Life, mortalDatabase } from "./life.ts";

const FINISHED = "# PRD\n\n### US-001: Only\n\n- [x] it is done\n";
/** More than there are. */
const STEPS_MAX = 60;
/** Most of the time each waits. */
const AT_ONCE = 6;

/** Works through the queue as one process does, until its life is over. */
async function live(home: Home, life: Life, sessions: Promise<unknown>[]): Promise<void> {
  const context = commandContext({
    output: systemOutput(() => undefined),
    clock: systemClock,
    environment: (name) => home.variables[name],
    mainUrl: new URL("../../main.ts", import.meta.url).href,
    cwd: () => home.project.root,
  });
  await workQueue(context, home.project.root, {
    openStore: () => mortalDatabase(life, () => openUserStore(context)),
    signal: new AbortController().signal,
    async start({ order }) {
      if (!life.step("before a session starts")) throw new Killed();
      const begun = Promise.withResolvers<void>();
      const { signal } = new AbortController();
      const placed = await inWorktree(context, order, { signal, tell: () => {} });
      const session = work(systemHost(context), placed, {
        signal,
        emit: ({ type }) => type === "session_started" && begun.resolve(),
      }).then(() => begun.resolve(), begun.reject);
      sessions.push(session);
      await begun.promise;
      if (!life.step("after a session has started")) throw new Killed();
    },
  });
}

/** `two` depends on `one`; with `parallel` both run in worktrees, beside `three`. */
function enqueue({ project, open }: Home, parallel?: number): void {
  const store = open();
  const dir = (name: string) => `${project.root}/tasks/${name}`;
  const task = (taskName: string, dependsOn: readonly string[] = []) => ({
    taskName,
    taskDir: dir(taskName),
    flags: "{}",
    dependsOn,
    worktree: parallel !== undefined,
  });
  const tasks = [task("two", [dir("one")]), task("one")];
  if (parallel !== undefined) tasks.push(task("three"));
  store.enqueue({ projectRoot: project.root, parallel, tasks });
  store.close();
}

/** What is on record of each task. */
function onRecord({ project, open }: Home): string {
  const store = open();
  try {
    const queue = store.lastQueue(project.root);
    const sessions = store.sessions({ limit: 100 }).toReversed();
    return [
      ...sessions.map(({ taskName, status }) => `session ${taskName} ${status}`),
      ...queue?.tasks.map(({ taskName, state }) => `queued ${taskName} ${state}`) ?? [],
      queue?.endedAt === null ? "open" : "ended",
    ].join(", ");
  } finally {
    store.close();
  }
}

const DONE = "session one completed, session two completed, " +
  "queued two completed, queued one completed, ended";

/** The same with `three` beside them: which of the two begins first is not said. */
const DONE_AT_ONCE = [
  "session one completed, session three completed, session two completed",
  "session three completed, session one completed, session two completed",
  "session one completed, session two completed, session three completed",
].map((sessions) =>
  `${sessions}, queued two completed, queued one completed, queued three completed, ended`
);

/** Resolves with the step before which it was killed; undefined where it came to its end. */
async function killedAt(step: number, parallel?: number): Promise<string | undefined> {
  await using home = await makeHome();
  for (const name of ["two", "three"]) {
    await home.project.write(`tasks/${name}/prd.md`, FINISHED);
  }
  enqueue(home, parallel);
  const sessions: Promise<unknown>[] = [];
  let count = 0;
  let at: string | undefined;
  const life = createLife((name) => {
    if (++count <= step) return;
    at = name;
    life.end();
  });
  await live(home, life, sessions).catch((error) => {
    assert(error instanceof Killed, error);
  });
  await live(home, createLife(() => {}), sessions);
  await Promise.all(sessions);
  const done = parallel === undefined ? [DONE] : DONE_AT_ONCE;
  const recorded = onRecord(home);
  assert(done.includes(recorded), `killed ${at}, after ${step} steps: ${recorded}`);
  return at;
}

async function killAtEach(parallel?: number): Promise<readonly string[]> {
  const points: (string | undefined)[] = [];
  while (!points.includes(undefined) && points.length < STEPS_MAX) {
    const steps = Array.from({ length: AT_ONCE }, (_, i) => points.length + i);
    points.push(...await Promise.all(steps.map((step) => killedAt(step, parallel))));
  }
  const found = points.filter((one) => one !== undefined);
  assert(points.includes(undefined) && found.length > 10, `${found.length} points`);
  return found;
}

Deno.test("a queue's process killed at each step: the next one goes on, and each task is completed once", async () => {
  const found = await killAtEach();
  for (const wanted of ["before a session starts", "after a session has started"]) {
    assert.equal(found.filter((one) => one === wanted).length, 2);
  }
});

Deno.test("the same with two at once, in worktrees", async () => {
  const found = await killAtEach(2);
  for (const wanted of ["before a session starts", "after a session has started"]) {
    assert(found.includes(wanted));
  }
});
