import assert from "node:assert/strict";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { RalphError } from "../../../src/error.ts";
import { StoreError } from "../../../src/store/database.ts";
import { type Migration, migrationOf } from "../../../src/store/migrations.ts";
import { LostSession, openStore, openStoreReadOnly } from "../../../src/store/store.ts";
import { ACTIVITY_KINDS, type WorkerSettings } from "../../../src/store/model.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { migrations } from "../../support/migrations.ts";

const NOW = Date.UTC(2026, 10, 20, 12);
const open = (path: string, extra: readonly Migration[] = []) =>
  openStore({ path, migrations: [...migrations, ...extra], now: () => NOW });

const task = { taskName: "t", taskDir: "/p/tasks/t", projectRoot: "/p" };
const worker: WorkerSettings = {
  maxIterations: 10,
  serverUrl: "http://127.0.0.1:14096",
  serverPort: 14096,
  workerPid: 42,
  workerVersion: "0.0.0",
  accepted: false,
};
const newIteration = { number: 1, storyId: "a", storyTitle: "A", openCodeTitle: "unique" };
const start = { settings: '{"limits":{}}', tree: '{"changed":[]}', choices: null };
const usage = {
  inputTokens: 800,
  outputTokens: 40,
  reasoningTokens: 10,
  cacheReadTokens: 200,
  cacheWriteTokens: 0,
  costUsd: 0.0032,
  derivedCostUsd: 0.0001,
  modelCalls: 2,
  unpricedCalls: 1,
  uncountedCalls: 0,
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
  const store = open(`${dir.path}/sessions.db`);
  const lease = store.startSession(task, worker, start);
  store.beginIteration(lease, {
    number: 1,
    storyId: "US-001",
    storyTitle: "First",
    openCodeTitle: "unique",
    headBefore: "aaa",
  });
  assert.equal(store.session(lease.sessionId)?.activity, "prompting");
  store.setOpenCodeSession(lease, 1, "ses_1", { prompt: "do it\n" });
  store.setPrompted(lease, 1);
  store.addAnswer(lease, 1, { asked: "may I?", answer: "once", at: NOW });
  store.endIteration(lease, {
    number: 1,
    outcome: "advanced",
    storiesPassed: ["US-001"],
    headAfter: "bbb",
    commits: 1,
    filesChanged: 2,
    usage,
  });
  store.endSession(lease, { status: "completed", reason: "all_stories_pass", detail: "done" });

  const session = store.session(lease.sessionId);
  assert.equal(session?.status, "completed");
  assert.equal(session?.iterations, 1);
  assert.equal(session?.openCodeSessionId, "ses_1");
  assert.equal(session?.endedAt, "2026-11-20T12:00:00.000Z");
  assert.equal(store.prompt(lease.sessionId, 1), "do it\n");
  assert.equal(store.prompt(lease.sessionId, 2), undefined);
  assert.deepEqual(store.answers(lease.sessionId, 1), [
    { asked: "may I?", answer: "once", at: NOW },
  ]);
  const [iteration] = store.iterations(lease.sessionId);
  assert.deepEqual(iteration.usage, usage);
  assert.deepEqual(iteration.storiesPassed, ["US-001"]);
  assert.equal(iteration.headBefore, "aaa");
  assert.equal(iteration.outcome, "advanced");
  assert(store.forget(lease.sessionId));
  assert.equal(store.prompt(lease.sessionId, 1), undefined, "a prompt goes with its session");
  store.close();
});

Deno.test("unknown usage is null, not nought", () => {
  using dir = temporaryFolder();
  const store = open(`${dir.path}/sessions.db`);
  const lease = store.startSession(task, worker, start);
  store.beginIteration(lease, newIteration);
  store.endIteration(lease, { number: 1, outcome: "error", storiesPassed: [] });
  assert.equal(store.iterations(lease.sessionId)[0].usage, null);
  store.close();
});

Deno.test("a task has one running session at a time, another task has its own", () => {
  using dir = temporaryFolder();
  const store = open(`${dir.path}/sessions.db`);
  const lease = store.startSession(task, worker, start);
  assert.throws(
    () => store.startSession(task, worker, start),
    refusal("conflict", /running already/),
  );
  store.startSession({ ...task, taskDir: "/p/tasks/u" }, worker, start);
  store.endSession(lease, { status: "stopped", reason: "user_stop", detail: "" });
  assert.notEqual(store.startSession(task, worker, start).sessionId, lease.sessionId);
  store.close();
});

