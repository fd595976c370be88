/** How sessions begin and go on, with a real store. */
import assert from "node:assert/strict";
import { RalphError } from "../../../../src/error.ts";
import type { TreeState } from "../../../../src/host/git/tree_state.ts";
import { beginSession, type SessionOrder } from "../../../../src/loop/session/begin.ts";
import type { OpenCode } from "../../../../src/opencode/client.ts";
import type { ToolRun } from "../../../../src/opencode/model.ts";
import { openStore, type Store } from "../../../../src/store/store.ts";
import {
  DEFAULT_SETTINGS,
  mergeSettings,
  type SettingsPart,
} from "../../../../src/settings/settings.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { message } from "../../../support/message.ts";
import { migrations } from "../../../support/migrations.ts";

const task = { name: "t", dir: "/p/tasks/t", projectRoot: "/p" };
const clock = { now: () => 0, monotonic: () => 0, after: () => () => {} };
const gate = { name: "test", run: { args: ["test"] } };

/** A clean tree; `head`: one digit of its commit. */
const on = (branch: string | undefined, head: string): TreeState => ({
  branch,
  head: head.repeat(40),
  changed: new Map(),
});

/** A server on which every turn has ended, and has run these. */
const client = (
  toolRuns: () => readonly ToolRun[],
): Pick<OpenCode, "session" | "busy" | "messages" | "children" | "sessionUse"> => ({
  session: (id) => Promise.resolve({ id, title: "", directory: "/p", createdAt: 0 }),
  busy: () => Promise.resolve(new Map()),
  messages: (id) =>
    Promise.resolve([message({ sessionId: id, completedAt: 1, toolRuns: toolRuns() })]),
  children: () => Promise.resolve([]),
  sessionUse: () => Promise.resolve(undefined),
});

interface World extends Disposable {
  readonly store: Store;
  /** Begins with these settings of the files, and these flags. */
  begin(
    more?: {
      settings?: SettingsPart;
      flags?: SettingsPart;
      worker?: Partial<SessionOrder["worker"]>;
      /** Only the project names the server. */
      ofProject?: boolean;
      choices?: SessionOrder["choices"];
      sources?: SessionOrder["sources"];
    },
  ): ReturnType<typeof beginSession>;
  tree: TreeState;
  /** When the branch was left. */
  leftAt?: number;
  /** What the turn on the server ran. */
  toolRuns: readonly ToolRun[];
}

