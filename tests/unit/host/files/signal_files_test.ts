import assert from "node:assert/strict";
import {
  type Addressee,
  readRequest,
  type Request,
  sendRequest,
  watchRequests,
} from "../../../../src/host/files/signal_files.ts";
import { createVirtualClock } from "../../../support/fake_clock.ts";
import { temporaryFolder } from "../../../support/folder.ts";

const FIRST: Addressee = { sessionId: 1, epoch: 1, startedAt: "2026-01-01T00:00:00.000Z" };
const CONTINUED: Addressee = { ...FIRST, epoch: 2 };
const NEXT: Addressee = { sessionId: 2, epoch: 1, startedAt: "2026-01-02T00:00:00.000Z" };
const OTHER_DATABASE: Addressee = { ...FIRST, startedAt: "2027-01-01T00:00:00.000Z" };

/** A watch whose polls the test makes happen: what the file system tells comes on top. */
function watching(
  folder: string,
  to: Addressee,
  { onRequest, watched = folder }: {
    onRequest?: (request: Request) => void;
    watched?: string;
  } = {},
) {
  const path = `${folder}/t.signal`;
  const taken: Request[] = [];
  const errors: unknown[] = [];
  const clock = createVirtualClock();
  const stop = watchRequests({
    path,
    folder: watched,
    to,
    clock,
    onRequest: onRequest ?? ((request) => taken.push(request)),
    onError: (error) => errors.push(error),
  });
  const poll = () => clock.run(new Promise<void>((resolve) => clock.after(1_000, resolve)));
  const nothingLeft = () => clock.run(new Promise(() => {}));
  return { path, taken, errors, poll, stop, nothingLeft };
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

Deno.test("a request that comes while one for an earlier run is removed is not lost", () => {
  using dir = temporaryFolder();
  const path = `${dir.path}/t.signal`;
  sendRequest(path, FIRST, "stop");
  const { removeSync } = Deno;
  Deno.removeSync = (...args) => {
    Deno.removeSync = removeSync;
    sendRequest(path, NEXT, "stop");
    removeSync(...args);
  };
  try {
    const { taken, stop } = watching(dir.path, NEXT);
    stop();
    assert.deepEqual(taken, ["stop"]);
  } finally {
    Deno.removeSync = removeSync;
  }
});

Deno.test("what a request throws is told, and the next one is taken", async () => {
  using dir = temporaryFolder();
  const taken: Request[] = [];
  const { path, errors, poll, stop } = watching(dir.path, FIRST, {
    onRequest(request) {
      taken.push(request);
      if (taken.length < 3) throw new Error(`no ${request}`);
    },
  });
  for (const request of ["checkpoint", "checkpoint", "stop"] as const) {
    sendRequest(path, FIRST, request);
    await poll();
  }
  stop();
  assert.deepEqual(taken, ["checkpoint", "checkpoint", "stop"]);
  assert.deepEqual(errors.map(String), ["Error: no checkpoint", "Error: no checkpoint"]);
});

Deno.test("a watcher of the file system that fails is told, and requests are taken all the same", async () => {
  using dir = temporaryFolder();
  const { watchFs } = Deno;
  Deno.watchFs = () => ({
    close() {
      throw new Deno.errors.BadResource("closed");
    },
    // deno-lint-ignore require-yield
    async *[Symbol.asyncIterator]() {
      throw new Error("too many files are open");
    },
  } as unknown as Deno.FsWatcher);
  try {
    const { path, taken, errors, poll, stop } = watching(dir.path, FIRST);
    sendRequest(path, FIRST, "stop");
    await poll();
    stop();
    assert.deepEqual(taken, ["stop"]);
    assert.deepEqual(errors.map(String), ["Error: too many files are open"]);
  } finally {
    Deno.watchFs = watchFs;
  }
});

Deno.test("a watch that its own request ends leaves no timer", async () => {
  using dir = temporaryFolder();
  const { watchFs } = Deno;
  Deno.watchFs = () => {
    throw new Error("no watches are left: it is the timer that finds the request");
  };
  try {
    const watch: ReturnType<typeof watching> = watching(dir.path, FIRST, {
      onRequest: () => watch.stop(),
    });
    sendRequest(watch.path, FIRST, "stop");
    await watch.poll();
    await assert.rejects(watch.poll().then(() => watch.nothingLeft()), /nothing is left/);
  } finally {
    Deno.watchFs = watchFs;
  }
});

const IN_PLACE: Record<string, (path: string) => void> = {
  "a pipe": (path) => assert(new Deno.Command("mkfifo", { args: [path] }).outputSync().success),
  "a file larger than memory": (path) => {
    Deno.writeTextFileSync(path, "");
    Deno.truncateSync(path, 8 * 1024 ** 4);
  },
  "a folder": (path) => Deno.mkdirSync(`${path}/in-the-way`, { recursive: true }),
};

for (const [what, put] of Object.entries(IN_PLACE)) {
  Deno.test(`${what} in the place of a request is waited for by nobody, and keeps none away`, async () => {
    using dir = temporaryFolder();
    // Deno's own watch opens a pipe, and keeps this process from ending (2.9.6, measured).
    const watched = `${dir.path}/none`;
    const { taken, errors, path, poll, stop } = watching(dir.path, FIRST, { watched });
    put(path);
    await poll();
    assert.equal(readRequest(path, FIRST), undefined);
    sendRequest(path, FIRST, "stop");
    await poll();
    assert.deepEqual(taken, ["stop"]);
    assert.deepEqual(errors, []);
    stop();
  });
}