Deno.test("a worker whose session was taken over can write nothing more", () => {
  using dir = temporaryFolder();
  const store = open(`${dir.path}/sessions.db`);
  const old = store.startSession(task, worker, start);
  store.beginIteration(old, newIteration);
  assert.equal(store.markWorkerDied({ id: old.sessionId, epoch: 1 }, "gone"), true);
  const young = store.continueSession(old.sessionId, worker, start);
  assert.deepEqual(young, { sessionId: old.sessionId, epoch: 2 });

  assert.throws(() => store.setActivity(old, { kind: "working", text: "x" }), LostSession);
  assert.throws(() => store.setPrompted(old, 1), LostSession);
  assert.throws(() => store.setOpenCodeSession(old, 1, "ses_x"), LostSession);
  const end = { number: 1, outcome: "worked", storiesPassed: [] } as const;
  assert.throws(() => store.endIteration(old, end), LostSession);
  assert.throws(
    () => store.endSession(old, { status: "stopped", reason: "user_stop", detail: "" }),
    LostSession,
  );
  assert.equal(store.session(old.sessionId)?.activity, "starting");
  assert.equal(store.iterations(old.sessionId)[0].outcome, null);
  store.endIteration(young, end);
  assert.throws(() => store.endIteration(young, end), LostSession, "an outcome is final");
  store.close();
});

Deno.test("whether the abort of a turn was confirmed is read back, and is not known otherwise", () => {
  using dir = temporaryFolder();
  const store = open(`${dir.path}/sessions.db`);
  const lease = store.startSession(task, worker, start);
  const known = [false, true, undefined];
  for (const [index, abortConfirmed] of known.entries()) {
    const number = index + 1;
    const openCodeTitle = `unique ${number}`;
    store.beginIteration(lease, { number, storyId: "a", storyTitle: "A", openCodeTitle });
    store.endIteration(lease, { number, outcome: "timeout", storiesPassed: [], abortConfirmed });
  }
  const read = store.iterations(lease.sessionId).map((one) => one.abortConfirmed);
  assert.deepEqual(read, [false, true, null]);
  store.close();
});

Deno.test("marking a dead worker changes running sessions only", () => {
  using dir = temporaryFolder();
  const store = open(`${dir.path}/sessions.db`);
  const lease = store.startSession(task, worker, start);
  store.endSession(lease, { status: "completed", reason: "all_stories_pass", detail: "done" });
  const before = store.session(lease.sessionId);
  assert.equal(store.markWorkerDied({ id: lease.sessionId, epoch: 1 }, "gone"), false);
  assert.deepEqual(store.session(lease.sessionId), before);
  assert.throws(
    () => store.continueSession(lease.sessionId, worker, start),
    refusal("conflict", /cannot be continued/),
  );
  store.close();
});

Deno.test("a file of two statements is applied whole, once, and a copy is made first", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  const first = open(path);
  const { sessionId } = first.startSession(task, worker, start);
  first.close();
  const extra = migrationOf("0099_two.sql", "CREATE TABLE one (a); CREATE TABLE two (b);");
  assert(extra);
  open(path, [extra]).close();
  open(path, [extra]).close();
  const database = new DatabaseSync(path);
  const names = database.prepare("SELECT name FROM sqlite_schema WHERE name IN ('one', 'two')");
  assert.equal(names.all().length, 2);
  database.close();
  const copy = openStoreReadOnly({
    path: `${path}.before-${migrations.length + 1}`,
    migrations,
  });
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
  assert.throws(() => openStoreReadOnly({ path, migrations }), refusal("state", /cannot open/));
  assert.deepEqual([...Deno.readDirSync(dir.path)], []);
  open(path).close();
  const newer = [...migrations, { number: 99, name: "x", sql: "SELECT 1" }];
  assert.equal(openStoreReadOnly({ path, migrations: newer }), undefined);
  const reader = openStoreReadOnly({ path, migrations });
  assert.deepEqual(reader?.sessions({ limit: 5 }), []);
  reader?.close();
});

Deno.test("the database and its side files are their owner's alone", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  const store = open(path);
  store.startSession(task, worker, start);
  for (const { name } of Deno.readDirSync(dir.path)) {
    assert.equal((Deno.statSync(`${dir.path}/${name}`).mode ?? 0) & 0o777, 0o600, name);
  }
  store.close();
});

