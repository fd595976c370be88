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
      const session = work(systemHost(context), order, {
        signal: new AbortController().signal,
        emit: ({ type }) => type === "session_started" && begun.resolve(),
      }).then(() => begun.resolve(), begun.reject);
      sessions.push(session);
      await begun.promise;
      if (!life.step("after a session has started")) throw new Killed();
    },
  });
}

function enqueue({ project, open }: Home): void {
  const store = open();
  const dir = (name: string) => `${project.root}/tasks/${name}`;
  const task = (taskName: string, dependsOn: readonly string[] = []) => ({
    taskName,
    taskDir: dir(taskName),
    flags: "{}",
    dependsOn,
    worktree: false,
  });
  store.enqueue({ projectRoot: project.root, tasks: [task("two", [dir("one")]), task("one")] });
  store.close();
}

/** What is on record of each task, in the order in which their sessions began. */
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

/** Resolves with the step before which it was killed; undefined where it came to its end. */
async function killedAt(step: number): Promise<string | undefined> {
  await using home = await makeHome();
  await home.project.write("tasks/two/prd.md", FINISHED);
  enqueue(home);
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
  assert.equal(onRecord(home), DONE, `killed ${at}, after ${step} steps`);
  return at;
}

Deno.test("a queue's process killed at each step: the next one goes on, and each task is completed once", async () => {
  const points: (string | undefined)[] = [];
  while (!points.includes(undefined) && points.length < STEPS_MAX) {
    const steps = Array.from({ length: AT_ONCE }, (_, i) => points.length + i);
    points.push(...await Promise.all(steps.map(killedAt)));
  }
  const found = points.filter((one) => one !== undefined);
  assert(points.includes(undefined) && found.length > 10, `${found.length} points`);
  for (const wanted of ["before a session starts", "after a session has started"]) {
    assert.equal(found.filter((one) => one === wanted).length, 2);
  }
});
