/** The machine's clock is set while ralph works, or is in another zone: durations and orders stay true. */
import assert from "node:assert/strict";
import { openStore } from "../../src/store/store.ts";
import type { WorkerSettings } from "../../src/store/model.ts";
import { ago } from "../../src/terminal/format.ts";
import { temporaryFolder } from "../support/folder.ts";
import { migrations } from "../support/migrations.ts";
import { say } from "../support/scripted_model.ts";
import { makeWorld } from "./processes.ts";
import { assertNothingLost } from "./nothing_lost.ts";
import { createWorld, honestAgent } from "./world.ts";

const HOUR = 3_600_000;
const YEAR = 365 * 24 * HOUR;
const JUMPS: [string, number][] = [
  ["an hour forward", HOUR],
  ["an hour back", -HOUR],
  ["ten years forward", 10 * YEAR],
  ["ten years back", -10 * YEAR],
];

const WORKER: WorkerSettings = {
  maxIterations: 10,
  serverUrl: "http://127.0.0.1:9",
  serverPort: 9,
  workerPid: 1,
  workerVersion: "0.1.0",
  accepted: false,
};
const TASK = { taskName: "t", taskDir: "/p/tasks/t", projectRoot: "/p" };
const START = { settings: "{}", tree: null, choices: null };

for (const [what, jump] of JUMPS) {
  Deno.test(`the clock is set ${what} while a worker works: what it worked is what counts`, () => {
    using dir = temporaryFolder();
    let wall = Date.UTC(2026, 10, 20, 12);
    let mono = 0;
    const pass = (ms: number) => {
      wall += ms;
      mono += ms;
    };
    const path = `${dir.path}/sessions.db`;
    const open = () => openStore({ path, migrations, now: () => wall, monotonic: () => mono });
    let store = open();
    const lease = store.startSession(TASK, WORKER, START);
    pass(60_000);
    wall += jump;
    pass(60_000);
    store.endSession(lease, { status: "checkpointed", reason: "checkpoint", detail: "paused" });
    store.close();
    store = open();
    store.continueSession(lease.sessionId, WORKER, START);
    assert.equal(store.ranBeforeMs(lease.sessionId), 120_000);
    // A later session is the last one, whatever the times of day say.
    store.endSession({ ...lease, epoch: 2 }, {
      status: "stopped",
      reason: "user_stop",
      detail: "stopped",
    });
    const next = store.startSession(TASK, WORKER, START);
    assert.equal(store.lastSession(TASK.taskDir)?.id, next.sessionId);
    assert.deepEqual(store.sessions({ limit: 9 }).map(({ id }) => id), [2, 1]);
    store.close();
  });
}

for (const [what, jump] of JUMPS) {
  Deno.test(`the clock is set ${what} in mid-turn: the session goes on to its end, and nothing is lost`, async () => {
    await using world = await createWorld({
      stories: 3,
      processes: false,
      limits: { durationMs: HOUR },
    });
    const { clock, fake } = world;
    let prompts = 0;
    fake.setScript((request) => {
      if (request.step === 0 && ++prompts === 2) clock.setWall(clock.now() + jump);
      return honestAgent(request);
    });
    const worker = world.work();
    const end = await clock.run(worker.end);
    assert.deepEqual([end?.status, end?.reason], ["completed", "all_stories_pass"]);
    const took = worker.events.flatMap((event) =>
      event.type === "iteration_ended" ? [event.durationMs] : []
    );
    assert.equal(took.length, 3);
    assert(took.every((ms) => ms > 0 && ms < 60_000), String(took));
    await assertNothingLost(world);
  });
}

Deno.test("an age is never negative: a time to come says that the clock moved", () => {
  const now = Date.UTC(2026, 10, 20, 12);
  assert.equal(ago(now - 3 * HOUR, now), "3h ago");
  assert.equal(ago(now + HOUR, now), "clock moved");
  assert.equal(ago(now + 10 * YEAR, now), "clock moved");
  assert.equal(ago(now - YEAR, now), "on 2025-11-20");
});

const ZONES = ["Europe/Berlin", "America/St_Johns", "Pacific/Kiritimati"];

Deno.test("time zones: only UTC is stored, and every zone shows the same", async () => {
  await using world = await makeWorld();
  const { ralph, project, url, sql } = world;
  world.fake.setScript(() => say("I did nothing"));
  for (const zone of ZONES) {
    const { code, stderr } = await ralph(["run", "one", "-f", "-n", "1", "--server", url], {
      cwd: project.root,
      env: { TZ: zone },
    });
    assert.equal(code, 1, stderr);
  }
  const times = sql(
    `SELECT started_at, updated_at, ended_at FROM sessions UNION ALL
      SELECT started_at, prompted_at, ended_at FROM iterations`,
  ).flatMap((row) => Object.values(row).map(String));
  assert.equal(times.length, 2 * 3 * ZONES.length);
  const now = Date.now();
  for (const time of times) {
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert(Math.abs(now - Date.parse(time)) < 60_000, time);
  }
  const shown = await Promise.all(["UTC", ...ZONES].map(async (TZ) => {
    const { stdout } = await ralph(["status", "one", "--json"], { cwd: project.root, env: { TZ } });
    return stdout;
  }));
  assert.equal(new Set(shown).size, 1);
});

Deno.test("an iteration's time is measured by a clock that nobody sets, and history shows that", async () => {
  await using world = await makeWorld();
  const { cli, url, sql } = world;
  world.fake.setScript(() => say("I did nothing"));
  await cli("run", "one", "-f", "-n", "1", "--server", url);
  const [{ measured }] = sql("SELECT duration_ms AS measured FROM iterations");
  assert(typeof measured === "number" && measured > 0 && measured < 60_000, String(measured));
  // What a clock that was set forward, or back, in mid-turn leaves on record.
  for (const ended of ["2036-11-20T12:00:00.000Z", "2016-11-20T12:00:00.000Z"]) {
    sql(`UPDATE iterations SET duration_ms = 4200, ended_at = '${ended}' RETURNING 1`);
    assert.match((await cli("history", "one")).stdout, /US-001 +nothing +4\.2s /);
  }
  // Recorded by an earlier version, which measured nothing.
  sql("UPDATE iterations SET duration_ms = NULL RETURNING 1");
  assert.match((await cli("history", "one")).stdout, /US-001 +nothing +clock moved /);
});
