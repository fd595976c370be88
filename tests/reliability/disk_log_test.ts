/** The log cannot be written or read, while the database can. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { systemClock } from "../../src/host/system/clock.ts";
import { takeLock } from "../../src/host/lock/lock.ts";
import { taskKey } from "../../src/host/files/paths.ts";
import { makeHome, START, WORKER } from "./home.ts";

Deno.test("a run whose log cannot be made goes on to its end, and says so at its start", async () => {
  await using home = await makeHome();
  // a file where the folder should be: not even root can write there
  Deno.mkdirSync(home.state, { recursive: true });
  Deno.writeTextFileSync(join(home.state, "logs"), "");
  const { code, stdout } = await home.ralph("run", "one", "--foreground");
  assert.equal(code, 0, stdout);
  assert.match(stdout, /warning: the log cannot be written: .*ot a directory/);
  const [session] = JSON.parse((await home.ralph("status", "--json")).stdout);
  assert.equal(session.status, "completed");
});

Deno.test("a log that can be neither written nor read: status shows all else and says so, logs and clean are no bug", async () => {
  await using home = await makeHome();
  const key = taskKey({ name: home.task.taskName, dir: home.task.taskDir });
  const log = join(home.state, "logs", key, "session-1.log");
  // not even root can write into a folder
  Deno.mkdirSync(log, { recursive: true });
  Deno.writeTextFileSync(join(log, "in the way"), "");
  const store = home.open();
  const lease = store.startSession(home.task, WORKER, START);
  store.setLogPath(lease, log);
  const locks = join(home.data, "locks");
  Deno.mkdirSync(locks);
  const lock = await takeLock(join(locks, `${key}.lock`), systemClock);
  const status = await home.ralph("status", "one");
  assert.equal(status.code, 0, status.stderr);
  assert.match(status.stdout, /status:\s+running/);
  assert.match(status.stdout, /log:\s+\S+ \(lines may be missing: it is not a file/);
  assert.match(status.stdout, /cannot read the log \S+: it is not a file/);
  const logs = await home.ralph("logs", "one");
  assert.equal(logs.code, 7);
  assert.match(logs.stderr, /error: cannot read the log .*\n\nhint: .*: ls -l /);
  store.endSession(lease, { status: "stopped", reason: "user_stop", detail: "d" });
  lock?.release();
  store.close();
  const clean = await home.ralph("clean", "--yes");
  assert.equal(clean.code, 0, clean.stderr);
  assert.match(clean.stderr, /warning: the log \S+ stays: /);
});
