/** Commands over sessions, on a real server with a model that is slow on purpose. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { NEWEST, opencodeBinary } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject, type Project } from "../support/project.ts";
import { makeRalph, type Ralph, type RalphResult } from "../support/ralph.ts";
import { bash, tickingAgent } from "../support/agent.ts";
import { makeWorld } from "../reliability/processes.ts";
import { call, hang, type ScriptedModel, startModel } from "../support/scripted_model.ts";
import { GENEROUS_MS, until } from "../support/wait.ts";

const prd = (stories: number) =>
  "# PRD\n\n" +
  Array.from({ length: stories }, (_, i) => `### US-00${i + 1}: Story ${i + 1}\n\n- [ ] done\n`)
    .join("\n");

/** A server, a project with the tasks `one` (one story) and `three` (three), and a ralph. */
async function world() {
  const stack = new AsyncDisposableStack();
  const model = stack.use(await startModel(() => hang()));
  const server = stack.use(await startServer({ version: NEWEST, model }));
  const project = stack.use(
    await makeProject({ files: { "tasks/one/prd.md": prd(1), "tasks/three/prd.md": prd(3) } }),
  );
  const ralph = stack.use(await makeRalph());
  const cli = (...args: string[]): Promise<RalphResult> => ralph(args, { cwd: project.root });
  const run = async (task: string, ...extra: string[]) => {
    const result = await cli("run", task, "--server", server.url, ...extra);
    assert.equal(result.code, 0, result.stderr);
    return result;
  };
  return { stack, model, server, project, ralph, cli, run };
}

async function agentAsked(model: ScriptedModel): Promise<void> {
  const before = model.requests.length;
  await until(() => model.requests.length > before, {
    what: "the agent to work",
  });
}

/** An agent that does its story once the returned function was called. */
function holdAgent(model: ScriptedModel): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  const agent = tickingAgent();
  model.setScript(async (request) => {
    await promise;
    return await agent(request);
  });
  return resolve;
}

async function row(ralph: Ralph, { root }: Project, task: string) {
  const { stdout, stderr } = await ralph(["status", task, "--json"], { cwd: root });
  assert.equal(stderr, "");
  return JSON.parse(stdout);
}

Deno.test("US-009: stop ends the worker and its turn, says what it confirmed, and leaves the server", async () => {
  const { stack, model, server, project, ralph, cli, run } = await world();
  await using _ = stack;
  const asked = agentAsked(model);
  await run("one");
  await asked;
  const { workerPid } = await row(ralph, project, "one");

  const stopped = await cli("stop", "one");
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.match(stopped.stdout, /stopped `one` \(session 1\) in /);
  assert.match(stopped.stdout, /turn +aborted on the server/);
  assert.match(stopped.stdout, /worker +gone/);
  assert.match(stopped.stdout, /status +stopped, stored/);
  assert(isGone(workerPid), "the worker's process is gone");
  const ended = await row(ralph, project, "one");
  assert.deepEqual([ended.status, ended.reason], ["stopped", "user_stop"]);
  assert.equal((await fetch(`${server.url}/global/health`)).status, 200, "the server goes on");

  const again = await cli("stop", "one");
  assert.equal(again.code, 0);
  assert.match(again.stdout, /`one` is not running \(stopped \d+s ago\)/);
  assert.deepEqual(await row(ralph, project, "one"), ended, "twice is once");
  const late = await cli("checkpoint", "one");
  assert.equal(late.code, 3);
  assert.deepEqual(await row(ralph, project, "one"), ended);
});

Deno.test("stop while the server is gone: soon, and it says what could not be confirmed", async () => {
  const { stack, model, server, project, ralph, cli, run } = await world();
  await using _ = stack;
  const asked = agentAsked(model);
  await run("one");
  await asked;
  await server.kill();
  const stopped = await cli("stop", "one", "--json");
  assert.equal(stopped.code, 0, stopped.stderr);
  const told = JSON.parse(stopped.stdout);
  assert.deepEqual([told.status, told.workerGone, told.turn], ["stopped", true, "not confirmed"]);
  assert.match(told.turnDetail, /connection refused/);
  assert(told.tookMs < GENEROUS_MS, `${told.tookMs} ms`);
  const [session] = JSON.parse((await cli("history", "one", "--json")).stdout);
  assert.match(session.iterations[0].detail, /did not confirm that the turn was aborted/);
  assert.equal((await row(ralph, project, "one")).usage, null, "what it used is unknown");
});