function world(): World {
  const dir = temporaryFolder();
  const store = openStore({ path: `${dir.path}/s.db`, migrations, now: () => 0 });
  const here: World = {
    store,
    tree: { head: "a".repeat(40), changed: new Map() },
    toolRuns: [],
    begin: (
      { settings = {}, flags = {}, worker = {}, choices = {}, sources = {}, ofProject = false } =
        {},
    ) =>
      beginSession(
        {
          store,
          client: client(() => here.toolRuns) as OpenCode,
          clock,
          treeState: () => Promise.resolve(here.tree),
          leftBranchAt: () => Promise.resolve(here.leftAt),
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
          settings: {
            ...mergeSettings([DEFAULT_SETTINGS, settings, flags]),
            serverOfProject: ofProject,
          },
          choices,
          sources,
          flags,
        },
      ),
    [Symbol.dispose]() {
      store.close();
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
  here.store.endSession(first.lease, pause);
  here.tree = { head: "b".repeat(40), changed: new Map() };
  const changed = { verify: [], tests: "trusted", limits: { costUsd: 500, tokens: 1 } } as const;
  const second = await here.begin({ settings: changed, flags: { limits: { iterations: 9 } } });
  assert.match(second.continues ?? "", /it was paused/);
  assert.deepEqual(second.settings.verify, [gate]);
  assert.equal(second.settings.tests, "counted");
  const { costUsd, tokens, iterations } = second.settings.limits;
  assert.deepEqual([costUsd, tokens, iterations], [5, undefined, 9]);
  assert.equal(second.startTree?.head, "a".repeat(40));
  here.store.endSession(second.lease, pause);
  const third = await here.begin();
  assert.equal(third.settings.limits.iterations, 9, "what a flag said goes on");
  assert.deepEqual(third.warnings, []);
});

Deno.test("who names the server is said of the one of now, and kept of the last", async () => {
  using here = world();
  const first = await here.begin({ ofProject: true });
  assert.equal(first.settings.serverOfProject, true);
  const kept = () => JSON.parse(here.store.sessionStart(1)?.settings ?? "").serverOfProject;
  assert.equal(kept(), true);
  here.store.endSession(first.lease, pause);
  const second = await here.begin();
  assert.equal(second.lease.sessionId, 1);
  assert.equal(second.settings.serverOfProject, false);
  assert.equal(kept(), false);
});

Deno.test("a session does not go on over what a person has committed on another branch meanwhile", async () => {
  using here = world();
  here.tree = on("theirs", "a");
  const first = await here.begin();
  const iteration = { number: 1, storyId: "US-1", storyTitle: "A", openCodeTitle: "t" };
  here.store.beginIteration(first.lease, iteration);
  const headAfter = "b".repeat(40);
  const end = { number: 1, outcome: "advanced", storiesPassed: [], headAfter } as const;
  here.store.endIteration(first.lease, end);
  here.store.endSession(first.lease, pause);
  for (const branch of ["other", undefined]) {
    here.tree = on(branch, "c");
    await assert.rejects(here.begin(), (error) => {
      assert(error instanceof RalphError && error.kind === "conflict");
      assert.match(error.message, /its work is on the branch `theirs`, and .* checked out/);
      assert.deepEqual(error.hints.map(({ command }) => command), [
        "git -C /p switch theirs",
        "ralph stop t --force && ralph run t",
      ]);
      return true;
    });
    assert.equal(here.store.session(1)?.status, "checkpointed", "nothing was begun");
  }
  // Where the last turn has left it, and where somebody has worked on the branch itself.
  for (const tree of [on("other", "b"), on("theirs", "c")]) {
    here.tree = tree;
    const next = await here.begin();
    assert.match(next.continues ?? "", /it was paused/);
    here.store.endSession(next.lease, pause);
  }
});

Deno.test("of a turn that was cut off, a branch that no command of it left is a person's", async () => {
  const run = (command: string, start: number, end?: number) => ({
    tool: "bash",
    input: { command },
    start,
    end,
  });
  const cases: readonly [string, number | undefined, readonly ToolRun[], boolean][] = [
    ["after its last command", 60_000, [run("git commit -m x", 10_000, 11_000)], true],
    ["while one ran that goes nowhere", 60_000, [run("sleep 60", 50_000)], true],
    ["by one of it", 60_000, [run("git switch -c mine", 59_500, 60_500)], false],
    ["by one that has not ended", 60_000, [run("./release.sh", 50_000)], false],
    ["nobody knows when", undefined, [], false],
  ];
  for (const [what, leftAt, toolRuns, isRefused] of cases) {
    using here = world();
    here.tree = on("theirs", "a");
    const { lease } = await here.begin();
    const headBefore = "a".repeat(40);
    const iteration = { number: 1, storyId: "US-1", storyTitle: "A", openCodeTitle: "t" };
    here.store.beginIteration(lease, { ...iteration, headBefore });
    here.store.setOpenCodeSession(lease, 1, "ses_1");
    Object.assign(here, { tree: on("other", "c"), leftAt, toolRuns });
    const begun = here.begin();
    if (!isRefused) assert.match((await begun).continues ?? "", /with iteration 1/, what);
    else await assert.rejects(begun, /its work is on the branch `theirs`, and `other` is/, what);
  }
});

const stopped = { status: "stopped", reason: "user_stop", detail: "" } as const;

Deno.test("a session that a person resumes keeps its counters, and is judged as a new one is", async () => {
  using here = world();
  const first = await here.begin({ settings: { limits: { costUsd: 5 } } });
  const iteration = { number: 1, storyId: "US-1", storyTitle: "A", openCodeTitle: "t" };
  here.store.beginIteration(first.lease, iteration);
  const end = { number: 1, outcome: "nothing", storiesPassed: [] } as const;
  here.store.endIteration(first.lease, end);
  here.store.putKeptHashes(first.lease, [{ name: "prd", sha256: "x", earlier: null }]);
  here.store.endSession(first.lease, stopped);
  here.tree = { head: "b".repeat(40), changed: new Map() };
  const second = await here.begin({ worker: { resumes: true } });
  assert.deepEqual([second.lease.sessionId, second.past.length, second.resumedAfter], [1, 1, 1]);
  assert.match(second.continues ?? "", /^continues session 1 after iteration 1: it had ended/);
  assert.equal(second.settings.limits.costUsd, 5);
  assert.equal(second.startTree?.head, "b".repeat(40));
  assert.match(here.store.sessionStart(1)?.tree ?? "", /bbbb/);
  assert.deepEqual(here.store.keptHashes(second.lease, []), [], "what was kept went at its end");
  here.store.endSession(second.lease, pause);
  const third = await here.begin();
  assert.deepEqual([third.lease.sessionId, third.resumedAfter, third.isResumed], [1, 1, false]);
  here.store.endSession(third.lease, { ...stopped, status: "completed" });
  assert.equal(
    (await here.begin({ worker: { resumes: true } })).lease.sessionId,
    2,
    "one that has completed",
  );
});

Deno.test("a new session says each setting that is not as it was, and where it comes from now", async () => {
  using here = world();
  const server = "http://127.0.0.1:1";
  const first = await here.begin({
    settings: { server, verify: [gate] },
    choices: { prompt: { file: "/p.md", sha256: "a" }, prdGates: [["x"]] },
  });
  assert.deepEqual(first.changes, [], "there was none before");
  here.store.endSession(first.lease, stopped);
  const second = await here.begin({
    settings: {
      server,
      protect: ["a"],
      finish: "tree",
      agent: "plan",
      limits: { costUsd: 1, turnMs: 60_000 },
    },
    worker: { agent: "plan" },
    choices: { prompt: { file: "/p.md", sha256: "b" }, prdGates: [] },
    sources: { protect: "ralph.json", finish: "config.json", agent: "flag", prompt: "prompt.md" },
  });
  assert.deepEqual([second.continues, second.warnings], [undefined, []]);
  const changes = second.changes.map((
    { setting, before, now, from },
  ) => [setting, before, now, from]);
  assert.deepEqual(changes.toSorted(), [
    ["agent", null, "plan", "flag"],
    ["finish", "commit", "tree", "config.json"],
    ["limits.costUsd", null, 1, "default"],
    ["limits.turnMinutes", 60, 1, "default"],
    ["prompt", { file: "/p.md", sha256: "a" }, { file: "/p.md", sha256: "b" }, "prompt.md"],
    ["protect", [], ["a"], "ralph.json"],
    ["verify of the PRD", [["x"]], [], "PRD"],
    ["verify", [["test"]], [], "default"],
  ]);
  here.store.endSession(second.lease, pause);
  const third = await here.begin({
    settings: { server },
    flags: { limits: { iterations: 2 } },
    sources: { "limits.iterations": "flag" },
  });
  assert.match(third.continues ?? "", /it was paused/);
  const words = third.changes.map(({ setting, from }) => `${setting} ${from}`);
  assert.deepEqual(words.toSorted(), ["agent default", "limits.iterations flag", "prompt default"]);
});

Deno.test("of a session that an earlier version began, what is not known is not told", async () => {
  using here = world();
  const server = "http://127.0.0.1:1";
  const first = await here.begin({ settings: { server, protect: ["a"] } });
  here.store.endSession(first.lease, stopped);
  const start = here.store.sessionStart(first.lease.sessionId);
  const { limits: _, ...kept } = JSON.parse(start?.settings ?? "");
  const old = {
    sessionStart: () => ({
      settings: JSON.stringify({ ...kept, limits: {} }),
      tree: null,
      choices: null,
    }),
  };
  Object.assign(here.store, old);
  const second = await here.begin({ settings: { server, limits: { iterations: 3 } } });
  assert.deepEqual(second.changes.map(({ setting }) => setting), ["protect"]);
});

Deno.test("what is left of an earlier worker: outcomes, the failure, a turn that broke off", async () => {
  using here = world();
  const { lease } = await here.begin();
  const begin = (number: number) =>
    here.store.beginIteration(lease, {
      number,
      storyId: `US-${number}`,
      storyTitle: "",
      openCodeTitle: "",
    });
  begin(1);
  here.store.endIteration(lease, {
    number: 1,
    outcome: "worked",
    detail: "not yet",
    storiesPassed: [],
    failure: "it fails",
    failureKey: "key",
  });
  begin(2);
  here.store.setOpenCodeSession(lease, 2, "ses_2");
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
  here.store.beginIteration(lease, {
    number: 1,
    storyId: "a",
    storyTitle: "",
    openCodeTitle: "",
  });
  here.store.endIteration(lease, {
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
  here.store.endSession(first.lease, { status: "stopped", reason: "unproven", detail: "" });
  here.tree = { head: "b".repeat(40), changed: new Map() };
  const second = await here.begin();
  assert.deepEqual([second.owesEvidence, second.startTree?.head], [true, "a".repeat(40)]);
  here.store.markWorkerDied({ id: second.lease.sessionId, epoch: 1 }, "");
  assert.equal((await here.begin()).owesEvidence, true);
});

const start = {
  settings:
    '{"verify": [], "protect": [], "tests": "counted", "limits": {}, "owesEvidence": false}',
  tree: null,
  choices: null,
};

/** A session with this on record, as an earlier worker left it. */
function recorded({ store }: World, stored: { settings?: string; tree?: string }) {
  const at = { taskName: task.name, taskDir: task.dir, projectRoot: task.projectRoot };
  const worker = {
    serverUrl: "http://127.0.0.1:1",
    serverPort: 1,
    workerPid: 1,
    workerVersion: "0",
  };
  return store.startSession(at, { ...worker, accepted: false, maxIterations: 5 }, {
    ...start,
    ...stored,
  });
}

Deno.test("a session whose settings cannot be read is ended, and the next one begins anew", async () => {
  const shapes = ["null", "{}", "[]", '{"verify": 1}', start.settings.replace("counted", "yes")];
  for (const settings of shapes) {
    using here = world();
    const { sessionId } = recorded(here, { settings });
    await assert.rejects(here.begin(), (error) => {
      assert(error instanceof RalphError, `${settings}: ${error}`);
      assert.equal(error.kind, "state");
      assert.match(
        error.message,
        /^cannot read the settings that session 1 began with, in the data/,
      );
      assert.match(error.message, /\. The session was ended$/);
      assert.equal(error.hints[1].command, "ralph run /p/tasks/t");
      return true;
    });
    const { status, reason } = here.store.session(sessionId) ?? {};
    assert.deepEqual([status, reason], ["failed", "internal_error"]);
    const next = await here.begin();
    assert.notEqual(next.lease.sessionId, sessionId);
    assert.equal(next.continues, undefined);
    assert.match(next.warnings.join(), /whether they changed since is not known/);
  }
});

Deno.test("limits that an earlier version did not store have their defaults", async () => {
  using here = world();
  recorded(here, { settings: start.settings.replace('"limits": {}', '"limits": {"tokens": 7}') });
  const { settings } = await here.begin();
  assert.deepEqual(settings.limits, { ...DEFAULT_SETTINGS.limits, tokens: 7 });
});

Deno.test("without the tree that it began with a session goes on, and says that nothing proves it", async () => {
  for (const tree of ["{}", "[]", '{"changed": [["a", 1]]}']) {
    using here = world();
    const { sessionId } = recorded(here, { tree });
    const begun = await here.begin();
    assert.equal(begun.lease.sessionId, sessionId);
    assert.equal(begun.startTree, undefined);
    assert.match(
      begun.warnings.join(),
      /cannot read what was in the work tree when session 1 began, in the database: /,
    );
  }
});

Deno.test("the tree of an unproven session that cannot be read is not replaced by that of now", async () => {
  using here = world();
  const lease = recorded(here, { tree: "{}" });
  here.store.endSession(lease, { status: "completed", reason: "unproven", detail: "" });
  const next = await here.begin();
  assert.notEqual(next.lease.sessionId, lease.sessionId);
  assert.equal(next.startTree, undefined);
  assert.equal(next.warnings.length, 1);
});