Deno.test("a database that is removed or replaced while it is open is noticed", () => {
  const gone: [string, (path: string) => void][] = [
    ["removed", (path) => Deno.removeSync(path)],
    ["moved away", (path) => Deno.renameSync(path, `${path}.old`)],
    ["replaced by its copy", (path) => {
      Deno.copyFileSync(path, `${path}.copy`);
      Deno.renameSync(`${path}.copy`, path);
    }],
    ["its log removed", (path) => Deno.removeSync(`${path}-wal`)],
    ["its folder moved", (path) => Deno.renameSync(dirname(path), `${dirname(path)}-old`)],
  ];
  for (const [how, change] of gone) {
    using dir = temporaryFolder();
    Deno.mkdirSync(`${dir.path}/data`);
    const path = `${dir.path}/data/sessions.db`;
    const store = open(path);
    const other = open(path);
    store.startSession(task, worker, start);
    store.requireSame();
    // neither a checkpoint of the log nor another program's closing it is a change
    const checkpoint = new DatabaseSync(path);
    checkpoint.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    checkpoint.close();
    other.close();
    store.requireSame();
    change(path);
    assert.throws(
      () => store.requireSame(),
      (error) => error instanceof StoreError && !error.passing && error.message.includes(path),
      how,
    );
    store.close();
  }
});

Deno.test("every commit of a worker is on the disk before it is reported", () => {
  using dir = temporaryFolder();
  const { prepare } = DatabaseSync.prototype;
  const connections = new Set<DatabaseSync>();
  DatabaseSync.prototype.prepare = function (...args) {
    connections.add(this);
    return prepare.apply(this, args);
  };
  try {
    const store = open(`${dir.path}/sessions.db`);
    store.startSession(task, worker, start);
    const own = [...connections].filter((one) => one.isOpen);
    assert.equal(own.length, 1);
    // FULL: one sync of the log for each commit (sqlite.org/pragma.html)
    assert.equal(own[0].prepare("PRAGMA synchronous").get()?.synchronous, 2);
    assert.equal(own[0].prepare("PRAGMA journal_mode").get()?.journal_mode, "wal");
    store.close();
  } finally {
    DatabaseSync.prototype.prepare = prepare;
  }
});

Deno.test("a folder that is not there is told, not made", () => {
  using dir = temporaryFolder();
  assert.throws(() => open(`${dir.path}/none/sessions.db`), refusal("state", /cannot open/));
});

Deno.test("what the loop found out is read back, by iteration and in order", () => {
  using dir = temporaryFolder();
  const store = open(`${dir.path}/sessions.db`);
  const lease = store.startSession(task, worker, start);
  store.beginIteration(lease, newIteration);
  const gate = {
    gate: "deno test",
    passed: true,
    flaky: true,
    why: "exit code 0",
    output: "ok",
    durationMs: 5,
  };
  const failed = { ...gate, gate: "deno lint", passed: false, flaky: false, why: "exit code 1" };
  store.endIteration(lease, {
    number: 1,
    outcome: "advanced",
    storiesPassed: ["a"],
    usage,
    blocked: "a key",
    failure: "it fails",
    failureKey: "key",
    gates: [{ ...gate, durationMs: 4.6 }, failed],
    claims: [
      { storyId: "a", held: true, why: null },
      { storyId: "b", held: false, why: "no" },
      { storyId: "c", held: null, why: "stopped" },
    ],
    notes: [{ about: "prd", text: "put back" }, { about: "git", kind: "hooks_off", text: "off" }],
  });
  const [iteration] = store.iterations(lease.sessionId);
  assert.deepEqual(
    [iteration.usage, iteration.blocked, iteration.failure, iteration.failureKey],
    [usage, "a key", "it fails", "key"],
  );
  store.recordFinalRun(lease, {
    iteration: 1,
    gates: [failed],
    notes: [{ about: "protected", text: "as they were" }],
    takenBack: [{ storyId: "a", why: "it fails now" }],
    failure: "at the end",
    failureKey: undefined,
  });
  assert.deepEqual(store.findings(lease.sessionId), {
    gates: [
      { iteration: 1, final: false, ...gate },
      { iteration: 1, final: false, ...failed },
      { iteration: 1, final: true, ...failed },
    ],
    claims: [
      { iteration: 1, storyId: "a", held: false, why: "it fails now" },
      { iteration: 1, storyId: "b", held: false, why: "no" },
      { iteration: 1, storyId: "c", held: null, why: "stopped" },
    ],
    notes: [
      { iteration: 1, about: "prd", kind: null, text: "put back" },
      { iteration: 1, about: "git", kind: "hooks_off", text: "off" },
      { iteration: 1, about: "protected", kind: null, text: "as they were" },
    ],
  });
  const [after] = store.iterations(lease.sessionId);
  assert.deepEqual([after.failure, after.failureKey], ["at the end", null]);

  store.endSession(lease, { status: "stopped", reason: "user_stop", detail: "" });
  assert(store.forget(lease.sessionId));
  assert.deepEqual(store.findings(lease.sessionId), { gates: [], claims: [], notes: [] });
  store.close();
});