Deno.test("US-009: checkpoint pauses after the iteration, `run` goes on with the same session", async () => {
  const { stack, model, project, ralph, cli, run } = await world();
  await using _ = stack;
  const release = holdAgent(model);
  const asked = agentAsked(model);
  await run("three");
  await asked;
  const checkpoint = await cli("checkpoint");
  assert.equal(checkpoint.code, 0, checkpoint.stderr);
  assert.match(checkpoint.stdout, /`three` will pause after iteration 1/);
  const waiting = cli("wait", "three");
  release();
  const waited = await waiting;
  assert.equal(waited.code, 8, waited.stdout + waited.stderr);
  assert.match(waited.stdout, /three: checkpointed, paused by a person/);
  const paused = await row(ralph, project, "three");
  assert.deepEqual([paused.status, paused.iteration, paused.port], ["checkpointed", 1, null]);

  const on = await run("three");
  assert.match(on.stdout, /continues session 1 after iteration 1: it was paused/);
  const done = await cli("wait");
  assert.equal(done.code, 0, done.stdout);
  const ended = await row(ralph, project, "three");
  assert.deepEqual([ended.id, ended.status, ended.iteration], [1, "completed", 3]);
  assert.equal(ended.usage.modelCalls > 0, true);

  const history = await cli("history", "three", "--json");
  const [session] = JSON.parse(history.stdout);
  assert.deepEqual(
    session.iterations.map((one: { number: number; outcome: string; storyId: string }) => [
      one.number,
      one.outcome,
      one.storyId,
    ]),
    [[1, "advanced", "US-001"], [2, "advanced", "US-002"], [3, "advanced", "US-003"]],
  );
});

Deno.test("a frozen worker is ended with --force, and its session is recorded as stopped", async () => {
  const { stack, model, server, project, ralph, cli, run } = await world();
  await using _ = stack;
  const asked = agentAsked(model);
  await run("one");
  await asked;
  const { workerPid, openCodeSessionId } = await row(ralph, project, "one");
  Deno.kill(workerPid, "SIGSTOP");
  const stopped = await cli("stop", "one", "--force", "--json");
  assert.equal(stopped.code, 0, stopped.stderr);
  const told = JSON.parse(stopped.stdout);
  assert.deepEqual(
    [told.status, told.reason, told.turn, told.workerGone, told.forced],
    ["stopped", "user_stop", "aborted", true, true],
  );
  const busy = await fetch(
    `${server.url}/session/status?directory=${encodeURIComponent(project.root)}`,
  );
  assert.equal(openCodeSessionId in await busy.json(), false);
});

