import assert from "node:assert/strict";
import { join } from "node:path";
import { type Place, type PlaceOrder, takePlace } from "../../../../src/host/lock/places.ts";
import { tryLock } from "../../../../src/host/lock/lock.ts";
import { systemClock } from "../../../../src/host/system/clock.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { until } from "../../../support/wait.ts";

const MODULE = new URL("../../../../src/host/lock/places.ts", import.meta.url).href;
const CLOCK_MODULE = new URL("../../../../src/host/system/clock.ts", import.meta.url).href;

/** Some who want places in `folder`, and in which order they got them. */
function line(folder: string) {
  const got: string[] = [];
  const take = (who: string, more: Partial<PlaceOrder> = {}) => {
    const stop = new AbortController();
    const waits: { holders: readonly string[]; before: number }[] = [];
    const place = takePlace({
      folder,
      limit: 2,
      who,
      clock: systemClock,
      signal: stop.signal,
      onWait: ({ holders, before }) => waits.push({ holders: holders(), before }),
      ...more,
    }).then((place) => {
      if (place) got.push(who);
      return place;
    });
    return { place, waits, stop };
  };
  /** The same once it is in line. */
  const wait = async (who: string, more: Partial<PlaceOrder> = {}) => {
    const taking = take(who, more);
    await until(() => taking.waits.length > 0, { what: `${who} to wait` });
    return taking;
  };
  return { got, take, wait };
}

const released = (place: Place | undefined) => {
  assert(place);
  place.release();
};

Deno.test("as many as there are places get one, the others in the order in which they came", async () => {
  using folder = temporaryFolder();
  const { got, take, wait } = line(folder.path);
  const [a, b] = await Promise.all([take("a").place, take("b").place]);
  const c = await wait("c");
  const d = await wait("d");
  assert.deepEqual(c.waits[0], { holders: ["a", "b"], before: 0 });
  assert.deepEqual(d.waits[0], { holders: ["a", "b"], before: 1 });
  released(b);
  released(await c.place);
  released(await d.place);
  released(a);
  assert.deepEqual(got, ["a", "b", "c", "d"]);
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(), [
    "1.lock",
    "2.lock",
  ]);
});

Deno.test("nobody waits for one who gave up, for one who died, or behind one who must wait longer", async () => {
  using folder = temporaryFolder();
  const { got, take, wait } = line(folder.path);
  const a = await take("a", { limit: 1 }).place;
  const stopped = await wait("stopped", { limit: 1 });
  assert.equal(await take("over", { limit: 1, isOver: () => true }).place, undefined);
  Deno.writeTextFileSync(join(folder.path, `000000001-9-${crypto.randomUUID()}.ticket`), "");
  const few = await wait("few", { limit: 1 });
  released(await take("many", { limit: 2 }).place);
  stopped.stop.abort();
  assert.equal(await stopped.place, undefined);
  released(a);
  released(await few.place);
  assert.deepEqual(got, ["a", "many", "few"]);
});

Deno.test("who is urgent comes before all that wait", async () => {
  using folder = temporaryFolder();
  const { got, take, wait } = line(folder.path);
  const a = await take("a", { limit: 1 }).place;
  const b = await wait("b", { limit: 1 });
  const c = await wait("c", { limit: 1, urgent: true });
  released(a);
  released(await c.place);
  released(await b.place);
  assert.deepEqual(got, ["a", "c", "b"]);
});

Deno.test("the place of a process that was killed is free", async () => {
  using folder = temporaryFolder();
  const code = `
    import { takePlace } from "${MODULE}";
    import { systemClock } from "${CLOCK_MODULE}";
    const { signal } = new AbortController();
    const order = { folder: ${JSON.stringify(folder.path)}, limit: 1, clock: systemClock, signal };
    await takePlace({ ...order, who: "killed" });
    console.log("has it");
    await takePlace({ ...order, who: "waits", onWait: () => console.log("waits") });`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", code],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let said = "";
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  while (!said.includes("waits")) said += (await reader.read()).value ?? assert.fail(said);
  await reader.cancel();
  const taking = await line(folder.path).wait("next", { limit: 1 });
  assert.deepEqual(taking.waits[0], { holders: ["killed"], before: 1 });
  child.kill("SIGKILL");
  await child.status;
  released(await taking.place);
});

Deno.test("fifty that come at once: never more than three have a place, and each has one once", async () => {
  using folder = temporaryFolder();
  const { take } = line(folder.path);
  let now = 0;
  let most = 0;
  let got = 0;
  await Promise.all(Array.from({ length: 50 }, async (_, i) => {
    const place = await take(`${i}`, { limit: 3 }).place;
    assert(place);
    got++;
    most = Math.max(most, ++now);
    await Promise.resolve();
    now--;
    place.release();
  }));
  assert.deepEqual([got, now], [50, 0]);
  assert(most <= 3, `${most}`);
  const lock = tryLock(join(folder.path, "1.lock"));
  lock?.release();
  assert(lock, "all are free");
});
