/** `ralph run` end to end: the real program, a real OpenCode server, real git; only the model is scripted. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { VERSIONS } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject, type Project } from "../support/project.ts";
import { makeRalph, type Ralph } from "../support/ralph.ts";
import { call, hang, say, type Script, startModel } from "../support/scripted_model.ts";
import { tickingAgent } from "../support/agent.ts";
import { until } from "../support/wait.ts";

const PRD = "tasks/server-management/prd.md";
const FIXTURE = new URL("../fixtures/server-management/prd.md", import.meta.url);

/** Bytes of the fixture with the boxes of its stories ticked, and nothing else changed. */
function tickedFixture(): Uint8Array {
  const latin1 = new TextDecoder("latin1").decode(Deno.readFileSync(FIXTURE));
  return Deno.readFileSync(FIXTURE).map((byte, i) =>
    latin1.slice(i - 3, i + 2) === "- [ ]" ? "x".charCodeAt(0) : byte
  );
}

async function requirementsProject(): Promise<Project> {
  const project = await makeProject();
  await Deno.mkdir(join(project.root, "tasks/server-management"), { recursive: true });
  await Deno.copyFile(FIXTURE, join(project.root, PRD));
  await project.git("add", "--all");
  await project.git("commit", "--quiet", "-m", "docs: the task");
  return project;
}

interface StatusRow {
  task: string;
  status: string;
  reason: string | null;
  iteration: number;
  port: number | null;
  lastServerPort: number | null;
  workerPid: number | null;
  openCodeSessionId: string | null;
}

