/** What `ralph run` says before it costs anything: what it will do, and what will go wrong. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { makeWorld, type World } from "../reliability/processes.ts";
import { bash } from "../support/agent.ts";
import { call, say } from "../support/scripted_model.ts";

const prd = (more: Record<string, unknown> = {}) =>
  JSON.stringify({
    project: "T",
    userStories: [
      { id: "US-001", title: "Done", passes: true },
      { id: "US-002", title: "Next\x1b[2J", passes: false },
    ],
    ...more,
  });

const RELAY = fileURLToPath(new URL("../support/relay.ts", import.meta.url));

const TWO = "tasks/two/prd.json";

/** `ralph run two` in the foreground, for one iteration in which the agent does nothing. */
function runOnce({ cli, fake, url }: World, ...options: string[]) {
  fake.setScript(({ step }) => step === 0 ? call(bash("true")) : say("nothing done"));
  return cli("run", "two", "-f", "-n", "1", "--server", url, ...options);
}

const rowsOf = (stdout: string) =>
  stdout.split("\n").slice(0, stdout.split("\n").findIndex((line) => /session \d+,/.test(line)))
    .map((line) => line.trim().replace(/\s+/, " "));

Deno.test("a run says where its branch is: to be made, here, or on a remote alone", async () => {
  await using world = await makeWorld({ [TWO]: prd({ branchName: "ralph/two" }) });
  const { git } = world.project;
  const branchSaid = async () => {
    const { stdout } = await runOnce(world);
    await git("switch", "--quiet", "main");
    return rowsOf(stdout).find((row) => row.startsWith("branch"));
  };
  assert.equal(await branchSaid(), "branch ralph/two (now on main; a new one begins at main)");
  assert.equal(await branchSaid(), "branch ralph/two (now on main)");
  await git("branch", "--quiet", "--move", "ralph/two", "elsewhere");
  await git("remote", "add", "origin", ".");
  await git("update-ref", "refs/remotes/origin/ralph/two", "elsewhere");
  const pushed = "begins at origin/ralph/two, which it tracks";
  assert.equal(await branchSaid(), `branch ralph/two (now on main; ${pushed})`);
  await git("branch", "--quiet", "--delete", "--force", "ralph/two");
  await git("remote", "add", "other", ".");
  await git("update-ref", "refs/remotes/other/ralph/two", "elsewhere");
  assert.equal(await branchSaid(), "branch ralph/two (now on main; a new one begins at main)");
});

Deno.test("a run says story, model, agent, gates, branch and limits before its session begins", async () => {
  const verify = [["true"], ["test", "-e", "made"]];
  await using world = await makeWorld({ [TWO]: prd({ verify, branchName: "ralph/two" }) });
  const first = await runOnce(world, "--max-cost", "2.5", "--max-duration", "3h");
  assert.deepEqual(rowsOf(first.stdout), [
    "story US-002 Next\\x1b[2J (1 of 2 stories open)",
    "model fake/ok (OpenCode's setting)",
    "agent build",
    "gates true (not run yet), test -e made (not run yet)",
    "branch ralph/two (now on main; a new one begins at main)",
    "limits 1 iteration; $2.5; 3h 0m",
  ]);
  const second = await runOnce(world, "--model", "fake/ok", "--agent", "build");
  assert.deepEqual(rowsOf(second.stdout).slice(1), [
    "model fake/ok (ralph's setting)",
    "agent build",
    "gates true (passed last), test -e made (failed last)",
    "branch ralph/two",
    "limits 1 iteration; no limit on cost",
  ]);
});

Deno.test("a run says who is reviewed, and that nobody is", async () => {
  const story = (id: string, more = {}) => ({ id, title: id, passes: false, ...more });
  const stories = [story("US-001", { review: false }), story("US-002")];
  await using world = await makeWorld({ [TWO]: prd({ userStories: stories, review: {} }) });
  const review = async (...options: string[]) =>
    rowsOf((await runOnce(world, ...options)).stdout).find((row) => row.startsWith("review"));
  assert.match(
    await review() ?? "",
    /^review by the same model, .*; none of US-001, which want none$/,
  );
  assert.equal(await review("--no-review"), "review none: it is left out");
  const none = prd({ userStories: [stories[0]], review: {} });
  await world.project.write(TWO, none);
  assert.equal(await review(), "review none: each story says that it wants none");
});

Deno.test("a gate whose program is missing: nothing is started, whoever waits for it", async () => {
  await using world = await makeWorld({ [TWO]: prd({ verify: [["no-such-program-of-ralph"]] }) });
  const { cli, url, fake } = world;
  const { code, stdout, stderr } = await cli("run", "two", "--server", url);
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(
    stderr,
    /^error: cannot run `two`: the gate no-such-program-of-ralph needs no-such-program-of-ralph, which is not on PATH\n/,
  );
  assert.match(stderr, /^hint: install it, then see whether it runs: ralph verify$/m);
  assert(fake.ledger.every(({ type }) => type !== "prompt"));
  assert.match((await cli("status", "two")).stderr, /no session of `two` was ever started/);
});

Deno.test("what a story's own gate lacks may come of the work: a warning", async () => {
  const userStories = [{ id: "US-001", title: "A", passes: false, verify: [["to-be-made"]] }];
  await using world = await makeWorld({ [TWO]: prd({ userStories }) });
  const { stdout, stderr } = await runOnce(world);
  assert.match(stdout, /session 1, at most 1 iteration/);
  assert.match(stderr, /^warning: the gate to-be-made needs to-be-made, which is not on PATH: /m);
});

Deno.test("an agent that only plans is warned of where a setting names it", async () => {
  await using world = await makeWorld({ [TWO]: prd() });
  const { stdout, stderr } = await runOnce(world, "--agent", "plan");
  assert.match(stdout, /^ {2}agent +plan$/m);
  assert.match(stderr, /^warning: the agent plan may not edit files: no work can come of it$/m);
});

Deno.test({
  name: "OpenCode's own background service in the server's place: a warning",
  ignore: Deno.build.os !== "linux", // no other system says whose a port is
  async fn() {
    await using world = await makeWorld({ [TWO]: prd() });
    world.fake.kill();
    world.fake.start({ version: "2.0.26" });
    const holder = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => holder.once("listening", resolve));
    const { port } = holder.address() as { port: number };
    await new Promise((resolve) => holder.close(resolve));
    const to = { port: Number(new URL(world.url).port) };
    const [from, onto] = [{ port }, to].map((one) => JSON.stringify(one));
    const relay = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", RELAY, from, onto, "serve", "--service"],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const reader = relay.stdout.getReader();
    await reader.read(); // it listens
    try {
      const { stderr } = await runOnce({ ...world, url: `http://127.0.0.1:${port}` });
      assert.match(stderr, /^warning: OpenCode's own background service .* end it with /m);
    } finally {
      await relay.stdin.close();
      await reader.cancel();
      await relay.status;
    }
    const { stderr } = await runOnce(world);
    assert.doesNotMatch(stderr, /background service/);
  },
});

Deno.test("with --json a run prints what programs read, and nothing else", async () => {
  await using world = await makeWorld({ [TWO]: prd() });
  const { stdout } = await runOnce(world, "--json");
  assert.equal(JSON.parse(stdout.split("\n")[0]).type, "session_started");
});