Deno.test("US-002, FR-4: a running session shows its port, every other none; the last one is in the JSON", async () => {
  const { stack, model, server, project, ralph, cli, run } = await world();
  await using _ = stack;
  const asked = agentAsked(model);
  await run("one");
  await asked;
  const port = String(server.port);
  assert((await cli("status")).stdout.split("\t").includes(port));
  assert.equal((await row(ralph, project, "one")).port, server.port);
  await cli("stop", "one");
  assert(!(await cli("status")).stdout.split("\t").includes(port));
  const ended = await row(ralph, project, "one");
  assert.deepEqual([ended.port, ended.lastServerPort], [null, server.port]);
  assert.match((await cli("status", "one")).stdout, /server: +- \(last: http/);
});

Deno.test("a second task in the same working tree is refused, in another one it is not", async () => {
  const { stack, model, server, ralph, cli, run } = await world();
  await using _ = stack;
  await using other = await makeProject({ files: { "tasks/one/prd.md": prd(1) } });
  const asked = agentAsked(model);
  assert.equal((await run("one")).stderr, "");
  await asked; // until then the server loads its project, which another one waits for
  const second = await cli("run", "three", "--server", server.url);
  assert.equal(second.code, 5);
  assert.match(
    second.stderr,
    /^error: cannot start `three`: `one` \(session \d+, process \d+\) is at work in the same working tree, /,
  );
  assert.match(second.stderr, /^hint: or stop it: ralph stop \/.*tasks\/one$/m);
  const elsewhere = await ralph(["run", "one", "--server", server.url], { cwd: other.root });
  assert.deepEqual([elsewhere.code, elsewhere.stderr], [0, ""]);
  for (const task of ["one", join(other.root, "tasks/one")]) await cli("stop", task);
});

Deno.test("US-001: attach to an ended session says so, changes nothing, and opens its history", async () => {
  const { stack, model, server, project, ralph, cli, run } = await world();
  await using _ = stack;
  model.setScript(tickingAgent());
  await run("one");
  assert.equal((await cli("wait")).code, 0);
  const before = await row(ralph, project, "one");
  const attached = await cli("attach", "one");
  assert.equal(attached.code, 0, attached.stderr);
  assert.match(
    attached.stderr,
    /^Session not running \(completed \d+s ago\)\nRestart with: ralph run one\n$/,
  );
  assert.match(
    attached.stdout,
    new RegExp(
      `opencode attach ${server.url} --dir ${project.root} --session ${before.openCodeSessionId}\n$`,
    ),
  );
  assert.deepEqual(await row(ralph, project, "one"), before);

  await server.kill();
  const away = await cli("attach", "one");
  assert.equal(away.code, 6);
  assert.match(away.stderr, /Session not running/);
  assert.match(away.stderr, /Start with: systemctl --user start opencode/);
  assert.deepEqual(await row(ralph, project, "one"), before, "the status is history");
});

Deno.test("FR-5: attach marks a session failed only if it runs, the server is away and its worker is dead", async () => {
  const { stack, model, server, project, ralph, cli, run } = await world();
  await using _ = stack;
  const asked = agentAsked(model);
  await run("one");
  await asked;
  const database = join(ralph.home, ".local/share/ralph/sessions.db");
  const stored = async () => {
    const { DatabaseSync } = await import("node:sqlite");
    const db = new DatabaseSync(database, { readOnly: true });
    const { status, reason } = db.prepare("SELECT status, reason FROM sessions").get() ?? {};
    db.close();
    return [status, reason];
  };
  await server.kill();
  assert.equal((await cli("attach", "one")).code, 6);
  assert.deepEqual(await stored(), ["running", null], "its worker lives, and waits for the server");
  Deno.kill((await row(ralph, project, "one")).workerPid, "SIGKILL");
  await server.start();
  await until(async () => (await cli("attach", "one")).code === 0, { what: "attach to work" });
  assert.deepEqual(await stored(), ["running", null], "the server answers");
  await server.kill();
  assert.equal((await cli("attach", "one")).code, 6);
  assert.deepEqual(await stored(), ["failed", "worker_died"]);
});

Deno.test("US-007: an OpenCode session that the server does not have is told, with those that ralph knows", async () => {
  const { stack, model, cli, run } = await world();
  await using _ = stack;
  model.setScript(tickingAgent());
  await run("three");
  assert.equal((await cli("wait", "three")).code, 0);
  const { code, stderr } = await cli("attach", "three", "--session", "ses_nope");
  assert.equal(code, 4, stderr);
  assert.match(stderr, /the server has no OpenCode session `ses_nope`/);
  assert.match(stderr, /iteration 2 \(US-002\): ralph attach three --session ses_/);
});

Deno.test("US-010: attach finds the session: of a task, by id, and the last active one of all", async () => {
  const { stack, model, server, ralph, cli, run } = await world();
  await using _ = stack;
  await using other = await makeProject({ files: { "tasks/elsewhere/prd.md": prd(1) } });
  model.setScript(tickingAgent());
  await run("three");
  await cli("wait", "three");
  await ralph(["run", "elsewhere", "-f", "--server", server.url], { cwd: other.root });
  const ids = async (task: string, cwd: string): Promise<string[]> => {
    const { stdout } = await ralph(["history", task, "--json"], { cwd });
    return JSON.parse(stdout)[0].iterations.map((one: { openCodeSessionId: string }) =>
      one.openCodeSessionId
    );
  };
  const three = await ids("three", other.root);
  const [elsewhere] = await ids("elsewhere", other.root);
  const target = async (...args: string[]) =>
    /--dir (\S+) --session (\S+)/.exec((await cli("attach", ...args)).stdout)?.slice(1);
  assert.deepEqual((await target("three"))?.[1], three[2], "its latest");
  assert.deepEqual((await target("three", "--session", three[0]))?.[1], three[0]);
  assert.deepEqual(await target(), [other.root, elsewhere], "the last active one of all");
  assert.deepEqual(await target("elsewhere"), [other.root, elsewhere], "found across projects");
});

Deno.test("attach hands a real terminal to opencode, during the session and after it", async () => {
  const { stack, model, server, ralph, project, cli, run } = await world();
  await using _ = stack;
  const asked = agentAsked(model);
  await run("one");
  await asked;
  const screen = await terminal(ralph, project, {
    args: ["attach", "one"],
    path: dirname(await opencodeBinary(NEWEST)),
  });
  try {
    await screen.shows(/Story: US-001/);
  } finally {
    await screen.close();
  }
  await cli("stop", "one");
  const after = await terminal(ralph, project, {
    args: ["attach", "one"],
    path: dirname(await opencodeBinary(NEWEST)),
  });
  try {
    await after.shows(/Story: US-001/);
  } finally {
    await after.close();
  }
  assert(server.pid > 0);
});

Deno.test("logs --follow tells all of a session and ends with it", async () => {
  const { stack, model, cli, run } = await world();
  await using _ = stack;
  const release = holdAgent(model);
  const asked = agentAsked(model);
  await run("three");
  await asked;
  const following = cli("logs", "three", "--follow");
  release();
  const { code, stdout } = await following;
  assert.equal(code, 0);
  for (const text of ["iteration 1/10", "iteration 3/10", "completed: all 3 stories pass"]) {
    assert(stdout.includes(text), text);
  }
  const last = await cli("logs", "three", "-n", "2");
  assert.equal(last.stdout.trim().split("\n").length, 2);
});

Deno.test("logs --follow goes on where the log was rotated", async () => {
  const { stack, model, project, ralph, cli, run } = await world();
  await using _ = stack;
  const asked = agentAsked(model);
  await run("one");
  await asked;
  const { log } = await row(ralph, project, "one");
  const following = ralph.start(["logs", "one", "--follow"], { cwd: project.root });
  const reader = following.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let seen = "";
  while (!seen.includes("OpenCode session")) seen += (await reader.read()).value ?? "";
  await Deno.rename(log, `${log}.1`);
  await Deno.writeTextFile(log, "after the rotation\n");
  while (!seen.includes("after the rotation")) seen += (await reader.read()).value ?? "";
  await cli("stop", "one");
  while (!(await reader.read()).done);
  const [{ code }] = await Promise.all([following.status, following.stderr.cancel()]);
  assert.equal(code, 0);
});

Deno.test("logs --follow of an ended session whose log is gone ends at once", async () => {
  const { stack, model, project, ralph, cli, run } = await world();
  await using _ = stack;
  model.setScript(tickingAgent());
  await run("one");
  await cli("wait", "one");
  await Deno.remove((await row(ralph, project, "one")).log);
  const following = ralph.start(["logs", "one", "--follow"], { cwd: project.root });
  const late = setTimeout(() => following.kill("SIGKILL"), GENEROUS_MS);
  const { code, signal } = await following.output();
  clearTimeout(late);
  assert.deepEqual([code, signal], [0, null]);
});

Deno.test("tasks, new and clean", async () => {
  const { stack, model, project, cli, run } = await world();
  await using _ = stack;
  model.setScript(tickingAgent());
  await run("one");
  await cli("wait", "one");
  assert.match((await cli("tasks")).stdout, /one +1\/1 +- +completed\nthree +0\/3 +US-001 +-/);

  const made = await cli("new", "fresh");
  assert.equal(made.code, 0);
  assert.match(await project.read("tasks/fresh/prd.md"), /^# PRD: fresh\n/);
  assert.match((await cli("tasks")).stdout, /fresh +0\/2 +US-001/);
  const twice = await cli("new", "fresh");
  assert.equal(twice.code, 5);
  assert.match(twice.stderr, /exists/);
  assert.equal((await cli("new", "../evil")).code, 2);

  const dry = await cli("clean", "--dry-run");
  assert.match(dry.stdout, /session 1 +one +completed/);
  const asks = await cli("clean");
  assert.equal(asks.code, 2);
  assert.match(asks.stderr, /no terminal/);
  assert.equal((await cli("clean", "--yes")).code, 0);
  assert.match((await cli("status")).stderr, /No sessions yet/);
  assert.equal((await cli("history", "one")).code, 4);
});

Deno.test("a task is found across projects; an ambiguous or a wrong name lists what there is", async () => {
  const { stack, model, server, ralph, cli, run } = await world();
  await using _ = stack;
  model.setScript(tickingAgent());
  await using other = await makeProject({ files: { "tasks/one/prd.md": prd(1) } });
  await using third = await makeProject();
  await run("one");
  await cli("wait", "one");
  await ralph(["run", "one", "-f", "--server", server.url], { cwd: other.root });
  const from = (cwd: string, ...args: string[]) => ralph(args, { cwd });
  const ambiguous = await from(third.root, "status", "one");
  assert.equal(ambiguous.code, 2);
  assert.match(ambiguous.stderr, /`one` can mean 2 tasks/);
  assert(ambiguous.stderr.includes(join(other.root, "tasks/one")));
  assert.equal((await from(third.root, "status", join(other.root, "tasks/one"))).code, 0);
  assert.match((await from(other.root, "status", "one")).stdout, /session 2/);
  const never = await cli("status", "three");
  assert.equal(never.code, 4);
  assert.match(
    never.stderr,
    /no session of `three` was ever started.*\n\nhint: start one: ralph run three/,
  );
  const ambiguousRun = await from(third.root, "run", "one", "--server", server.url);
  assert.equal(ambiguousRun.code, 2, ambiguousRun.stderr);
  await run("three");
  await cli("wait", "three");
  const elsewhere = await from(third.root, "run", "three", "-f", "--server", server.url);
  assert.equal(elsewhere.code, 2, elsewhere.stderr);
  const [, there] = /^hint: if that one is meant: cd (\S+) && ralph run three -f /m
    .exec(elsewhere.stderr) ?? [];
  const gone = await from(there, "run", "three", "-f", "--server", server.url);
  assert.equal(gone.code, 0, gone.stderr);
  assert.match(
    gone.stdout,
    /^three: all 3 stories pass already, and there are no gates to run/,
  );
  const wrong = await cli("status", "tree");
  assert.equal(wrong.code, 4);
  assert.match(wrong.stderr, /did you mean `three`\?/);
});

/** Ended, though a slow init may not have taken note of that yet: then it is a zombie (proc(5)). */
function isGone(pid: number): boolean {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
  } catch {
    return true;
  }
}

/** A pseudo-terminal of util-linux's `script` (there on every Debian), and what it shows. */
async function terminal(
  ralph: Ralph,
  project: Project,
  { args, path }: { args: readonly string[]; path: string },
) {
  const file = join(ralph.home, "screen");
  const { RALPH } = await import("../support/ralph.ts");
  const quoted = [...RALPH, ...args].map((word) => `'${word}'`).join(" ");
  const child = new Deno.Command("script", {
    args: ["-qefc", `stty cols 120 rows 40; ${quoted}`, file],
    cwd: project.root,
    env: { HOME: ralph.home, PATH: `${path}:${Deno.env.get("PATH")}`, TERM: "xterm-256color" },
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    shows: (text: RegExp) =>
      until(async () => text.test(await Deno.readTextFile(file).catch(() => "")), {
        what: `the terminal to show ${text}`,
      }),
    async close() {
      child.kill("SIGTERM");
      await child.stdin.abort().catch(() => {});
      await child.status;
      await Deno.remove(file);
    },
  };
}

Deno.test("status counts a story as passing once that was judged", async () => {
  await using world = await makeWorld();
  const { fake, cli, run } = world;
  const tick = "sed -i 's/- \\[ \\]/- [x]/' tasks/three/prd.md";
  fake.setScript(({ step }) => step === 0 ? call(bash(tick)) : hang());
  await run("three");
  await world.modelCalls(2);
  const [one] = JSON.parse((await cli("status", "--json")).stdout);
  assert.deepEqual(one.stories, { passing: 0, total: 3, claimed: 3 });
  assert.match((await cli("status")).stdout, /\t0\/3\t/);
  const { stdout } = await cli("status", "three");
  assert.match(stdout, /stories: .* 0\/3 pass; 3 more said to be done, and not judged yet/);
});