async function statusOf(ralph: Ralph, cwd: string): Promise<StatusRow[]> {
  const { code, stdout, stderr } = await ralph(["status", "--json"], { cwd });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

async function openCodeSessions(url: string, directory: string): Promise<{ title: string }[]> {
  const response = await fetch(`${url}/session?directory=${encodeURIComponent(directory)}`);
  return await response.json();
}

/** A PRD of one story, whose box the agent's shell can tick. */
const ONE_STORY = `# PRD: One

### US-001: Only

**Acceptance Criteria:**

- [ ] it is done
`;

async function oneStoryProject(): Promise<Project> {
  return await makeProject({ files: { "tasks/one/prd.md": ONE_STORY } });
}

for (const version of VERSIONS) {
  Deno.test(`the requirements' own PRD runs to completion in the foreground (${version})`, async () => {
    await using project = await requirementsProject();
    await using model = await startModel(tickingAgent());
    await using server = await startServer({ version, model });
    await using ralph = await makeRalph();

    const { code, stdout, stderr } = await ralph(
      ["run", "server-management", "--foreground", "-n", "20", "--server", server.url],
      { cwd: project.root },
    );

    assert.equal(code, 0, stdout + stderr);
    assert.equal(stderr, "");
    assert.match(stdout, /completed: all 11 stories pass/);
    for (let i = 1; i <= 11; i++) {
      assert.match(stdout, new RegExp(`iteration ${i}/20  US-${String(i).padStart(3, "0")}`));
    }
    assert.deepEqual(Deno.readFileSync(join(project.root, PRD)), tickedFixture());
    const sessions = await openCodeSessions(server.url, project.root);
    assert.equal(sessions.length, 11);
    assert.equal(new Set(sessions.map(({ title }) => title)).size, 11, "each has its own title");
    assert.match(
      sessions.map(({ title }) => title).join("\n"),
      /server-management · session 1 · iteration 11 · US-011/,
    );
    const [row] = await statusOf(ralph, project.root);
    assert.deepEqual(
      [row.status, row.reason, row.iteration, row.port, row.lastServerPort],
      ["completed", "all_stories_pass", 11, null, server.port],
    );
    assert.equal(await project.git("rev-list", "--count", "HEAD"), "13");
  });
}

Deno.test("the same in the background: `run` returns at once, the worker goes on by itself", async () => {
  await using project = await requirementsProject();
  await using model = await startModel(tickingAgent());
  await using server = await startServer({ version: "1.18.33", model });
  await using ralph = await makeRalph();
  const subfolder = join(project.root, "tasks");

  const { code, stdout, stderr } = await ralph(
    ["run", "server-management", "-n", "20", "--server", server.url],
    { cwd: subfolder },
  );
  assert.equal(code, 0, stderr);
  assert.match(stdout, /session 1, at most 20 iterations/);

  const [running] = await statusOf(ralph, subfolder);
  assert.equal(running.status, "running");
  assert.equal(running.port, server.port);

  const again = await ralph(["run", "server-management", "--server", server.url], {
    cwd: project.root,
  });
  assert.equal(again.code, 5, again.stdout);
  assert.match(
    again.stderr,
    /`server-management` is running already \(session 1, iteration \d+ of 20/,
  );

  const [row] = await until(async () => {
    const rows = await statusOf(ralph, project.root);
    return rows[0].status !== "running" && rows;
  }, { what: "the session to end", timeoutMs: 120_000 });
  assert.deepEqual([row.status, row.iteration], ["completed", 11]);
  assert.deepEqual(Deno.readFileSync(join(project.root, PRD)), tickedFixture());
  assert.equal((await openCodeSessions(server.url, project.root)).length, 11);
  const logs = await ralph(["logs", "server-management"], { cwd: project.root });
  assert.match(logs.stdout, /completed: all 11 stories pass/);
});

Deno.test("a task whose stories all pass ends at once, with no OpenCode session made", async () => {
  await using project = await makeProject({
    files: { "tasks/one/prd.md": ONE_STORY.replace("[ ]", "[x]") },
  });
  await using model = await startModel(() => say("nobody asks"));
  await using server = await startServer({ version: "1.18.33", model });
  await using ralph = await makeRalph();
  const { code, stdout } = await ralph(["run", "one", "-f", "--server", server.url], {
    cwd: project.root,
  });
  assert.equal(code, 0, stdout);
  assert.match(stdout, /completed: the story passes/);
  assert.deepEqual(await openCodeSessions(server.url, project.root), []);
  assert.equal(model.requests.length, 0);
});

Deno.test("the promise alone does not complete a task that has stories; the limit ends it", async () => {
  await using project = await oneStoryProject();
  const claims: Script = ({ step }) =>
    step === 0
      ? call({ name: "bash", input: { command: "date +%N >> work.txt", description: "work" } })
      : say("All done.\n<promise>COMPLETE</promise>");
  await using model = await startModel(claims);
  await using server = await startServer({ version: "1.18.33", model });
  await using ralph = await makeRalph();
  const { code, stdout } = await ralph(["run", "one", "-f", "-n", "2", "--server", server.url], {
    cwd: project.root,
  });
  assert.equal(code, 1, stdout);
  assert.match(stdout, /stopped: the limit of 2 iterations is reached with 1 of 1 stories open/);
  assert.match(stdout, /✓ worked: US-001 does not pass yet/);
  const [row] = await statusOf(ralph, project.root);
  assert.deepEqual([row.status, row.reason, row.iteration], ["stopped", "max_iterations", 2]);
});

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`${signal} ends a foreground run cleanly: turn aborted, row stopped`, async () => {
    await using project = await oneStoryProject();
    await using model = await startModel(() => hang());
    await using server = await startServer({ version: "1.18.33", model });
    await using ralph = await makeRalph();
    const child = ralph.start(["run", "one", "-f", "--server", server.url], { cwd: project.root });
    await until(() => model.requests.length > 0, { what: "the agent to work", timeoutMs: 60_000 });
    child.kill(signal);
    const result = await child.output();
    assert.equal(result.code, code, new TextDecoder().decode(result.stderr));
    assert.match(new TextDecoder().decode(result.stdout), /stopped: stopped by a person/);
    const [row] = await statusOf(ralph, project.root);
    assert.deepEqual([row.status, row.reason, row.iteration], ["stopped", "user_stop", 1]);
    const busy = await fetch(
      `${server.url}/session/status?directory=${encodeURIComponent(project.root)}`,
    );
    assert.deepEqual(await busy.json(), {}, "the turn was aborted on the server");
    assert(model.requests[0].signal.aborted, "the model's answer was cut");
  });
}

