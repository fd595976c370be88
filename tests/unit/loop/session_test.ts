/** How sessions begin and go on, with a real registry. */
import assert from "node:assert/strict";
import type { TreeState } from "../../../src/host/git.ts";
import { beginSession, type SessionOrder } from "../../../src/loop/session.ts";
import type { OpenCode } from "../../../src/opencode/client.ts";
import { migrationOf } from "../../../src/registry/migrations.ts";
import { openRegistry, type Registry } from "../../../src/registry/registry.ts";
import {
  DEFAULT_SETTINGS,
  mergeSettings,
  type SettingsPart,
} from "../../../src/settings/settings.ts";
import { temporaryFolder } from "../../support/folder.ts";

const folder = new URL("../../../migrations/", import.meta.url);
const migrations = [...Deno.readDirSync(folder)]
  .map(({ name }) => migrationOf(name, Deno.readTextFileSync(new URL(name, folder))))
  .filter((migration) => migration !== undefined)
  .sort((a, b) => a.number - b.number);

const task = { name: "t", dir: "/p/tasks/t", projectRoot: "/p" };
const clock = { now: () => 0, monotonic: () => 0, after: () => () => {} };
const gate = { name: "test", run: { args: ["test"] } };

/** A server on which every turn has ended. */
const client: Pick<OpenCode, "session" | "busy" | "messages"> = {
  session: (id) => Promise.resolve({ id, title: "", directory: "/p", createdAt: 0 }),
  busy: () => Promise.resolve(new Map()),
  messages: (id) =>
    Promise.resolve([{
      id: "msg_1",
      sessionId: id,
      role: "assistant",
      completedAt: 1,
      tokens: { input: 0, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0 },
      costUsd: 0,
      text: "",
      toolRuns: [],
    }]),
};

interface World extends Disposable {
  readonly registry: Registry;
  /** Begins with these settings of the files, and these flags. */
  begin(
    more?: {
      settings?: SettingsPart;
      flags?: SettingsPart;
      worker?: Partial<SessionOrder["worker"]>;
    },
  ): ReturnType<typeof beginSession>;
  tree: TreeState;
}

function world(): World {
  const dir = temporaryFolder();
  const registry = openRegistry({ path: `${dir.path}/s.db`, migrations, now: () => 0 });
  const here: World = {
    registry,
    tree: { head: "a".repeat(40), changed: new Map() },
    begin: ({ settings = {}, flags = {}, worker = {} } = {}) =>
      beginSession(
        {
          registry,
          client: client as OpenCode,
          clock,
          treeState: () => Promise.resolve(here.tree),
        },
        {
          task,
          worker: {
            serverUrl: "http://127.0.0.1:1",
            serverPort: 1,
            workerPid: 1,
            workerVersion: "0",
            accepted: false,
            ...worker,
          },
          settings: mergeSettings([DEFAULT_SETTINGS, settings, flags]),
          flags,
        },
      ),
    [Symbol.dispose]() {
      registry.close();
      dir[Symbol.dispose]();
    },
  };
  return here;
}

const pause = { status: "checkpointed", reason: "checkpoint", detail: "" } as const;

Deno.test("a session that goes on keeps gates, limits and the start of its tree; flags win", async () => {
  using here = world();
  const first = await here.begin({
    settings: { verify: [gate], limits: { costUsd: 5, iterations: 7 } },
  });
  here.registry.endSession(first.lease, pause);
  here.tree = { head: "b".repeat(40), changed: new Map() };
  const changed = { verify: [], tests: "trusted", limits: { costUsd: 500, tokens: 1 } } as const;
  const second = await here.begin({ settings: changed, flags: { limits: { iterations: 9 } } });
  assert.match(second.continues ?? "", /it was paused/);
  assert.deepEqual(second.settings.verify, [gate]);
  assert.equal(second.settings.tests, "counted");
  const { costUsd, tokens, iterations } = second.settings.limits;
  assert.deepEqual([costUsd, tokens, iterations], [5, undefined, 9]);
  assert.equal(second.startTree?.head, "a".repeat(40));
  here.registry.endSession(second.lease, pause);
  const third = await here.begin();
  assert.equal(third.settings.limits.iterations, 9, "what a flag said goes on");
  assert.deepEqual(third.warnings, []);
});

Deno.test("a new session has the settings of now, and says when they decide otherwise", async () => {
  using here = world();
  const first = await here.begin({ settings: { verify: [gate] } });
  here.registry.endSession(first.lease, { status: "stopped", reason: "user_stop", detail: "" });
  const same = await here.begin({ settings: { verify: [gate], limits: { costUsd: 1 } } });
  assert.deepEqual([same.continues, same.warnings], [undefined, []]);
  here.registry.endSession(same.lease, { status: "stopped", reason: "budget", detail: "" });
  const { warnings } = await here.begin({ settings: { protect: ["a"] } });
  assert.match(warnings.join(), /changed since session 2: `verify`, `protect`/);
});

Deno.test("what is left of an earlier worker: outcomes, the failure, a turn that broke off", async () => {
  using here = world();
  const { lease } = await here.begin();
  const begin = (number: number) =>
    here.registry.beginIteration(lease, {
      number,
      storyId: `US-${number}`,
      storyTitle: "",
      openCodeTitle: "",
    });
  begin(1);
  here.registry.endIteration(lease, {
    number: 1,
    outcome: "worked",
    detail: "not yet",
    storiesPassed: [],
    failure: "it fails",
    failureKey: "key",
  });
  begin(2);
  here.registry.setOpenCodeSession(lease, 2, "ses_2");
  const next = await here.begin();
  assert.equal(
    next.continues,
    "continues session 1 with iteration 2: its turn finished on the server while no worker was there",
  );
  assert.deepEqual(next.past, [
    {
      outcome: "worked",
      detail: "not yet",
      failureKey: "key",
      blocked: undefined,
      refusal: undefined,
    },
  ]);
  assert.equal(next.failure, "it fails");
  assert.deepEqual([next.underWay?.number, next.underWay?.openCodeSessionId], [2, "ses_2"]);
});

Deno.test("what blocked the agent counts until a person has answered, whichever worker asks", async () => {
  using here = world();
  const { lease } = await here.begin();
  here.registry.beginIteration(lease, {
    number: 1,
    storyId: "a",
    storyTitle: "",
    openCodeTitle: "",
  });
  here.registry.endIteration(lease, {
    number: 1,
    outcome: "worked",
    storiesPassed: [],
    blocked: "a key",
  });
  const again = await here.begin();
  assert.equal(again.past[0].blocked, "a key");
  const answered = await here.begin({ worker: { said: "here" } });
  assert.deepEqual([answered.past[0].blocked, answered.said], [undefined, "here"]);
  const later = await here.begin();
  assert.equal(later.said, "here", "a worker that died does not lose the answer");
});

Deno.test("a session after an unproven one still owes the evidence, from the same start", async () => {
  using here = world();
  const first = await here.begin();
  here.registry.endSession(first.lease, { status: "stopped", reason: "unproven", detail: "" });
  here.tree = { head: "b".repeat(40), changed: new Map() };
  const second = await here.begin();
  assert.deepEqual([second.owesEvidence, second.startTree?.head], [true, "a".repeat(40)]);
  here.registry.markWorkerDied({ id: second.lease.sessionId, epoch: 1 }, "");
  assert.equal((await here.begin()).owesEvidence, true);
});
