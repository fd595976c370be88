import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { RalphError } from "../../../src/error.ts";
import { type Migration, migrationOf } from "../../../src/registry/migrations.ts";
import { LostSession, openRegistry, openRegistryReadOnly } from "../../../src/registry/registry.ts";
import type { WorkerSettings } from "../../../src/registry/model.ts";
import { temporaryFolder } from "../../support/folder.ts";

const folder = new URL("../../../migrations/", import.meta.url);
const migrations: readonly Migration[] = [...Deno.readDirSync(folder)]
  .map(({ name }) => migrationOf(name, Deno.readTextFileSync(new URL(name, folder))))
  .filter((migration) => migration !== undefined);

const NOW = Date.UTC(2026, 10, 20, 12);
const open = (path: string, extra: readonly Migration[] = []) =>
  openRegistry({ path, migrations: [...migrations, ...extra], now: () => NOW });

const task = { taskName: "t", taskDir: "/p/tasks/t", projectRoot: "/p" };
const worker: WorkerSettings = {
  maxIterations: 10,
  serverUrl: "http://127.0.0.1:14096",
  serverPort: 14096,
  workerPid: 42,
  workerVersion: "0.0.0",
};
const usage = {
  inputTokens: 800,
  outputTokens: 40,
  reasoningTokens: 10,
  cacheReadTokens: 200,
  cacheWriteTokens: 0,
  costUsd: 0.0032,
  modelCalls: 2,
};

function refusal(kind: string, message: RegExp) {
  return (error: unknown) => {
    assert(error instanceof RalphError);
    assert.equal(error.kind, kind);
    assert.match(error.message, message);
    return true;
  };
}

Deno.test("a session goes from its start through an iteration to its end", () => {
  using dir = temporaryFolder();
  const registry = open(`${dir.path}/sessions.db`);
  const lease = registry.startSession(task, worker);
  registry.beginIteration(lease, {
    number: 1,
    storyId: "US-001",
    storyTitle: "First",
    openCodeTitle: "unique",
    headBefore: "aaa",
  });
  assert.equal(registry.session(lease.sessionId)?.activity, "prompting");
  registry.setOpenCodeSession(lease, 1, "ses_1");
  registry.setPrompted(lease, 1);
  registry.endIteration(lease, {
    number: 1,
    outcome: "advanced",
    storiesPassed: ["US-001"],
    headAfter: "bbb",
    commits: 1,
    filesChanged: 2,
    usage,
    answers: [{ asked: "may I?", answer: "once", at: NOW }],
  });
  registry.endSession(lease, { status: "completed", reason: "all_stories_pass", detail: "done" });

  const session = registry.session(lease.sessionId);
  assert.equal(session?.status, "completed");
  assert.equal(session?.iterations, 1);
  assert.equal(session?.openCodeSessionId, "ses_1");
  assert.equal(session?.endedAt, "2026-11-20T12:00:00.000Z");
  const [iteration] = registry.iterations(lease.sessionId);
  assert.deepEqual(iteration.usage, usage);
  assert.deepEqual(iteration.storiesPassed, ["US-001"]);
  assert.equal(iteration.headBefore, "aaa");
  assert.equal(iteration.outcome, "advanced");
  registry.close();
});

Deno.test("unknown usage is null, not nought", () => {
  using dir = temporaryFolder();
  const registry = open(`${dir.path}/sessions.db`);
  const lease = registry.startSession(task, worker);
  registry.beginIteration(lease, {
    number: 1,
    storyId: "a",
    storyTitle: "A",
    openCodeTitle: "unique",
  });
  registry.endIteration(lease, { number: 1, outcome: "error", storiesPassed: [], answers: [] });
  assert.equal(registry.iterations(lease.sessionId)[0].usage, null);
  registry.close();
});

Deno.test("a task has one running session at a time, another task has its own", () => {
  using dir = temporaryFolder();
  const registry = open(`${dir.path}/sessions.db`);
  const lease = registry.startSession(task, worker);
  assert.throws(() => registry.startSession(task, worker), refusal("conflict", /running already/));
  registry.startSession({ ...task, taskDir: "/p/tasks/u" }, worker);
  registry.endSession(lease, { status: "stopped", reason: "user_stop", detail: "" });
  assert.notEqual(registry.startSession(task, worker).sessionId, lease.sessionId);
  registry.close();
});

