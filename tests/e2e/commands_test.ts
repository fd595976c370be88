/** Each command once, in the order in which a user would type them, on a real server. */
import assert from "node:assert/strict";
import { COMMANDS } from "../../src/cli/program.ts";
import { VERSION } from "../../src/version.ts";
import { tickingAgent } from "../support/agent.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject } from "../support/project.ts";
import { makeRalph } from "../support/ralph.ts";
import { playReleases } from "../support/release_page.ts";
import { askedIn, REVIEWERS } from "../support/reviewer.ts";
import { hang, say, startModel } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";
import { NEWEST } from "../support/install.ts";

const TWO_STORIES =
  "# PRD\n\n### US-001: First\n\n- [ ] done\n\n### US-002: Second\n\n- [ ] done\n";

Deno.test("each command once: from a new task to a session that is forgotten", async () => {
  await using stack = new AsyncDisposableStack();
  const model = stack.use(await startModel(() => hang()));
  const server = stack.use(await startServer({ version: NEWEST, model }));
  const project = stack.use(await makeProject({ files: { "tasks/two/prd.md": TWO_STORIES } }));
  const ralph = stack.use(await makeRalph());
  const page = stack.use(playReleases());
  await page.release(VERSION);
  const used = new Set<string>();
  /** Runs a command, which must end with `code`. Returns what it said. */
  async function type(args: readonly string[], code = 0): Promise<string> {
    used.add(args[0]);
    const result = await ralph(args, {
      cwd: project.root,
      env: { RALPH_RELEASES: page.url, EDITOR: "true" },
    });
    assert.equal(result.code, code, `${args.join(" ")}: ${result.stdout}${result.stderr}`);
    return result.stdout + result.stderr;
  }
  /** What `ralph watch`, which does not end by itself, tells of a task first. */
  async function watchFor(task: string): Promise<string> {
    used.add("watch");
    const child = ralph.start(["watch", task], { cwd: project.root });
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value = "" } = await reader.read();
    child.kill("SIGTERM");
    await Promise.all([reader.cancel(), child.stderr.cancel(), child.status]);
    return value;
  }
  const agentAsked = (calls: number) =>
    until(() => model.requests.length >= calls, { what: `${calls} calls of the model` });

  assert.match(await type(["init"]), /^No checks of this project are known/);
  assert.match(await type(["new", "other"]), /tasks\/other\/prd\.md/);
  assert.match(await type(["tasks"]), /^two\t?.*0\/2/m);
  assert.match(await type(["doctor", "project.git", "--server", server.url]), /git/);
  await project.write("ralph.json", JSON.stringify({ verify: [["true"]] }));
  assert.match(await type(["verify", "two"]), /gate true/);
  assert.match(await type(["completions", "bash"]), /complete -F _ralph ralph/);
  assert.match(await type(["man"]), /^\.TH RALPH 1 /);
  assert.match(await type(["__complete", "--", "run", "t"]), /^two/m);

  assert.match(await type(["plan", "two", "--check"], 1), /! US-001: "done" says too little/);

  assert.match(await type(["run", "two", "--server", server.url]), /session 1/);
  await agentAsked(1);
  assert.match(await type(["status", "two"]), /running since/);
  assert.match(await watchFor("two"), /two\tsession 1 is running/);
  assert.match(await type(["attach", "two"]), /^opencode attach |\/opencode attach /m);
  const target = JSON.parse(await type(["attach", "two", "--json"]));
  assert.deepEqual(target.command.slice(1, 3), ["attach", server.url]);
  assert.match(await type(["say", "two", "--next", "mind the tests"]), /with its next prompt/);
  assert.match(await type(["edit", "two"]), /nothing was changed/);
  assert.match(await type(["stop", "two"]), /stopped `two` \(session 1\)/);

  // It begins once the pause was asked for: else both stories may be done by then.
  const paused = Promise.withResolvers<void>();
  const works = tickingAgent();
  model.setScript(async (request) => {
    await paused.promise;
    return await works(request);
  });
  assert.match(await type(["run", "two", "--server", server.url]), /session 2/);
  await type(["checkpoint", "two"]);
  paused.resolve();
  await type(["wait", "two"], 8);
  assert.match(await type(["run", "two", "--server", server.url]), /continues session 2/);
  const ended = await type(["wait", "two", "--timeout", "120"]);
  assert.match(ended, /two: completed/);
  assert.match(ended, /^done {6}US-001, US-002 \(2 of 2 pass\)\nbranch {4}\S+: \d+ commits?, /m);
  // What `init` and `new` have made was never committed, and the agent has taken it along.
  assert.match(ended, /^took .* in all\nwarning {3}yours, .*`ralph\.json`.*\nnext {6}git diff /m);
  assert.match(await type(["land", "two"], 4), /`two` has no worktree/);
  assert.match(await type(["logs", "two"]), /completed: all 2 stories pass/);
  assert.match(await type(["history", "two"]), /US-002/);
  assert.match(await type(["show", "two"]), /US-002 holds/);
  assert.match(await type(["report", "two"]), /reports\/two-.*\.html$/m);
  model.setScript(({ prompt }) => say(REVIEWERS.lazy(askedIn(prompt))));
  assert.match(await type(["review", "two", "--server", server.url]), /US-002: passed/);
  assert.match(await type(["resume", "--interrupted"]), /Nothing was running/);
  assert.match(await type(["clean", "--yes"]), /forgot 2 sessions/);
  assert.match(await type(["upgrade", "--check"]), /is the newest release/);

  const shown = Object.entries(COMMANDS).filter(([, { summary }]) => summary !== undefined);
  assert.deepEqual(shown.map(([name]) => name).filter((name) => !used.has(name)), []);
});
