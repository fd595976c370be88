/** What a look reads, of a real store, real PRDs and real commits. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { commandContext } from "../../../../src/cli/command_context.ts";
import type { Stream } from "../../../../src/cli/output/streams.ts";
import { diffOf } from "../../../../src/cli/watch/read_details.ts";
import { taskReader } from "../../../../src/cli/watch/read_model.ts";
import type { TaskView } from "../../../../src/cli/watch/model.ts";
import { makePrivateFolder, taskKey } from "../../../../src/host/files/paths.ts";
import { takeLock } from "../../../../src/host/lock/lock.ts";
import { systemClock } from "../../../../src/host/system/clock.ts";
import type { Iteration } from "../../../../src/store/model.ts";
import { makeProject } from "../../../support/project.ts";
import { until } from "../../../support/wait.ts";
import { type Home, makeHome, START, WORKER } from "../../../reliability/home.ts";

function contextOf({ project, data }: Home, clock = systemClock) {
  const variables: Record<string, string> = {
    HOME: join(data, "../.."),
    XDG_DATA_HOME: join(data, ".."),
  };
  const stream = { line() {}, write() {} } as unknown as Stream;
  return commandContext({
    output: { out: stream, err: stream, inputIsTerminal: false },
    clock,
    environment: (name) => variables[name],
    mainUrl: new URL("../../../../main.ts", import.meta.url).href,
    cwd: () => project.root,
  });
}

/** Looks until all was read. */
function reader(home: Home, clock = systemClock): () => readonly TaskView[] {
  const look = taskReader(contextOf(home, clock), home.project.root);
  return () => {
    for (;;) {
      const { tasks, isWhole } = look();
      if (isWhole) return tasks;
    }
  };
}

const states = ({ stories = [] }: TaskView) => stories.map(({ id, state }) => `${id} ${state}`);

Deno.test("a look sees what workers write, what a PRD says now, and a worker that is gone", async () => {
  await using home = await makeHome();
  const prd = (first: string) =>
    home.project.write(
      "tasks/two/prd.md",
      `# PRD\n\n### US-1: One\n\n- [${first}] a\n\n### US-2: Two\n\n- [ ] b\n`,
    );
  await prd(" ");
  const look = reader(home);
  assert.deepEqual(look().map(({ name, session }) => [name, session]), [
    ["one", undefined],
    ["two", undefined],
  ]);

  const task = { ...home.task, taskName: "two", taskDir: join(home.project.root, "tasks/two") };
  const locks = join(home.data, "locks");
  makePrivateFolder(locks);
  const lock = await takeLock(
    join(locks, `${taskKey({ name: "two", dir: task.taskDir })}.lock`),
    systemClock,
  );
  const store = home.open();
  const lease = store.startSession(task, WORKER, {
    ...START,
    settings: JSON.stringify({
      verify: [],
      protect: [],
      tests: "counted",
      limits: { costUsd: 7 },
      owesEvidence: false,
    }),
  });
  store.beginIteration(lease, {
    number: 1,
    storyId: "US-1",
    storyTitle: "One",
    openCodeTitle: "t",
  });
  store.setActivity(lease, { kind: "working", text: "agent working" });
  let [two] = look();
  assert.deepEqual([two.name, two.live, two.session?.activity], ["two", true, "agent working"]);
  assert.deepEqual(states(two), ["US-1 in hand", "US-2 open"]);
  await until(() => look()[0].budgetUsd === 7, { what: "the budget" });

  await prd("x");
  store.endIteration(lease, {
    ...{ number: 1, outcome: "advanced", storiesPassed: ["US-1"] },
    usage: {
      ...{ inputTokens: 1, outputTokens: 1, reasoningTokens: 0, cacheReadTokens: 0 },
      ...{
        cacheWriteTokens: 0,
        costUsd: 0.5,
        derivedCostUsd: 0,
        modelCalls: 1,
        unpricedCalls: 0,
        uncountedCalls: 0,
        unknownParts: 0,
      },
    },
  });
  store.beginIteration(lease, {
    number: 2,
    storyId: "US-2",
    storyTitle: "Two",
    openCodeTitle: "u",
  });
  [two] = look();
  assert.deepEqual(states(two), ["US-1 done", "US-2 in hand"]);
  assert.equal(two.usage?.costUsd, 0.5);

  lock?.release();
  // What another test starts has a copy of the lock for a moment.
  await until(() => !look()[0].live, { what: "the worker to be gone" });
  [two] = look();
  assert.deepEqual([two.live, two.session?.status, two.session?.reason], [
    false,
    "failed",
    "worker_died",
  ]);
  store.close();
});

Deno.test("a look sees tasks that are new, and no longer those that were forgotten", async () => {
  await using home = await makeHome();
  let aheadMs = 0;
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + aheadMs };
  const look = reader(home, clock);
  const store = home.open();
  const gone = { ...home.task, taskName: "gone", taskDir: "/gone", projectRoot: "/" };
  const { sessionId, epoch } = store.startSession(gone, WORKER, START);
  store.endSession({ sessionId, epoch }, { status: "stopped", reason: "user_stop", detail: "x" });
  const names = () => look().map(({ name }) => name);
  assert.deepEqual(names(), ["one", "gone"]);
  store.forget(sessionId);
  store.close();
  await home.project.write("tasks/fresh/prd.md", "### US-1: One\n\n- [ ] a\n");
  await home.project.write("tasks/broken/prd.json", "{");
  aheadMs = 10_000;
  assert.deepEqual(names(), ["broken", "fresh", "one"]);
  assert.match(look()[0].problem ?? "", /tasks\/broken\/prd\.json/);
});

Deno.test("the diff is that of the iteration, and runs no program that the repository names", async () => {
  await using project = await makeProject({
    files: { "a.txt": "old\n", ".gitattributes": "*.txt diff=evil\n" },
  });
  const head = () => project.git("rev-parse", "HEAD");
  const before = await head();
  await project.write("a.txt", "new\n");
  await project.git("commit", "-qam", "work");
  const after = await head();
  await project.git("config", "diff.evil.command", "touch ran; false");
  await project.git("config", "diff.evil.textconv", "touch ran; false");
  await project.git("config", "diff.external", "touch ran; false");
  const context = { ...contextless, clock: systemClock };
  const diff = async (iteration: Partial<Iteration>) =>
    (await diffOf(context, {
      root: project.root,
      iteration: {
        number: 3,
        headBefore: before,
        headAfter: after,
        endedAt: "x",
        ...iteration,
      } as Iteration,
    })).join("\n");
  assert.match(
    await diff({}),
    /^iteration 3: [0-9a-f]{12}\.\.[0-9a-f]{12}\n a\.txt[^]*\n-old\n\+new$/,
  );
  assert.match(await diff({ headAfter: before }), /^iteration 3: nothing was committed/);
  const nothing = await diff({ endedAt: null, headAfter: null, headBefore: after });
  assert.equal(nothing, "iteration 3: so far, in files that git knows: no change");
  await project.write("a.txt", "newer\n");
  const underWay = await diff({ endedAt: null, headAfter: null });
  assert.match(underWay, /^iteration 3: so far, in files that git knows\n[^]*\n\+newer$/);
  assert.match(await diff({ headBefore: null }), /is not on record$/);
  assert.match(await diff({ headBefore: "0".repeat(40) }), /git cannot show what it changed: /);
  assert.deepEqual([...Deno.readDirSync(project.root)].filter(({ name }) => name === "ran"), []);
});

const contextless = { environment: () => undefined, mainUrl: "", cwd: () => "/", warn() {} };