Deno.test("what a session waits for is on record until it works again, or is over", () => {
  using dir = temporaryFolder();
  const store = open(`${dir.path}/s.db`);
  const lease = store.startSession(task, worker, start);
  const kind = () => store.session(lease.sessionId)?.activityKind;
  assert.equal(kind(), null);
  for (const one of ACTIVITY_KINDS) {
    store.setActivity(lease, { kind: one, text: "waits" });
    assert.equal(kind(), one);
  }
  store.setActivity(lease, { kind: "working", text: "works" });
  assert.equal(kind(), null);
  store.setActivity(lease, { kind: "retrying", text: "waits" });
  store.beginIteration(lease, newIteration);
  assert.equal(kind(), null);
  store.setActivity(lease, { kind: "retrying", text: "waits" });
  assert(store.markWorkerDied({ id: lease.sessionId, epoch: 1 }, "gone"));
  assert.equal(kind(), null);
  store.close();
});

Deno.test("a session that is not running is ended for good, and what was under way in it", () => {
  using dir = temporaryFolder();
  const store = open(`${dir.path}/s.db`);
  const lease = store.startSession(task, worker, start);
  const session = { id: lease.sessionId, epoch: 1 };
  store.beginIteration(lease, newIteration);
  assert.equal(store.abandon(session, "over"), false, "it is running");
  assert(store.markWorkerDied(session, "gone"));
  assert.equal(store.abandon({ ...session, epoch: 2 }, "over"), false, "another has it");
  assert.equal(store.abandon(session, "over"), true);
  const { status, reason, detail } = store.session(session.id) ?? {};
  assert.deepEqual([status, reason, detail], ["stopped", "user_stop", "over"]);
  const [{ outcome, endedAt }] = store.iterations(session.id);
  assert.deepEqual([outcome, typeof endedAt], ["stopped", "string"]);
  store.close();
});

Deno.test("a session that goes on keeps its start, what was said, and how long it ran", () => {
  using dir = temporaryFolder();
  let now = NOW;
  const store = openStore({ path: `${dir.path}/s.db`, migrations, now: () => now });
  const first = store.startSession(task, { ...worker, said: "yes" }, start);
  now += 60_000;
  store.setActivity(first, { kind: "working", text: "working" });
  now += 3_600_000;
  assert(store.markWorkerDied({ id: first.sessionId, epoch: 1 }, "gone"));
  assert.equal(store.workedMs(first.sessionId), 60_000, "and not until it was found");
  const later = {
    settings: '{"limits":{"iterations":20,"costUsd":2.5}}',
    tree: null,
    choices: "{}",
  };
  const second = store.continueSession(first.sessionId, worker, later);
  assert.equal(store.ranBeforeMs(first.sessionId), 60_000, "up to its last word");
  assert.equal(store.maxCostUsd(first.sessionId), 2.5);
  assert.deepEqual(store.sessionStart(first.sessionId), { ...later, tree: start.tree });
  assert.equal(store.session(first.sessionId)?.said, "yes");
  now += 30_000;
  store.endSession(second, { status: "checkpointed", reason: "checkpoint", detail: "" });
  now += 3_600_000;
  const third = store.continueSession(
    first.sessionId,
    { ...worker, said: "no", accepted: true },
    start,
  );
  assert.equal(store.ranBeforeMs(first.sessionId), 90_000);
  assert.equal(store.workedMs(first.sessionId), 90_000);
  const session = store.session(first.sessionId);
  assert.deepEqual([session?.said, session?.accepted], ["no", true]);
  store.setStartTree(third, '{"changed":[1]}');
  assert.equal(store.sessionStart(first.sessionId)?.tree, '{"changed":[1]}');
  assert.throws(() => store.setStartTree(second, "{}"), LostSession);
  store.close();
});

