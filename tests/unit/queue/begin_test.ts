/** What a queued task is started with. */
import assert from "node:assert/strict";
import { commandContext } from "../../../src/cli/command_context.ts";
import { systemOutput } from "../../../src/cli/output/streams.ts";
import { systemClock } from "../../../src/host/system/clock.ts";
import { startOf } from "../../../src/queue/begin.ts";
import { makeHome, START, WORKER } from "../../reliability/home.ts";

const USED = {
  inputTokens: 600,
  outputTokens: 0,
  reasoningTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 100,
  costUsd: 2.5,
  derivedCostUsd: 0.5,
  modelCalls: 1,
  unpricedCalls: 0,
  uncountedCalls: 0,
};

Deno.test("a session may use what the others of its queue have left, and what the project allows", async () => {
  await using home = await makeHome();
  const { project, task } = home;
  const context = commandContext({
    output: systemOutput(() => undefined),
    clock: systemClock,
    environment: (name) => home.variables[name],
    mainUrl: new URL("../../../main.ts", import.meta.url).href,
    cwd: () => project.root,
  });
  using stack = new DisposableStack();
  const store = home.open();
  stack.defer(() => store.close());
  const other = { ...task, taskName: "two", taskDir: `${project.root}/tasks/two` };
  const lease = store.startSession(other, WORKER, START);
  const iteration = { number: 1, storyId: "US-1", storyTitle: "A", openCodeTitle: "t" };
  store.beginIteration(lease, iteration);
  store.endIteration(lease, { number: 1, outcome: "worked", storiesPassed: [], usage: USED });
  store.endSession(lease, { status: "completed", reason: "all_stories_pass", detail: "" });

  const limits = async (maxCostUsd?: number, maxTokens?: number) => {
    const flags = JSON.stringify({ agent: "build", limits: { iterations: 7 } });
    const tasks = [other, task].map((one) => ({ ...one, flags, dependsOn: [], worktree: false }));
    store.enqueue({ projectRoot: project.root, maxCostUsd, maxTokens, tasks });
    const [first, second] = store.lastQueue(project.root)?.tasks ?? [];
    store.bindQueued(first.id, lease.sessionId);
    const queue = store.lastQueue(project.root);
    assert(queue);
    const found = await startOf(context, { queue, queued: second, store });
    assert("order" in found);
    assert.equal(found.order.flags.agent, "build");
    const { iterations, costUsd, tokens } = found.order.flags.limits ?? {};
    return [iterations, costUsd, tokens];
  };
  assert.deepEqual(await limits(), [7, undefined, undefined]);
  assert.deepEqual(await limits(5, 1_000), [7, 2, 300]);
  const settings = { verify: [["true"]], limits: { costUsd: 1.5, tokens: 5_000 } };
  await project.write("ralph.json", JSON.stringify(settings));
  assert.deepEqual(await limits(), [7, 1.5, 300], "whichever is less");
});

Deno.test("a task is once in a queue, and a new queue takes the place of one that has ended", async () => {
  await using home = await makeHome();
  const { project: { root: projectRoot }, task } = home;
  using stack = new DisposableStack();
  const store = home.open();
  stack.defer(() => store.close());
  const tasks = [{ ...task, flags: "{}", dependsOn: [], worktree: false }];
  store.enqueue({ projectRoot, tasks });
  store.enqueue({ projectRoot, tasks, failFast: true });
  const queue = store.lastQueue(projectRoot);
  assert.deepEqual([queue?.tasks.length, queue?.failFast], [1, true]);
  const [{ id }] = queue?.tasks ?? [];
  assert.equal(store.closeQueue(queue?.id ?? 0), false, "something of it waits");
  assert(store.beginQueued(id, { session: 0, epoch: 0 }));
  assert(!store.beginQueued(id, { session: 0, epoch: 0 }), "another process has begun it");
  assert(!store.endQueued(id, { from: ["waiting"], state: "removed", why: "" }));
  assert(store.endQueued(id, { from: ["running"], state: "completed", why: "" }));
  assert(store.closeQueue(queue?.id ?? 0));
  store.enqueue({ projectRoot, tasks });
  assert.deepEqual(store.lastQueues().map(({ endedAt, failFast }) => [endedAt, failFast]), [
    [null, false],
  ]);
});
