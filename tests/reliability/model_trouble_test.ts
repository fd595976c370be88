/** What becomes of a session whose model or provider makes trouble, on real servers. */
import assert from "node:assert/strict";
import { tickingAgent } from "../support/agent.ts";
import { TESTED, type Version } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject } from "../support/project.ts";
import { makeRalph } from "../support/ralph.ts";
import {
  call,
  cutOff,
  hang,
  hangBeforeHeaders,
  httpError,
  type Reply,
  say,
  type Script,
  slow,
  startModel,
} from "../support/scripted_model.ts";
import { GENEROUS_MS, until } from "../support/wait.ts";

const PRD = "# PRD\n\n### US-001: Only\n\n- [ ] it is done\n";

/** What the provider refuses a request with. */
const refuse = (status: number, message: string, headers: Record<string, string> = {}) =>
  httpError(status, { error: { message } }, headers);

/** An answer that begins well and then says that there is a limit. */
const limitInMidAnswer: Reply = {
  kind: "stream",
  steps: [{ raw: JSON.stringify({ error: { message: "Rate limit exceeded" } }) }],
};

interface Event {
  type: string;
  text?: string;
  detail?: string;
}

/** A server of that version, a project with the task `one`, and a ralph. */
async function makeWorld(version: Version, config: Record<string, unknown> = {}) {
  await using stack = new AsyncDisposableStack();
  const model = stack.use(await startModel(() => say("x")));
  const server = stack.use(await startServer({ version, model, config }));
  const project = stack.use(await makeProject({ files: { "tasks/one/prd.md": PRD } }));
  const ralph = stack.use(await makeRalph());
  const cli = (...args: string[]) => ralph(args, { cwd: project.root });
  const owned = stack.move();
  return {
    model,
    cli,
    /** Runs a new session to its end, in the foreground. */
    async session(script: Script, ...flags: string[]) {
      model.setScript(script);
      await project.write("tasks/one/prd.md", PRD);
      const run = await cli("run", "one", "-f", "--json", "--server", server.url, ...flags);
      const events: Event[] = run.stdout.trim().split("\n").map((line) => JSON.parse(line));
      const activities = events.flatMap(({ type, text = "" }) => type === "activity" ? [text] : []);
      const row = JSON.parse((await cli("status", "one", "--json")).stdout);
      return { ...row, code: run.code, stderr: run.stderr, activities, shown: run.stdout };
    },
    /** Starts a new session in the background. */
    async start(script: Script, ...flags: string[]) {
      model.setScript(script);
      await project.write("tasks/one/prd.md", PRD);
      const run = await cli("run", "one", "--server", server.url, ...flags);
      assert.equal(run.code, 0, run.stderr);
    },
    /** What `ralph status` shows as soon as that has these words. */
    status: (words: RegExp) =>
      until(async () => {
        const { stdout } = await cli("status", "one", "--json");
        const row = JSON.parse(stdout);
        return words.test(row.activity ?? "") && row;
      }, { what: `the status ${words}` }),
    /** The OpenCode sessions that are at work. */
    async busy(): Promise<unknown> {
      const query = new URLSearchParams({ directory: project.root });
      return await (await fetch(`${server.url}/session/status?${query}`)).json();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function onEachVersion(
  name: string,
  body: (
    t: Deno.TestContext,
    world: Awaited<ReturnType<typeof makeWorld>>,
    version: Version,
  ) => Promise<void>,
): void {
  for (const version of TESTED) {
    Deno.test(`${name} (${version})`, async (t) => {
      await using world = await makeWorld(version);
      await body(t, world, version);
    });
  }
}

onEachVersion(
  "where trying again cannot help, the session ends after one iteration",
  async (t, world) => {
    const cases: [string, Reply, RegExp][] = [
      [
        "a key that is refused",
        refuse(401, "Incorrect API key"),
        /^APIError: Incorrect API key; log in again with `opencode auth login`/,
      ],
      [
        "a request that is forbidden",
        refuse(403, "Forbidden here"),
        /^APIError: Forbidden here; log in again with `opencode auth login`/,
      ],
      [
        "an account without credit",
        refuse(402, "Insufficient credits"),
        /^APIError: Insufficient credits; pay the provider/,
      ],
      [
        "a model that the provider does not have",
        refuse(404, "No such thing"),
        /^APIError: No such thing; see which models there are with `opencode models`/,
      ],
      [
        "a quota that is used up, for which OpenCode asks again and again",
        refuse(429, "insufficient_quota"),
        /^the provider wants to be paid first: insufficient_quota$/,
      ],
    ];
    for (const [name, reply, words] of cases) {
      await t.step(name, async () => {
        const { code, status, reason, detail, iteration } = await world.session(() => reply);
        assert.deepEqual([code, status, reason, iteration], [1, "failed", "provider_error", 1]);
        assert.match(detail, words);
      });
    }
  },
);

for (const version of TESTED) {
  Deno.test(`a model that the server does not have ends the session after one iteration (${version})`, async () => {
    await using world = await makeWorld(version, { model: "fake/nope" });
    const row = await world.session(() => say("nobody asks"));
    assert.deepEqual([row.code, row.reason, row.iteration], [1, "provider_error", 1], row.shown);
    assert.match(row.detail, /Model not found: fake\/nope.*`opencode models`/);
    assert.equal(world.model.requests.length, 0);
  });
}

onEachVersion("a rate limit is waited for, and is no failure", async (t, world, version) => {
  /** Refuses so often, then does the story. */
  const after = (refusals: number, reply: Reply): Script => {
    const agent = tickingAgent();
    let asked = 0;
    return (request) => asked++ < refusals ? reply : agent(request);
  };

  await t.step("by OpenCode, when the provider names a time", async () => {
    const script = after(1, refuse(429, "Rate limit reached", { "retry-after": "2" }));
    const row = await world.session(script, "-n", "1");
    assert.deepEqual(
      [row.status, row.iteration, row.maxIterations],
      ["completed", 1, 1],
      row.shown,
    );
    assert.match(
      row.activities[0],
      /^rate limited, asked again at (\d{4}-\d\d-\d\d )?\d\d:\d\d UTC: Rate limit reached$/,
    );
  });

  await t.step("by ralph, when it ends the turn; that turn costs no iteration", async () => {
    // 1.1.53 gives up at once for a limit in mid-answer, 1.18.33 after five tries (measured).
    const script = version === "1.1.53"
      ? after(1, limitInMidAnswer)
      : after(6, refuse(429, "Rate limit exceeded", { "retry-after": "1" }));
    const row = await world.session(script, "-n", "1");
    assert.deepEqual(
      [row.status, row.iteration, row.maxIterations],
      ["completed", 2, 2],
      row.shown,
    );
    assert.match(
      row.activities.at(-1),
      /^rate limited(?: until .* UTC)?, asked again .*: .*Rate limit exceeded/,
    );
  });
});

onEachVersion("while the model or its provider is waited for", async (t, world, version) => {
  const limited = version === "1.1.53" ? limitInMidAnswer : refuse(429, "Rate limit exceeded");

  await t.step(
    "status says since when an agent is silent, and until when that may be",
    async () => {
      await world.start(() => hang(), "--silence-time", "10s");
      const { activity } = await world.status(/^nothing heard of the agent since/);
      assert.match(activity, /since (\S+ )?\d\d:\d\d UTC, ended at (\S+ )?\d\d:\d\d UTC$/);
      assert.equal((await world.cli("stop", "one")).code, 0);
    },
  );

  await t.step("status says until when, and a stop ends the wait at once", async () => {
    await world.start(() => limited);
    const row = await world.status(/^rate limited, asked again at .*UTC: .*Rate limit exceeded/);
    assert.equal(row.status, "running");
    const began = performance.now();
    const stop = await world.cli("stop", "one");
    assert.equal(stop.code, 0, stop.stderr);
    assert(performance.now() - began < GENEROUS_MS, `${performance.now() - began} ms`);
    const ended = JSON.parse((await world.cli("status", "one", "--json")).stdout);
    assert.deepEqual([ended.status, ended.reason], ["stopped", "user_stop"]);
  });

  await t.step("a provider that fails again and again ends it by the limit", async () => {
    const row = await world.session(() => refuse(500, "boom"), "--rate-limit-time", "5s");
    assert.deepEqual([row.code, row.status, row.reason], [1, "failed", "provider_error"]);
    assert.match(row.detail, /^waiting for the provider takes longer than 5 s: .*: boom$/);
    assert.match(row.activities[0], /^provider fails, attempt 1, asked again at .* UTC: boom$/);
  });

  await t.step("a time beyond the limit ends it at once", async () => {
    const week = refuse(429, "weekly limit", { "retry-after": "604800" });
    const began = performance.now();
    const row = await world.session(() => week);
    assert.deepEqual([row.reason, row.iteration], ["provider_error", 1]);
    assert.match(
      row.detail,
      /^the provider was to be asked again at \S+ \d\d:\d\d UTC, which is too late: weekly limit$/,
    );
    assert(performance.now() - began < GENEROUS_MS, `${performance.now() - began} ms`);
  });
});

onEachVersion(
  "a runaway turn is ended by its limit, and called what it is",
  async (t, world, version) => {
    const bash = { name: "bash", input: { command: "echo hi", description: "Say it" } };
    const big = { prompt: 8_000, cached: 0, completion: 500, reasoning: 0 };
    const cases: [string, Script, readonly string[], RegExp][] = [
      [
        "a stream that never begins",
        () => hangBeforeHeaders(),
        ["--silence-time", "2s"],
        /^nothing was heard of the agent for 2 s$/,
      ],
      [
        "a stream that stops in the middle",
        () => hang(),
        ["--silence-time", "2s"],
        /^nothing was heard of the agent for 2 s$/,
      ],
      [
        "a stream without end",
        () => slow({ chunks: 10_000, everyMs: 100 }),
        ["--turn-time", "2s"],
        /^the turn took longer than 2 s$/,
      ],
      [
        "a stream that breaks off each time",
        () => cutOff(),
        ["--max-broken-answers", "3", "--rate-limit-time", "1s"],
        /^the model broke off 3 times in a row$/,
      ],
      [
        "a conversation that is too long each time it was shortened",
        () => ({ ...call(bash), usage: big }),
        ["--max-compactions", "2", "--model", "fake/tiny"],
        /^the conversation was shortened more than 2 times$/,
      ],
      [
        "a provider that finds it too long each time, which 1.1.53 takes for the end",
        () => refuse(400, "This model's maximum context length is 8192 tokens, and you sent 9000."),
        ["--max-compactions", "2"],
        version === "1.1.53"
          ? /maximum context length/
          : /^the conversation was shortened more than/,
      ],
      [
        "steps without end",
        () => call(bash),
        ["--max-model-calls", "4"],
        /^the turn made more than 4 model calls$/,
      ],
    ];
    for (const [name, script, flags, detail] of cases) {
      await t.step(name, async () => {
        const before = world.model.requests.length;
        const row = await world.session(script, ...flags, "--max-errors", "1");
        assert.deepEqual(
          [row.code, row.reason, row.iteration],
          [1, "provider_error", 1],
          row.shown,
        );
        const said = row.detail.replace(
          /^(1 iteration ended in an error, the last with|waiting for the provider takes longer than 1 s): /,
          "",
        );
        assert.match(said, detail);
        const asked = world.model.requests.length - before;
        assert(asked <= 20, `${asked} requests`);
        assert.deepEqual(await world.busy(), {}, "the turn was aborted");
      });
    }
  },
);