/** As they were written when a note had no kind. */
const NOTES_OF_A_KIND = [
  ["yours, and not committed before: `a`: put away in `stash@{0}`", "persons_file"],
  [
    "yours, and not committed before: `a`: changed, and now in the commit 0123456789ab, so that",
    "persons_file_committed",
  ],
  ["how git works here was changed while a turn was at work: `user.name` is `Bot`", "git_setup"],
  [
    "how git works here was changed while a turn was at work: `remote.fork.url` is new",
    "git_remote",
  ],
  ["hooks that ran before that turn are not run any more: `pre-commit`", "hooks_off"],
  ["a command in the background was ended 3 min after the agent's work: npm start", "job_ended"],
] as const;

Deno.test("what was told by words before is a fact afterwards, and notes have today's names", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  const earlier = openStore({ path, migrations: migrations.slice(0, 4), now: () => NOW });
  earlier.close();
  const database = new DatabaseSync(path);
  const unconfirmed = "the server did not confirm that";
  const details = [
    `stopped by a person; ${unconfirmed} the turn was aborted`,
    `the worker was asked to end in mid-turn; ${unconfirmed} it was aborted`,
    "US-001 passes",
    null,
  ];
  database.exec(`INSERT INTO sessions (task_name, task_dir, project_root, status, started_at,
      updated_at, ended_at)
    VALUES ('t', '/p/tasks/t', '/p', 'stopped', '2026-01-01', '2026-01-01', '2026-01-01')`);
  const add = database.prepare(`INSERT INTO iterations (session_id, number, opencode_title, outcome,
      detail, started_at, ended_at)
    VALUES (1, ?, ?, 'stopped', ?, '2026-01-01', '2026-01-01')`);
  for (const [index, detail] of details.entries()) add.run(index + 1, `${index}`, detail);
  database.exec(`INSERT INTO session_notes (session_id, iteration, position, about, text)
    VALUES (1, 1, 0, 'judge', 'as they were'), (1, 1, 1, 'git', 'elsewhere')`);
  const note = database.prepare(`INSERT INTO session_notes (session_id, iteration, position, about,
      text)
    VALUES (1, 2, ?, 'git', ?)`);
  for (const [index, [text]] of NOTES_OF_A_KIND.entries()) note.run(index, text);
  database.close();

  const store = open(path);
  const facts = store.iterations(1).map(({ abortConfirmed }) => abortConfirmed);
  assert.deepEqual(facts, [false, false, null, null]);
  assert.deepEqual(store.findings(1).notes, [
    { iteration: 1, about: "protected", kind: null, text: "as they were" },
    { iteration: 1, about: "git", kind: null, text: "elsewhere" },
    ...NOTES_OF_A_KIND.map(([text, kind]) => ({ iteration: 2, about: "git", kind, text })),
  ]);
  assert(store.forget(1));
  assert.deepEqual(store.findings(1).notes, [], "they belong to their session as before");
  store.close();
});

