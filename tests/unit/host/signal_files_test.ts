import assert from "node:assert/strict";
import {
  type Addressee,
  readRequest,
  type Request,
  sendRequest,
  watchRequests,
} from "../../../src/host/signal_files.ts";
import { createVirtualClock } from "../../support/fake_clock.ts";
import { temporaryFolder } from "../../support/folder.ts";

const FIRST: Addressee = { sessionId: 1, epoch: 1, startedAt: "2026-01-01T00:00:00.000Z" };
const CONTINUED: Addressee = { ...FIRST, epoch: 2 };
const NEXT: Addressee = { sessionId: 2, epoch: 1, startedAt: "2026-01-02T00:00:00.000Z" };
const OTHER_DATABASE: Addressee = { ...FIRST, startedAt: "2027-01-01T00:00:00.000Z" };

/** A watch whose polls the test makes happen: what the file system tells comes on top. */
function watching(folder: string, to: Addressee) {
  const path = `${folder}/t.signal`;
  const taken: Request[] = [];
  const clock = createVirtualClock();
  const stop = watchRequests({
    path,
    folder,
    to,
    clock,
    onRequest: (request) => taken.push(request),
  });
  const poll = () => clock.run(new Promise<void>((resolve) => clock.after(1_000, resolve)));
  return { path, taken, poll, stop };
}

const isThere = (path: string) => Deno.statSync(path).isFile;

Deno.test("a request that is there before the worker looks is taken, once, and removed", () => {
  using dir = temporaryFolder();
  sendRequest(`${dir.path}/t.signal`, FIRST, "stop");
  const { taken, path, stop } = watching(dir.path, FIRST);
  assert.deepEqual(taken, ["stop"]);
  assert.throws(() => isThere(path), Deno.errors.NotFound);
  stop();
});

Deno.test("a request that comes later is taken where the file system tells nobody", async () => {
  using dir = temporaryFolder();
  const { taken, path, poll, stop } = watching(dir.path, FIRST);
  sendRequest(path, FIRST, "checkpoint");
  await poll();
  assert.deepEqual(taken, ["checkpoint"]);
  assert.throws(() => isThere(path), Deno.errors.NotFound);
  sendRequest(path, FIRST, "stop");
  await poll();
  assert.deepEqual(taken, ["checkpoint", "stop"]);
  stop();
});

for (
  const [whose, old, now] of [
    ["of an earlier session", FIRST, NEXT],
    ["from before the session went on", FIRST, CONTINUED],
    ["of another database, where the session has the same number", FIRST, OTHER_DATABASE],
  ] as const
) {
  Deno.test(`a request ${whose} is ignored, and removed when the run begins`, async () => {
    using dir = temporaryFolder();
    sendRequest(`${dir.path}/t.signal`, old, "stop");
    const { taken, path, poll, stop } = watching(dir.path, now);
    await poll();
    assert.deepEqual(taken, []);
    assert.throws(() => isThere(path), Deno.errors.NotFound);
    stop();
  });

  Deno.test(`a worker ${whose} leaves the request for a later run alone`, async () => {
    using dir = temporaryFolder();
    const { taken, path, poll, stop } = watching(dir.path, old);
    sendRequest(path, now, "stop");
    await poll();
    stop();
    assert.deepEqual(taken, []);
    assert.equal(readRequest(path, now), "stop");
  });
}

Deno.test("what nobody here wrote is ignored, and removed when a run begins", () => {
  for (const text of ["", "{", "null", `{"request":"stop"}`, `{"sessionId":1,"request":"rm"}`]) {
    using dir = temporaryFolder();
    Deno.writeTextFileSync(`${dir.path}/t.signal`, text);
    const { taken, path, stop } = watching(dir.path, FIRST);
    assert.deepEqual(taken, []);
    assert.throws(() => isThere(path), Deno.errors.NotFound);
    stop();
  }
});

Deno.test("a request that its run does not take any more is removed by it", () => {
  using dir = temporaryFolder();
  const { path, stop } = watching(dir.path, FIRST);
  sendRequest(path, FIRST, "stop");
  stop();
  assert.throws(() => isThere(path), Deno.errors.NotFound);
});