Deno.test("a worker whose session was taken over can write nothing more", () => {
  using dir = temporaryFolder();
  const registry = open(`${dir.path}/sessions.db`);
  const old = registry.startSession(task, worker);
  registry.beginIteration(old, {
    number: 1,
    storyId: "a",
    storyTitle: "A",
    openCodeTitle: "unique",
  });
  assert.equal(registry.markWorkerDied({ id: old.sessionId, epoch: 1 }, "gone"), true);
  const young = registry.continueSession(old.sessionId, worker);
  assert.deepEqual(young, { sessionId: old.sessionId, epoch: 2 });

  assert.throws(() => registry.setActivity(old, "x"), LostSession);
  assert.throws(() => registry.setPrompted(old, 1), LostSession);
  assert.throws(() => registry.setOpenCodeSession(old, 1, "ses_x"), LostSession);
  const end = { number: 1, outcome: "worked", storiesPassed: [], answers: [] } as const;
  assert.throws(() => registry.endIteration(old, end), LostSession);
  assert.throws(
    () => registry.endSession(old, { status: "stopped", reason: "user_stop", detail: "" }),
    LostSession,
  );
  assert.equal(registry.session(old.sessionId)?.activity, "starting");
  assert.equal(registry.iterations(old.sessionId)[0].outcome, null);
  registry.endIteration(young, end);
  assert.throws(() => registry.endIteration(young, end), LostSession, "an outcome is final");
  registry.close();
});

Deno.test("marking a dead worker changes running sessions only", () => {
  using dir = temporaryFolder();
  const registry = open(`${dir.path}/sessions.db`);
  const lease = registry.startSession(task, worker);
  registry.endSession(lease, { status: "completed", reason: "all_stories_pass", detail: "done" });
  const before = registry.session(lease.sessionId);
  assert.equal(registry.markWorkerDied({ id: lease.sessionId, epoch: 1 }, "gone"), false);
  assert.deepEqual(registry.session(lease.sessionId), before);
  assert.throws(
    () => registry.continueSession(lease.sessionId, worker),
    refusal("conflict", /cannot be continued/),
  );
  registry.close();
});

Deno.test("a file of two statements is applied whole, once, and a copy is made first", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  const first = open(path);
  const { sessionId } = first.startSession(task, worker);
  first.close();
  const extra = migrationOf("0099_two.sql", "CREATE TABLE one (a); CREATE TABLE two (b);");
  assert(extra);
  open(path, [extra]).close();
  open(path, [extra]).close();
  const database = new DatabaseSync(path);
  const names = database.prepare("SELECT name FROM sqlite_schema WHERE name IN ('one', 'two')");
  assert.equal(names.all().length, 2);
  database.close();
  const copy = openRegistryReadOnly({ path: `${path}.before-2`, migrations });
  assert.equal(copy?.session(sessionId)?.taskName, "t");
  copy?.close();
});

Deno.test("a migration that fails half way changes nothing", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  open(path).close();
  const broken = migrationOf("0099_broken.sql", "CREATE TABLE one (a); CREATE TABLE one (a);");
  assert(broken);
  assert.throws(() => open(path, [broken]));
  const database = new DatabaseSync(path);
  assert.equal(database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'one'").get(), undefined);
  assert.equal(
    database.prepare("SELECT max(number) AS n FROM migrations").get()?.n,
    migrations.length,
  );
  database.close();
});

Deno.test("newer, foreign and damaged databases are refused and left as they are", () => {
  using dir = temporaryFolder();
  const cases: [string, (path: string) => void, RegExp][] = [
    ["newer", (path) => {
      open(path, [{ number: 9_000, name: "future", sql: "CREATE TABLE future (a)" }]).close();
    }, /newer ralph/],
    ["foreign", (path) => {
      const database = new DatabaseSync(path);
      database.exec("CREATE TABLE somebody_elses (a)");
      database.close();
    }, /tables that this ralph did not make/],
    ["not-sqlite", (path) => Deno.writeTextFileSync(path, "hello ".repeat(1000)), /not a database/],
  ];
  for (const [name, make, message] of cases) {
    const path = `${dir.path}/${name}.db`;
    make(path);
    const before = Deno.readFileSync(path);
    assert.throws(() => open(path), refusal("state", message), name);
    assert.deepEqual(Deno.readFileSync(path), before, name);
  }
});

Deno.test("reading needs a database that is there and up to date, and writes nothing", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  assert.throws(() => openRegistryReadOnly({ path, migrations }), refusal("state", /cannot open/));
  assert.deepEqual([...Deno.readDirSync(dir.path)], []);
  open(path).close();
  const newer = [...migrations, { number: 99, name: "x", sql: "SELECT 1" }];
  assert.equal(openRegistryReadOnly({ path, migrations: newer }), undefined);
  const reader = openRegistryReadOnly({ path, migrations });
  assert.deepEqual(reader?.sessions({ limit: 5 }), []);
  reader?.close();
});

Deno.test("the database and its side files are their owner's alone", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  const registry = open(path);
  registry.startSession(task, worker);
  for (const { name } of Deno.readDirSync(dir.path)) {
    assert.equal((Deno.statSync(`${dir.path}/${name}`).mode ?? 0) & 0o777, 0o600, name);
  }
  registry.close();
});

Deno.test("a folder that is not there is told, not made", () => {
  using dir = temporaryFolder();
  assert.throws(() => open(`${dir.path}/none/sessions.db`), refusal("state", /cannot open/));
});