Deno.test("a turn that goes on after its worker was killed is joined by the next run, and counted once", async () => {
  await using here = await killedInMidTurn();
  const { ralph, project, server } = here;
  const running = ralph(["run", "one", "-f", "--server", server.url], { cwd: project.root });
  await until(async () => (await here.row()).status === "running", { what: "the next worker" });
  here.release();
  const { code, stdout, stderr } = await running;
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /session 1, at most 5 iterations/);
  assert.match(
    stdout,
    /continues session 1 with iteration 1: its worker died, and its turn still goes on/,
  );
  assert.match(stdout, /✓ advanced/);
  await here.assertOneTurn();
});

Deno.test("a turn that finished while no worker was there is judged by the next run, and counted once", async () => {
  await using here = await killedInMidTurn();
  const { ralph, project, server } = here;
  here.release();
  const busy = async () => {
    const url = `${server.url}/session/status?directory=${encodeURIComponent(project.root)}`;
    return Object.keys(await (await fetch(url)).json());
  };
  await until(async () => (await busy()).length === 0, {
    what: "the turn's end",
    timeoutMs: 60_000,
  });
  const { code, stdout, stderr } = await ralph(["run", "one", "-f", "--server", server.url], {
    cwd: project.root,
  });
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /iteration 1: its turn finished on the server while no worker was there/);
  assert.match(stdout, /✓ advanced/);
  await here.assertOneTurn();
});

/** A task of one story whose worker was killed while the agent worked, and is known to be dead. */
async function killedInMidTurn() {
  const stack = new AsyncDisposableStack();
  const project = stack.use(await oneStoryProject());
  const held = Promise.withResolvers<void>();
  const agent = tickingAgent();
  const model = stack.use(
    await startModel(async (request) => {
      await held.promise;
      return await agent(request);
    }),
  );
  const server = stack.use(await startServer({ version: "1.18.33", model }));
  const ralph = stack.use(await makeRalph());
  stack.defer(held.resolve);
  await ralph(["run", "one", "-n", "5", "--server", server.url], { cwd: project.root });
  await until(() => model.requests.length > 0, { what: "the agent to work", timeoutMs: 60_000 });
  const row = async () => (await statusOf(ralph, project.root))[0];
  const { workerPid } = await row();
  assert(workerPid);
  Deno.kill(workerPid, "SIGKILL");
  await until(async () => (await row()).status !== "running", { what: "the death to be noticed" });
  const { status, reason, port } = await row();
  assert.deepEqual([status, reason, port], ["failed", "worker_died", null]);
  return {
    project,
    server,
    ralph,
    row,
    release: held.resolve,
    /** One session, one iteration, one OpenCode session with one prompt, whose usage is known. */
    async assertOneTurn() {
      const rows = await statusOf(ralph, project.root);
      assert.equal(rows.length, 1, "the same session");
      const one = await ralph(["status", "one", "--json"], { cwd: project.root });
      const { status, iteration, usage } = JSON.parse(one.stdout);
      assert.deepEqual([status, iteration, usage.modelCalls > 0], ["completed", 1, true]);
      const at = `directory=${encodeURIComponent(project.root)}`;
      const sessions = await (await fetch(`${server.url}/session?${at}`)).json();
      assert.equal(sessions.length, 1, "one OpenCode session");
      const messages = await (await fetch(`${server.url}/session/${sessions[0].id}/message?${at}`))
        .json();
      const prompts = messages.filter(({ info }: { info: { role: string } }) =>
        info.role === "user"
      );
      assert.equal(prompts.length, 1, "one prompt");
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

Deno.test("--json tells each event as one object on a line of its own", async () => {
  await using project = await oneStoryProject();
  await using model = await startModel(
    tickingAgent(),
  );
  await using server = await startServer({ version: "1.18.33", model });
  await using ralph = await makeRalph();
  const { code, stdout } = await ralph(["run", "one", "-f", "--json", "--server", server.url], {
    cwd: project.root,
  });
  assert.equal(code, 0);
  const events = stdout.trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(events[0].type, "session_started");
  assert.equal(events.at(-1).type, "session_ended");
  assert.equal(events.at(-1).status, "completed");
  const ended = events.find(({ type }) => type === "iteration_ended");
  assert.equal(ended.outcome, "advanced");
  assert(ended.usage.modelCalls > 0);
  assert(ended.usage.costUsd > 0);
});
