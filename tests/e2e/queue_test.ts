/** Several tasks, one after the other: the real program and a real server; only the model is scripted. */
import assert from "node:assert/strict";
import { assignment, tickingAgent } from "../support/agent.ts";
import { NEWEST } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject, type Project } from "../support/project.ts";
import { makeRalph, type Ralph } from "../support/ralph.ts";
import { startModel } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";
import { ONE_STORY, statusOf } from "./one_story.ts";

const TWO_STORIES = `${ONE_STORY}
### US-002: Another

- [ ] it is done
`;

async function threeTasks(): Promise<Project> {
  return await makeProject({
    files: {
      "tasks/a/prd.md": ONE_STORY,
      "tasks/b/prd.md": ONE_STORY,
      "tasks/c/prd.md": ONE_STORY,
      "ralph.json": JSON.stringify({
        verify: [["test", "-f", "work.txt"]],
        dependsOn: { a: ["c"] },
      }),
    },
  });
}

/** The process that works through the queue. */
async function queuePid({ home }: Ralph): Promise<number> {
  const locks = `${home}/.local/share/ralph/locks`;
  for await (const { name } of Deno.readDir(locks)) {
    if (name.endsWith(".queue.lock")) {
      return JSON.parse(await Deno.readTextFile(`${locks}/${name}`)).pid;
    }
  }
  throw new Error("no queue was ever worked through");
}

Deno.test("all open tasks run in their order, and a queue whose processes were killed goes on", async () => {
  const agent = tickingAgent();
  const first = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  await using model = await startModel(async (request) => {
    if (assignment(request.prompt).prd === "tasks/b/prd.md" && request.step === 0) {
      first.resolve();
      await held.promise;
    }
    return await agent(request);
  });
  await using server = await startServer({ version: NEWEST, model });
  await using project = await threeTasks();
  await using ralph = await makeRalph();
  const run = (...args: string[]) => ralph(args, { cwd: project.root });
  const shown = async () =>
    (await statusOf(ralph, project.root)).map(({ task, status }) => `${task} ${status}`).sort();

  const { code, stdout, stderr } = await run("run", "--all", "--server", server.url);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /3 tasks queued[^]* a +waits for `c`\n +b +is next\n +c +after `b`\n/);

  await first.promise;
  assert.deepEqual(await shown(), ["a queued", "b running", "c queued"]);
  const waits = await run("wait", "a", "--timeout", "0");
  assert.deepEqual([waits.code, waits.stdout.split("\n")[0]], [8, "a: waits for `c`"]);

  const [{ workerPid }] = (await statusOf(ralph, project.root)).filter(({ task }) => task === "b");
  for (const pid of [await queuePid(ralph), workerPid]) Deno.kill(pid ?? 0, "SIGKILL");
  await until(async () => (await shown()).includes("b failed"), { what: "the worker's death" });
  held.resolve();
  const again = await run("run");
  assert.match(again.stdout, /3 tasks queued/, again.stderr);

  const end = await run("wait", "a");
  assert.equal(end.code, 0, end.stdout + end.stderr);
  assert.deepEqual(await shown(), ["a completed", "b completed", "c completed"]);
  const sessions = JSON.parse((await run("status", "--sessions", "--json")).stdout);
  assert.deepEqual(
    sessions.map(({ task, iteration }: { task: string; iteration: number }) => [task, iteration])
      .toReversed(),
    [["b", 1], ["c", 1], ["a", 1]],
    "each once, and what is depended on before",
  );
  assert.equal((await project.git("show", "HEAD:work.txt")).trim().split("\n").length, 3);
});

Deno.test("resume goes on with a session that its limit ended, and counts on", async () => {
  await using model = await startModel(tickingAgent());
  await using server = await startServer({ version: NEWEST, model });
  await using project = await makeProject({ files: { "tasks/two/prd.md": TWO_STORIES } });
  await using ralph = await makeRalph();
  const run = (...args: string[]) => ralph(args, { cwd: project.root });
  const here = ["--foreground", "--server", server.url];

  assert.equal((await run("run", "two", "-n", "1", ...here)).code, 1);
  const refused = await run("resume", "two", ...here);
  assert.equal(refused.code, 2);
  assert.match(
    refused.stderr,
    /cannot resume `two`: its limit of 1 iteration is reached[^]*ralph resume two -n 11/,
  );
  const { code, stdout } = await run("resume", "two", "-n", "3", ...here);
  assert.equal(code, 0, stdout);
  assert.match(stdout, /continues session 1 after iteration 1: it had ended, and is resumed/);
  const rows = JSON.parse((await run("status", "--sessions", "--json")).stdout);
  assert.deepEqual(
    rows.map(({ id, status, iteration }: Record<string, unknown>) => [id, status, iteration]),
    [[1, "completed", 2]],
  );
  const done = await run("resume", "two");
  assert.match(done.stderr, /its last session has completed[^]*ralph run two/);
});