Deno.test("sessions of the first schema stay readable, and can go on", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/sessions.db`;
  const database = new DatabaseSync(path);
  database.exec(migrations[0].sql);
  database.exec(`CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL,
      applied_at TEXT NOT NULL) STRICT;
    INSERT INTO migrations VALUES (1, 'sessions', '2026-01-01T00:00:00.000Z');
    INSERT INTO sessions (task_name, task_dir, project_root, status, reason, max_iterations,
        started_at, updated_at, ended_at)
      VALUES ('t', '/p/tasks/t', '/p', 'checkpointed', 'checkpoint', 7,
        '2026-01-01T00:00:00.000Z', '2026-01-01T01:00:00.000Z', '2026-01-01T01:00:00.000Z');
    INSERT INTO iterations (session_id, number, opencode_title, outcome, input_tokens,
        output_tokens, reasoning_tokens, cache_read_tokens, cache_write_tokens, cost_usd,
        model_calls, started_at, ended_at)
      VALUES (1, 1, 'x', 'worked', 1, 2, 3, 4, 5, 0.5, 6, '2026-01-01T00:00:00.000Z',
        '2026-01-01T00:10:00.000Z');`);
  database.close();
  const store = open(path);
  const [iteration] = store.iterations(1);
  assert.equal(iteration.usage?.costUsd, 0.5);
  assert.deepEqual([iteration.usage?.derivedCostUsd, iteration.usage?.unpricedCalls], [0, 0]);
  assert.deepEqual([iteration.failure, iteration.blocked], [null, null]);
  assert.equal(store.sessionStart(1), undefined);
  assert.equal(store.ranBeforeMs(1), 0);
  assert.deepEqual([store.workedMs(1), store.maxCostUsd(1)], [undefined, undefined]);
  store.continueSession(1, worker, start);
  assert.deepEqual(store.sessionStart(1), start);
  assert.equal(store.ranBeforeMs(1), 0, "not known, so not made up");
  store.close();
});

/** Values that a row of the session `id` may not have, however they came there. */
function spoil(path: string, sql: string, { anyType = false } = {}): void {
  const database = new DatabaseSync(path);
  database.exec("PRAGMA ignore_check_constraints = ON");
  if (anyType) {
    // The same table without its constraints.
    database.exec(`PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON;
      CREATE TABLE loose AS SELECT * FROM sessions;
      DROP TABLE sessions;
      ALTER TABLE loose RENAME TO sessions;
      CREATE UNIQUE INDEX loose_id ON sessions (id)`);
  }
  database.exec(sql);
  database.close();
}

const SPOILT: Record<string, { sql: string; anyType?: boolean }> = {
  "numbers that JavaScript has not": {
    sql: `UPDATE sessions SET worker_pid = 9223372036854775807, epoch = 9223372036854775807
        WHERE id = 1;
      UPDATE iterations SET input_tokens = 9223372036854775807 WHERE session_id = 1`,
  },
  "a status that there is not": { sql: "UPDATE sessions SET status = 'odd' WHERE id = 1" },
  "no status, no name, text for a number": {
    sql: `UPDATE sessions SET status = NULL, task_name = NULL, epoch = 'x', max_iterations = 'y'
      WHERE id = 1`,
    anyType: true,
  },
  "bytes for texts": {
    sql: "UPDATE sessions SET status = x'00ff', detail = x'ff' WHERE id = 1",
    anyType: true,
  },
  "a text of 20 MB": {
    sql: "UPDATE sessions SET detail = hex(zeroblob(10000000)) WHERE id = 1",
  },
};

for (const [what, { sql, anyType }] of Object.entries(SPOILT)) {
  Deno.test(`a row with ${what} does not hide the others, and can be forgotten`, () => {
    using dir = temporaryFolder();
    const path = `${dir.path}/sessions.db`;
    const before = open(path);
    for (const taskDir of ["/p/tasks/t", "/p/tasks/u"]) {
      const lease = before.startSession({ ...task, taskDir }, worker, start);
      for (const number of [1, 2]) {
        before.beginIteration(lease, { ...newIteration, number });
        before.endIteration(lease, { number, outcome: "worked", storiesPassed: [], usage });
      }
      before.endSession(lease, { status: "stopped", reason: "user_stop", detail: "d" });
    }
    before.close();
    spoil(path, sql, { anyType });

    const store = openStore({ path, migrations, now: () => NOW, letsRowsBe: true });
    const all = store.sessions({ limit: 10 });
    assert.deepEqual(all.map(({ id }) => id), [2, 1]);
    assert.equal(all[0].status, "stopped");
    assert.equal(typeof all[1].status, "string");
    assert((all[1].detail ?? "").length <= 1024 ** 2 + 1);
    assert.equal(store.lastSessions().length, 2);
    assert.equal(typeof store.usage(1).usage.inputTokens, "number");
    assert.equal(store.iterations(1).length, 2);
    assert.equal(store.forget(1), true);
    assert.deepEqual(store.sessions({ limit: 10 }).map(({ id }) => id), [2]);
    store.close();
  });
}

Deno.test("what a person said is told once, and waits again where the turn broke off", () => {
  using dir = temporaryFolder();
  const store = open(`${dir.path}/sessions.db`);
  const { taskDir } = task;
  const texts = (words: readonly { text: string }[]) => words.map(({ text }) => text);
  const waiting = () => texts(store.waitingWords(taskDir));
  for (const text of ["a", "b"]) store.addWord({ taskDir, text, forPrompt: text === "b" });
  store.addWord({ taskDir: "/other", text: "x", forPrompt: false });
  const lease = store.startSession(task, worker, start);
  const take = (how: "turn" | "prompt", iteration: number) =>
    texts(store.takeWords(lease, { taskDir, iteration, how }));

  store.beginIteration(lease, newIteration);
  assert.deepEqual(take("turn", 1), ["a"], "the other is for a prompt alone");
  assert.deepEqual(take("turn", 1), []);
  store.endIteration(lease, { number: 1, outcome: "error", storiesPassed: [] });
  assert.deepEqual(waiting(), ["a", "b"]);

  store.beginIteration(lease, { ...newIteration, number: 2 });
  assert.deepEqual(take("prompt", 2), ["a", "b"]);
  const late = store.addWord({ taskDir, text: "c", forPrompt: false });
  assert.deepEqual(take("turn", 2), ["c"]);
  store.endIteration(lease, {
    number: 2,
    outcome: "worked",
    storiesPassed: [],
    unanswered: [late],
  });
  assert.deepEqual(waiting(), ["c"]);
  assert.deepEqual(
    store.wordsTold(lease.sessionId).map(({ text, told }) => [text, told?.iteration, told?.how]),
    [["a", 2, "prompt"], ["b", 2, "prompt"]],
  );

  assert.throws(
    () => store.takeWords({ ...lease, epoch: 9 }, { taskDir, iteration: 3, how: "turn" }),
    LostSession,
  );
  assert.deepEqual(waiting(), ["c"]);
  assert.throws(
    () => store.addWord({ taskDir, text: "x".repeat(12_000), forPrompt: false }),
    refusal(
      "conflict",
      /those that wait for the next prompt have 1 character, and it has room for 12000/,
    ),
  );
  store.endSession(lease, { status: "stopped", reason: "user_stop", detail: "" });
  assert(store.forget(lease.sessionId));
  assert.deepEqual(waiting(), ["c"], "it is of the task");
  store.close();
});

Deno.test("a person's edit of the PRD is kept until the iteration ends that it was made in", () => {
  using dir = temporaryFolder();
  const store = open(`${dir.path}/sessions.db`);
  const bytes = (text: string) => new TextEncoder().encode(text);
  const edit = { before: bytes("a"), beforeCtimeMs: NOW, after: bytes("b"), at: NOW };
  const lease = store.startSession(task, worker, start);
  assert.equal(store.addPrdEdit(task.taskDir, edit), undefined, "no turn is at work");
  store.beginIteration(lease, newIteration);
  assert.equal(store.addPrdEdit("/other", edit), undefined);
  assert.equal(store.addPrdEdit(task.taskDir, edit)?.iteration, 1);
  const { id = 0 } = store.addPrdEdit(task.taskDir, { ...edit, beforeCtimeMs: undefined }) ?? {};
  assert.deepEqual(store.prdEdits(lease.sessionId, 1)[0], edit);
  store.removePrdEdit(id);
  assert.equal(store.prdEdits(lease.sessionId, 1).length, 1);
  store.endIteration(lease, { number: 1, outcome: "worked", storiesPassed: [] });
  assert.deepEqual(store.prdEdits(lease.sessionId, 1), []);
  store.close();
});

Deno.test("a worker that is killed has worked until it was seen last, beside the database, too", () => {
  using dir = temporaryFolder();
  let now = NOW;
  const store = openStore({ path: `${dir.path}/s.db`, migrations, now: () => now });
  const worked = (seenAfterMs: number | undefined) => {
    now = NOW;
    const taskDir = `/p/tasks/${seenAfterMs}`;
    const { sessionId: id, epoch } = store.startSession({ ...task, taskDir }, worker, start);
    now += 10_000;
    store.noteThere({ sessionId: id, epoch });
    const seenAt = seenAfterMs === undefined ? undefined : now + seenAfterMs;
    now += 3_600_000;
    assert(store.markWorkerDied({ id, epoch }, "gone", { seenAt }));
    const ended = Date.parse(store.session(id)?.endedAt ?? "");
    return [store.workedMs(id), now - ended];
  };
  assert.deepEqual(worked(undefined), [10_000, 0], "ended when it is found, as far as is known");
  assert.deepEqual(worked(8_000), [18_000, 3_592_000]);
  // The clock was set meanwhile, or another one has touched the file: no more than it can be.
  assert.deepEqual(worked(-5_000), [10_000, 3_600_000]);
  assert.deepEqual(worked(7_200_000), [25_000, 0]);
  store.close();
});
