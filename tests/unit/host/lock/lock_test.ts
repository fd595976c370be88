import assert from "node:assert/strict";
import {
  holdsLock,
  noteIn,
  takeLock,
  touchedAt,
  workerLives,
} from "../../../../src/host/lock/lock.ts";
import { systemClock } from "../../../../src/host/system/clock.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { until } from "../../../support/wait.ts";

const LOCK_MODULE = new URL("../../../../src/host/lock/lock.ts", import.meta.url).href;
const CLOCK_MODULE = new URL("../../../../src/host/system/clock.ts", import.meta.url).href;

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

Deno.test("who holds the lock leaves when that was, and nobody else does", async () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/t.lock`;
  assert.equal(touchedAt(path), undefined);
  const lock = await takeLock(path, systemClock);
  lock?.touch(1_700_000_000_500);
  assert.equal(touchedAt(path), 1_700_000_000_500);
  lock?.release();
  assert.equal(workerLives(path), false);
  assert.equal(touchedAt(path), 1_700_000_000_500);
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

Deno.test("a look at the lock does not keep a worker from starting", async () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/t.lock`;
  let taken: Promise<unknown> | undefined;
  workerLives(path, () => taken = takeLock(path, systemClock));
  const lock = await taken as Awaited<ReturnType<typeof takeLock>>;
  assert(lock);
  lock.release();
});

Deno.test("what is no file of its own is not taken for a lock", async () => {
  using dir = temporaryFolder();
  const [pipe, link, theirs] = ["pipe.lock", "link.lock", "theirs"].map((name) =>
    `${dir.path}/${name}`
  );
  assert(new Deno.Command("mkfifo", { args: [pipe] }).outputSync().success);
  Deno.writeTextFileSync(theirs, "theirs");
  Deno.symlinkSync(theirs, link);
  for (const [path, why] of [[pipe, /it is not a file/], [link, /it is a link/]] as const) {
    assert.throws(() => workerLives(path), why);
    await assert.rejects(takeLock(path, systemClock), why);
    assert.equal(noteIn(path), undefined);
  }
  assert.equal(Deno.readTextFileSync(theirs), "theirs");
});

Deno.test("a lock that was given back is free, also while another thread starts programs", async () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/t.lock`;
  // A program that is being started has a copy of whatever is open here (fork(2)).
  const starting = `
    const command = new Deno.Command("true", { detached: true });
    for (;;) {
      command.outputSync();
      postMessage("started");
    }`;
  const address = URL.createObjectURL(new Blob([starting], { type: "text/javascript" }));
  const worker = new Worker(address, { type: "module" });
  let started = 0;
  worker.onmessage = () => started++;
  try {
    await until(() => started > 0, { what: "a program to be started" });
    let isTaken = 0;
    for (let count = 0; count < 300 || started < 50; count++) {
      const lock = await takeLock(path, systemClock);
      assert(lock, "it was given back");
      lock.release();
      if (workerLives(path)) isTaken++;
      await new Promise((resolve) => setTimeout(resolve));
    }
    assert.equal(isTaken, 0);
  } finally {
    worker.terminate();
    URL.revokeObjectURL(address);
  }
});
