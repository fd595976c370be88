/** Who is who: frozen workers, requests of other runs, callers that are gone, workers that fail. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { commandContext } from "../../src/cli/command_context.ts";
import { systemOutput } from "../../src/cli/output/streams.ts";
import { systemHost } from "../../src/worker/system_host.ts";
import { work } from "../../src/worker/worker.ts";
import { systemClock } from "../../src/host/system/clock.ts";
import { workerLives } from "../../src/host/lock/lock.ts";
import { readRequest, sendRequest, takeRequest } from "../../src/host/files/signal_files.ts";
import { temporaryFolder } from "../support/folder.ts";
import { RALPH } from "../support/ralph.ts";
import { say } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";
import { end, makeWorld } from "./processes.ts";

const only = (folder: string) => join(folder, [...Deno.readDirSync(folder)][0].name);
const denoDir = () => Deno.env.get("DENO_DIR") ?? join(Deno.env.get("HOME") ?? "", ".cache/deno");
const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test("a worker that was frozen while another took over exits 5, says so in its log, and leaves the other everything", async () => {
  await using world = await makeWorld();
  const { cli, url, project, ralph, data, fake, row, modelCalls } = world;
  const frozen = ralph.start(["run", "three", "-f", "--server", url], { cwd: project.root });
  const ended = frozen.output();
  await modelCalls(1);
  const before = await row("three");
  Deno.kill(frozen.pid, "SIGSTOP");
  try {
    // Only its end frees its locks; without the files another can begin.
    const locks = join(data, "locks");
    for (const name of names(locks)) await Deno.remove(join(locks, name));
    await world.run("three");
    const taken = await row("three");
    assert.notEqual(taken.workerPid, frozen.pid);
    assert.deepEqual([taken.id, taken.openCodeSessionId], [1, before.openCodeSessionId]);
    const kept = only(join(ralph.home, ".local/state/ralph/kept"));
    const files = names(kept);
    assert(files.includes("prd"), "the PRD is kept");

    Deno.kill(frozen.pid, "SIGCONT");
    const { code, stderr } = await ended;
    const said = new TextDecoder().decode(stderr);
    assert.equal(code, 5, said);
    assert.match(said, /^error: session 1 /);
    assert.match(await world.log("three"), /Z error: session 1 /);
    assert.deepEqual(names(kept), files, "what the other one needs is there");
    const aborts = () => fake.ledger.filter(({ type }) => type === "abort").length;
    assert.equal(aborts(), 0, "the turn goes on");
    assert.equal((await row("three")).status, "running");
    assert.equal((await cli("stop", "three")).code, 0);
    assert.equal(aborts(), 1);
  } finally {
    await end(frozen.pid);
  }
});

Deno.test("a worker that was replaced removes stale requests, and leaves those for a later run where they are", () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "t.signal");
  const run = (sessionId: number, epoch: number, startedAt = "2026-11-20T12:00:00.000Z") => ({
    sessionId,
    epoch,
    startedAt,
  });
  const me = run(3, 2);
  for (const stale of [run(2, 9), run(3, 1), run(3, 2, "2025-01-01T00:00:00.000Z")]) {
    sendRequest(path, stale, "stop");
    assert.equal(takeRequest(path, me), undefined, JSON.stringify(stale));
  }
  for (const later of [run(3, 3), run(4, 1)]) {
    sendRequest(path, later, "stop");
    assert.equal(readRequest(path, me), undefined);
    takeRequest(path, me);
    assert.equal(readRequest(path, later), "stop", "it reaches the run that it is for");
    takeRequest(path, later);
    assert.deepEqual(names(folder.path), []);
  }
});

Deno.test("a worker whose caller is gone before it could be told goes on all the same", async () => {
  await using world = await makeWorld();
  const { url, project, ralph, row, fake, log } = world;
  fake.setScript(() => say("I did nothing"));
  const input = JSON.stringify({
    order: {
      taskDir: join(project.root, "tasks/one"),
      flags: { server: url, limits: { iterations: 1 } },
      accepted: false,
    },
    variables: { HOME: ralph.home, PATH: Deno.env.get("PATH"), DENO_DIR: denoDir() },
    gateEnv: [],
  });
  // Its standard output is a pipe that nobody reads, as after `kill -9` of the caller.
  const { code } = await new Deno.Command("/bin/sh", {
    args: [
      "-c",
      '( sleep 0.3; printf "%s\\n" "$INPUT" ) | { "$@"; echo $? >"$CODE"; } | true',
      "sh",
    ]
      .concat(RALPH, "__worker"),
    cwd: "/",
    env: {
      HOME: ralph.home,
      INPUT: input,
      CODE: join(ralph.home, "code"),
      DENO_DIR: denoDir(),
    },
    stdin: "null",
  }).output();
  assert.equal(code, 0);
  await until(() => Deno.readTextFile(join(ralph.home, "code")).catch(() => ""), {
    what: "the worker to end",
  });
  const { status, reason } = await row("one");
  assert.deepEqual([status, reason], ["stopped", "max_iterations"], await log("one"));
});

Deno.test("a caller that is killed while its worker begins leaves one that works, not a session that starts forever", async () => {
  await using world = await makeWorld();
  const { cli, url, project, ralph, data, row, modelCalls } = world;
  await world.run("one");
  await modelCalls(1);
  await cli("stop", "one");
  const lock = only(join(data, "locks"));
  // The worker gets as far as its lock, and waits for the database then.
  using database = new DatabaseSync(join(data, "sessions.db"));
  database.prepare("BEGIN IMMEDIATE").run();
  const caller = ralph.start(["run", "one", "--server", url], { cwd: project.root });
  await until(() => workerLives(lock), { what: "the worker to take its lock" });
  caller.kill("SIGKILL");
  await caller.output();
  assert.equal(workerLives(lock), true, "the worker does not end with its caller");
  database.prepare("ROLLBACK").run();
  await modelCalls(2);
  const { id, status } = await row("one");
  assert.deepEqual([id, status], [2, "running"]);
  assert.equal((await cli("stop", "one")).code, 0);
});

Deno.test("a caller that is killed before it has said what to do leaves nothing", async () => {
  await using world = await makeWorld();
  const { ralph, project } = world;
  for (const input of ["", '{"order":{"taskDir":"/']) {
    const child = new Deno.Command("/bin/sh", {
      args: ["-c", 'printf %s "$INPUT" | "$@"', "sh", ...RALPH, "__worker"],
      cwd: project.root,
      env: { HOME: ralph.home, INPUT: input, DENO_DIR: denoDir() },
    });
    const { code, stderr } = await child.output();
    const said = new TextDecoder().decode(stderr);
    assert.equal(code, 1, said);
    assert.match(said, /^error: the worker was not told what to do: its caller has ended\n/);
  }
  assert.match((await world.cli("status")).stderr, /No sessions yet/);
});

Deno.test("a worker that fails itself exits 70 with the stack in its log, and its session has failed", async () => {
  await using world = await makeWorld();
  const { cli, url, row, sql, fake, log, modelCalls } = world;
  const asked = Promise.withResolvers<void>();
  fake.setScript(async () => {
    await asked.promise;
    return say("I did nothing");
  });
  await world.run("three", "-n", "5");
  await modelCalls(1);
  await cli("checkpoint", "three");
  asked.resolve();
  assert.equal((await cli("wait", "three")).code, 8);
  // What no program wrote: a bug elsewhere would look like this.
  sql(`CREATE TRIGGER bug BEFORE INSERT ON iterations BEGIN SELECT raise(ABORT, 'a bug'); END`);
  const { code, stderr } = await cli("run", "three", "-f", "--server", url);
  assert.equal(code, 70, stderr);
  assert.match(stderr, /^error: this is a bug in ralph\n\nError: a bug\n +at /);
  const { status, reason, detail } = await row("three");
  assert.deepEqual([status, reason], ["failed", "internal_error"]);
  assert.match(detail ?? "", /^a bug in ralph: /);
  assert.match(
    await log("three"),
    /Z error: this is a bug in ralph\n.*\n.*Error: a bug\n.*Z +at /,
  );
  sql("DROP TRIGGER bug");
  await world.run("three", "-n", "1");
  assert.equal((await row("three")).id, 2, "the next run starts anew");
  await cli("wait", "three");
});

Deno.test("a worker that fails itself in mid-iteration aborts the turn, and leaves no iteration under way", async () => {
  await using world = await makeWorld();
  const { url, project, fake, sql } = world;
  const failing = work(
    hostIn(world),
    { taskDir: join(project.root, "tasks/one"), flags: { server: url }, accepted: false },
    {
      signal: new AbortController().signal,
      emit(event) {
        // Just before the prompt is sent.
        if (event.type === "opencode_session") throw new TypeError("made to fail");
      },
    },
  );
  await assert.rejects(failing, /^TypeError: made to fail/);
  assert.deepEqual(sql("SELECT status, reason, detail FROM sessions"), [
    { status: "failed", reason: "internal_error", detail: "a bug in ralph: made to fail" },
  ]);
  assert.deepEqual(sql("SELECT outcome, detail FROM iterations"), [
    { outcome: "interrupted", detail: "a bug in ralph: made to fail" },
  ]);
  assert(fake.ledger.some(({ type }) => type === "abort"));
});

Deno.test("what fails in a callback that nobody waits for ends the session as a bug, and its turn", async () => {
  await using world = await makeWorld();
  const { url, project, fake, sql, modelCalls, log } = world;
  const host = hostIn(world);
  let fail = () => {};
  const failing = work(
    {
      ...host,
      watchRequests(task, options) {
        fail = () => options.onError(new TypeError("made to fail"));
        return host.watchRequests(task, options);
      },
    },
    { taskDir: join(project.root, "tasks/three"), flags: { server: url }, accepted: false },
    { signal: new AbortController().signal, emit: () => {} },
  );
  await modelCalls(1);
  fail();
  await assert.rejects(failing, /^TypeError: made to fail/);
  assert.deepEqual(sql("SELECT status, reason, detail FROM sessions"), [
    { status: "failed", reason: "internal_error", detail: "a bug in ralph: made to fail" },
  ]);
  assert.deepEqual(sql("SELECT outcome FROM iterations"), [{ outcome: "interrupted" }]);
  assert.match(await log("three"), /TypeError: made to fail\n.* at /);
  assert(fake.ledger.some((entry) => entry.type === "abort" && entry.effective));
});

/** The real host of a worker, in this process. */
function hostIn({ ralph, project }: Awaited<ReturnType<typeof makeWorld>>) {
  return systemHost(commandContext({
    output: systemOutput(() => undefined),
    clock: systemClock,
    environment: (name) => name === "HOME" ? ralph.home : undefined,
    mainUrl: new URL("../../main.ts", import.meta.url).href,
    cwd: () => project.root,
  }));
}
