import assert from "node:assert/strict";
import { RalphError } from "../../../src/error.ts";
import { systemClock } from "../../../src/host/clock.ts";
import { holdsLock, takeLock, workerLives } from "../../../src/host/lock.ts";
import { openLogFile } from "../../../src/host/log_file.ts";
import { isLiving, isSuspended } from "../../../src/host/proc.ts";
import { pathsFrom, taskKey } from "../../../src/host/paths.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { until } from "../../support/wait.ts";

const LOCK_MODULE = new URL("../../../src/host/lock.ts", import.meta.url).href;
const CLOCK_MODULE = new URL("../../../src/host/clock.ts", import.meta.url).href;

/** A process that takes the lock, says so, and holds it until it is killed. */
async function holder(path: string): Promise<Deno.ChildProcess> {
  const code = `
    import { takeLock } from "${LOCK_MODULE}";
    import { systemClock } from "${CLOCK_MODULE}";
    const lock = await takeLock(${JSON.stringify(path)}, systemClock);
    console.log(lock ? "held" : "refused");
    setInterval(() => {}, 1000);`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", code],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  assert.equal(new TextDecoder().decode(value), "held\n");
  await reader.cancel();
  return child;
}

Deno.test("the lock is another process's until that one is killed", async () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/t.lock`;
  const child = await holder(path);
  assert.equal(workerLives(path), true);
  assert.equal(await takeLock(path, systemClock), undefined);
  child.kill("SIGKILL");
  await child.status;
  let wrote = false;
  assert.equal(workerLives(path, () => wrote = true), false);
  assert.equal(wrote, true);
  const lock = await takeLock(path, systemClock);
  assert(lock);
  assert.equal(workerLives(path, () => assert.fail("it is held")), true);
  lock.release();
  assert.equal(workerLives(path), false);
});

Deno.test({
  name: "who holds a lock is what the kernel says, not who looks, waits or held it before",
  ignore: Deno.build.os !== "linux",
  async fn() {
    using dir = temporaryFolder();
    const path = `${dir.path}/t.lock`;
    const clock = systemClock;
    const child = await holder(path);
    const stranger = new Deno.Command("sleep", { args: ["60"] }).spawn();
    const waits = new Deno.Command("flock", { args: [path, "true"] }).spawn();
    await until(async () => /->/.test(await Deno.readTextFile("/proc/locks")), {
      what: "one that waits for the lock",
    });
    const holds = (pid: number) => holdsLock(path, { pid, clock });
    assert.equal(await holds(child.pid), true);
    assert.equal(await holds(stranger.pid), false);
    assert.equal(await holds(waits.pid), false);
    assert.equal(await holds(Deno.pid), false);
    child.kill("SIGKILL");
    await child.status;
    await waits.status;
    assert.equal(await holds(child.pid), false);
    stranger.kill("SIGKILL");
    await stranger.status;
  },
});

Deno.test({
  name:
    "a process that is suspended is told from one that sleeps, is gone, or is not collected yet",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
    const suspended = () => isSuspended(child.pid, systemClock);
    assert.equal(await suspended(), false);
    child.kill("SIGSTOP");
    await until(suspended, { what: "it to be suspended" });
    child.kill("SIGCONT");
    await until(async () => !await suspended(), { what: "it to go on" });
    assert.equal(await isLiving(child.pid, systemClock), true);
    child.kill("SIGKILL");
    await child.status;
    assert.deepEqual([await suspended(), await isLiving(child.pid, systemClock)], [false, false]);

    // Its parent goes on as a program that collects nobody.
    const parent = new Deno.Command("sh", {
      args: ["-c", "sh -c 'echo $$; exit' & exec sleep 60"],
      stdout: "piped",
    }).spawn();
    const reader = parent.stdout.getReader();
    const uncollected = Number(new TextDecoder().decode((await reader.read()).value));
    await until(async () => / Z /.test(await Deno.readTextFile(`/proc/${uncollected}/stat`)), {
      what: "one that is not collected",
    });
    assert.equal(await isLiving(uncollected, systemClock), false);
    await reader.cancel();
    parent.kill("SIGKILL");
    await parent.status;
  },
});

Deno.test("a look at the lock does not keep a worker from starting", async () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/t.lock`;
  let taken: Promise<unknown> | undefined;
  workerLives(path, () => taken = takeLock(path, systemClock));
  const lock = await taken as Awaited<ReturnType<typeof takeLock>>;
  assert(lock);
  lock.release();
});

Deno.test("paths follow the XDG variables, ignore relative ones, and need a home", () => {
  const from = (variables: Record<string, string>) => pathsFrom((name) => variables[name]);
  assert.deepEqual(from({ HOME: "/h" }), {
    database: "/h/.local/share/ralph/sessions.db",
    locks: "/h/.local/share/ralph/locks",
    signals: "/h/.local/share/ralph/signals",
    logs: "/h/.local/state/ralph/logs",
    kept: "/h/.local/state/ralph/kept",
  });
  assert.deepEqual(from({ HOME: "/h", XDG_DATA_HOME: "/d", XDG_STATE_HOME: "relative" }), {
    database: "/d/ralph/sessions.db",
    locks: "/d/ralph/locks",
    signals: "/d/ralph/signals",
    logs: "/h/.local/state/ralph/logs",
    kept: "/h/.local/state/ralph/kept",
  });
  assert.throws(
    () => from({}),
    (error) => error instanceof RalphError && error.kind === "usage",
  );
});

Deno.test("a task's key is a plain file name, and differs by folder", () => {
  const key = taskKey({ name: "a b/../ü\n", dir: "/p/tasks/x" });
  assert.match(key, /^[A-Za-z0-9._-]+$/);
  assert.notEqual(key, taskKey({ name: "a b/../ü\n", dir: "/q/tasks/x" }));
  assert(taskKey({ name: "x".repeat(10_000), dir: "/p" }).length < 100);
});

Deno.test("a log is bounded: the oldest lines go", () => {
  using dir = temporaryFolder();
  const log = openLogFile(`${dir.path}/session.log`);
  const line = "x".repeat(1024 * 1024);
  for (let i = 0; i < 20; i++) log.write(`${i} ${line}`);
  log.write("the last line");
  log.close();
  const sizes = ["session.log", "session.log.1"].map((name) =>
    Deno.statSync(`${dir.path}/${name}`).size
  );
  assert(sizes.every((size) => size <= 8 * 1024 * 1024), String(sizes));
  assert(Deno.readTextFileSync(log.path).endsWith("the last line\n"));
  assert.equal([...Deno.readDirSync(dir.path)].length, 2);
});
