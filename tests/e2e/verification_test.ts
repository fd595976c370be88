/** Done means verified, end to end: what a person sees of it, and what survives a worker's death. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Version } from "../support/install.ts";
import { startServer, type TestServer } from "../support/opencode_server.ts";
import { makeProject, type Project } from "../support/project.ts";
import { makeRalph, type Ralph, type RalphResult } from "../support/ralph.ts";
import {
  call,
  type ModelRequest,
  say,
  type Script,
  type ScriptedModel,
  startModel,
} from "../support/scripted_model.ts";
import { bash, PROMISE } from "../support/agent.ts";
import { until } from "../support/wait.ts";
import { NEWEST } from "../support/install.ts";

const PRD = "tasks/t/prd.json";
const prd = (more: Record<string, unknown> = {}) =>
  JSON.stringify(
    { project: "T", userStories: [{ id: "US-001", title: "Only", passes: false }], ...more },
    null,
    2,
  );

/** What an agent's shell does to claim the story. */
const CLAIM = `sed -i 's/"passes": false/"passes": true/' ${PRD}`;

/** An agent that runs one command in each turn, the n-th of these, and then says this. */
function turns(...each: readonly (readonly [command: string, said?: string])[]): Script {
  const prompts: string[] = [];
  return ({ prompt, step }: ModelRequest) => {
    if (!prompts.includes(prompt)) prompts.push(prompt);
    const [command, said = "I am done."] = each[prompts.indexOf(prompt)] ?? ["true"];
    return step === 0 ? call(bash(command)) : say(said);
  };
}

interface World extends AsyncDisposable {
  readonly project: Project;
  readonly model: ScriptedModel;
  readonly server: TestServer;
  readonly ralph: Ralph;
  /** `ralph <args>` in the project. */
  run(...args: string[]): Promise<RalphResult>;
  /** `ralph run t --foreground` with these options. */
  loop(...options: string[]): Promise<RalphResult>;
  // deno-lint-ignore no-explicit-any -- what a command prints as JSON
  status(): Promise<any>;
}

async function world(
  files: Readonly<Record<string, string>>,
  script: Script,
  version: Version = NEWEST,
): Promise<World> {
  const stack = new AsyncDisposableStack();
  const project = stack.use(await makeProject({ files }));
  const model = stack.use(await startModel(script));
  const server = stack.use(await startServer({ version, model }));
  const ralph = stack.use(await makeRalph());
  const run = (...args: string[]) => ralph(args, { cwd: project.root });
  return {
    project,
    model,
    server,
    ralph,
    run,
    loop: (...options) => run("run", "t", "--foreground", "--server", server.url, ...options),
    async status() {
      return JSON.parse((await run("status", "t", "--json")).stdout);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

Deno.test("a claim whose gate fails is taken back, told to the agent, and shown", async () => {
  await using here = await world(
    {
      [PRD]: prd({ verify: [["sh", "check.sh"]] }),
      "check.sh": "cat answer.txt; grep -q 42 answer.txt",
    },
    turns([`echo 41 > answer.txt; ${CLAIM}`], [`echo 42 > answer.txt; ${CLAIM}`]),
  );
  const { code, stdout } = await here.loop();
  assert.equal(code, 0, stdout);
  assert.match(stdout, /✗ gate sh check\.sh: exit code 1/);
  assert.match(
    stdout,
    /US-001 was claimed and taken back: the gate `sh check\.sh` fails: exit code 1/,
  );
  assert.match(stdout, /completed: the story passes/);
  assert.match(stdout, /1 of 1 gate passes · 1 claim taken back/);
  const [, second] = [...new Set(here.model.requests.map(({ prompt }) => prompt))];
  assert.match(second, /# The round before this one\n[^]*exit code 1[^]*\n {4}41\n/);

  const history = await here.run("history", "t");
  assert.match(history.stdout, /1: gates: sh check\.sh fails: exit code 1/);
  assert.match(history.stdout, /2: gates: sh check\.sh passes/);
  const status = await here.run("status", "t");
  assert.match(status.stdout, /gates: +sh check\.sh passes/);
  assert.match(status.stdout, /claims: +taken back: US-001 \(iteration 1\)/);
  const { gates, claims, usage } = await here.status();
  // before the first turn, of both claims, and in the clean checkout
  const passed = gates.map((gate: { passed: boolean }) => gate.passed);
  assert.deepEqual(passed, [false, false, true, true]);
  assert.deepEqual(claims.map(({ held }: { held: boolean }) => held), [false, true]);
  assert(usage.costUsd > 0 && usage.unpricedCalls === 0, "the server quotes the cost");
});

Deno.test("a gate that fails in the last run alone is run again, and told as flaky everywhere", async () => {
  await using here = await world(
    // it runs before the turn, for the claim, in the checkout, and in another one
    { [PRD]: prd({ verify: [{ shell: FAILS_THIRD, name: "unit" }] }) },
    turns([`echo 42 > answer.txt; ${CLAIM}; git add -A; git commit -qm work`]),
  );
  const { code, stdout } = await here.loop();
  assert.equal(code, 0, stdout);
  const flaky = "flaky: exit code 1, and it passed when it was run again on the same content";
  assert(stdout.includes(`✓ gate unit: ${flaky}`), stdout);
  assert.match(stdout, /\ngates +unit is flaky: exit code 1/);
  const { stdout: history } = await here.run("history", "t");
  assert(history.includes(`1: all gates: unit passes (${flaky})`), history);
  assert.match((await here.run("status", "t")).stdout, /gates: +unit passes \(flaky: exit code 1/);
});

/** It counts its runs, but not in the project, where that would be a change. */
const FAILS_THIRD = "echo x >> $HOME/runs; test $(wc -l < $HOME/runs) != 3";

Deno.test("a PRD that is as it was committed, once a claim was taken back, is not told as left", async () => {
  await using here = await world(
    { [PRD]: prd({ verify: [["false"]] }) },
    turns([`echo 42 > answer.txt; ${CLAIM}`]),
  );
  const { stdout } = await here.loop("--max-iterations", "1");
  assert.equal(await here.project.git("status", "--porcelain"), "?? answer.txt");
  assert.match((await here.run("status", "t")).stdout, /git: +not committed: `answer.txt`\n/);
  assert.match(stdout, /not committed: `answer.txt`\n/);
  assert.doesNotMatch(stdout, /not committed: .*prd\.json|taken back in the PRD/);
});

Deno.test("hooks that a turn switched off are told in history, to the next agent, and at the end", async () => {
  await using here = await world(
    { [PRD]: prd() },
    turns(["git config core.hooksPath /dev/null; echo 1 > a.txt"], [`echo 2 > a.txt; ${CLAIM}`]),
  );
  await here.project.write(".git/hooks/pre-commit", "#!/bin/sh\n");
  await Deno.chmod(join(here.project.root, ".git/hooks/pre-commit"), 0o755);
  const { code, stdout } = await here.loop();
  assert.equal(code, 0, stdout);
  const off = "hooks that ran before that turn are not run any more: `pre-commit`";
  assert.match(
    stdout,
    /\ngit +hooks that ran before .*\n +how git .*`core.hookspath` is `\/dev\/null`/,
  );
  assert((await here.run("history", "t")).stdout.includes(`1: ${off}`));
  const [, second] = [...new Set(here.model.requests.map(({ prompt }) => prompt))];
  assert(second.includes(`About git: ${off}. Undo that`), second);
});

Deno.test("a check that was weakened: what is protected is said, and where the gate fails", async () => {
  await using here = await world(
    {
      [PRD]: prd({ verify: [["sh", "check.sh"], ["sh", "greet.sh"]] }),
      "check.sh": "grep -q 42 answer.txt",
      "greet.sh": "exit 1",
      "ralph.json": '{ "protect": ["test/**"] }',
    },
    turns(
      [`echo true > check.sh; echo exit 0 > greet.sh; ${CLAIM}`],
      [`echo 42 > answer.txt; ${CLAIM}`],
    ),
  );
  const { code, stdout } = await here.loop();
  assert.equal(code, 0, stdout);
  assert.match(
    stdout,
    /\n {2}protected, .*: `check\.sh`, `ralph\.json`\n {2}not protected, .*: `greet\.sh`\n/,
  );
  assert.match(
    stdout,
    /in ralph\.json: "protect": \["test\/\*\*", "greet\.sh", "!check\.sh"\]\nwarning: `test\/\*\*` of/,
  );
  const where = "exit code 2 with the protected files as they were (as delivered it passes)";
  const changed =
    "as delivered and with the protected files as they were at the session's start: " +
    "`check.sh` was changed";
  assert(stdout.includes(`✗ gate sh check.sh: ${where}`), stdout);
  const { stdout: history } = await here.run("history", "t");
  assert(history.includes(`1: gates: sh check.sh fails: ${where}`), history);
  assert.match(history, /; sh greet\.sh passes/, "the program counts as it was delivered");
  assert(history.includes(changed), history);
  const [, second] = [...new Set(here.model.requests.map(({ prompt }) => prompt))];
  assert(second.includes(where) && second.includes(changed), second);

  const verified = await here.run("verify", "t");
  assert.match(verified.stdout, /\n {2}protected, .*: `check\.sh`, `ralph\.json`\n {2}not prot/);
  assert.match(verified.stderr, /^warning: `test\/\*\*` of `protect` matches no file: /m);
  const doctor = await here.run("doctor", "project.protect");
  assert.match(doctor.stdout, /`test\/\*\*` of `protect` matches no file: /);
  const passes = JSON.stringify({ ...JSON.parse(prd()), verify: [["sh", "check.sh"]] });
  await here.project.write(PRD, passes);
  const background = await here.run("run", "t", "--server", here.server.url, "-n", "1");
  assert.match(background.stdout, /\n {2}protected, .*: `check\.sh`, `ralph\.json`\n/);
  assert.match(background.stderr, /^warning: `test\/\*\*` of `protect` matches no file: /m);
  await until(async () => (await here.status()).status !== "running", { what: "its end" });
});

Deno.test("a claim without anything to show is unproven, until a person accepts it", async () => {
  await using here = await world({ [PRD]: prd({ verify: [["true"]] }) }, turns([CLAIM]));
  const refused = await here.loop("--accept");
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /cannot accept `t`: the story is open/);

  const first = await here.loop();
  assert.equal(first.code, 1, first.stdout);
  assert.match(first.stdout, /stopped: all stories are said to be done.*`ralph run t --accept`/);
  assert.equal((await here.status()).reason, "unproven");
  const again = await here.loop();
  assert.equal(again.code, 1, again.stdout);
  assert.equal((await here.status()).reason, "unproven", "running it again proves nothing");
  const calls = here.model.requests.length;

  const accepted = await here.loop("--accept");
  assert.equal(accepted.code, 0, accepted.stdout + accepted.stderr);
  assert.match(accepted.stdout, /✓ gate true/);
  assert.equal(here.model.requests.length, calls, "no agent was asked");
});

Deno.test("stories that all pass before the start: the gates decide, and no agent is asked", async () => {
  const done = prd({ verify: [["test", "-e", "made"]] }).replace("false", "true");
  await using here = await world({ [PRD]: done }, () => say("nobody asks"));
  const failing = await here.loop();
  assert.equal(failing.code, 1, failing.stdout);
  assert.match(failing.stdout, /stopped: all stories pass, but the gate `test -e made` fails/);
  await here.project.write("made", "");
  const loose = await here.loop();
  assert.equal(loose.code, 1, "it is not committed");
  assert.match(loose.stdout, /fails \(exit code 1 in a clean checkout\)/);
  await here.project.git("add", "--all");
  await here.project.git("commit", "--quiet", "-m", "made");
  const passing = await here.loop();
  assert.equal(passing.code, 0, passing.stdout);
  assert.equal(here.model.requests.length, 0);
});

Deno.test("the same in the background: the command waits for the gates, and ends as they do", async () => {
  const done = prd({ verify: [["test", "-e", "made"]] }).replace("false", "true");
  await using here = await world({ [PRD]: done }, () => say("nobody asks"));
  const start = (...more: string[]) => here.run("run", "t", "--server", here.server.url, ...more);
  const failing = await start();
  assert.equal(failing.code, 1, failing.stdout);
  assert.match(failing.stdout, /now the gates are checked, and no agent works/);
  assert.match(failing.stdout, /^t: stopped, all stories pass, but the gate `test -e made` fails/m);
  assert.match(failing.stdout, /ralph history t/);
  assert.doesNotMatch(failing.stdout, /ralph attach/, "there is nothing to attach to");
  const attached = await here.run("attach", "t");
  assert.equal(attached.code, 4);
  assert.match(attached.stderr, /session 1 of `t` made no OpenCode session: no agent worked in it/);
  assert.match(attached.stderr, /ralph status t/);
  await here.project.write("made", "");
  await here.project.git("add", "--all");
  await here.project.git("commit", "--quiet", "-m", "made");
  const passing = await start("--json");
  assert.equal(passing.code, 0, passing.stdout);
  const { type, status, reason } = JSON.parse(passing.stdout);
  assert.deepEqual([type, status, reason], ["session_started", "completed", "all_stories_pass"]);
});

Deno.test("an agent that needs a person ends the session; the answer is in the next prompt", async () => {
  await using here = await world(
    { [PRD]: prd() },
    turns(
      ["true", "I tried.\n\n<blocked>the key of the payment service</blocked>"],
      [`echo x > work.txt; ${CLAIM}`],
    ),
  );
  const blocked = await here.loop();
  assert.equal(blocked.code, 1, blocked.stdout);
  assert.match(blocked.stdout, /the agent needs a person: the key of the payment service/);
  assert.match(blocked.stdout, /answer with `ralph run t --say '…'`/);
  assert.equal((await here.status()).reason, "blocked_on_human");

  const answered = await here.loop("--say", "it is in .env: {{id}} $(touch pwned)");
  assert.equal(answered.code, 0, answered.stdout);
  const { prompt } = here.model.requests.at(-1) ?? { prompt: "" };
  assert.match(
    prompt,
    /# What a person says\n\nit is in \.env: \{\{id\}\} \$\(touch pwned\)\n/,
  );
  assert.equal((await here.status()).said, "it is in .env: {{id}} $(touch pwned)");
});

Deno.test("a limit of the session that is reached in mid-turn aborts the turn; what it used is kept", async () => {
  await using here = await world({ [PRD]: prd() }, () => call(bash("date +%N >> work.txt")));
  const { code, stdout } = await here.loop("--max-tokens", "5000");
  assert.equal(code, 1, stdout);
  assert.match(stdout, /stopped: the session's limit of 5,000 tokens was reached \(/);
  const { reason, usage, iteration } = await here.status();
  assert.deepEqual([reason, iteration], ["budget", 1]);
  assert(usage.inputTokens + usage.cacheReadTokens + usage.outputTokens >= 4_000, stdout);
  assert(usage.modelCalls < 20, `${usage.modelCalls} model calls`);
});

Deno.test("what a killed worker's turn left is judged by the next worker, and the budget goes on", async () => {
  const held = Promise.withResolvers<void>();
  let waits = false;
  await using here = await world(
    { [PRD]: prd({ verify: [["grep", "-q", "42", "answer.txt"]] }) },
    async ({ step }) => {
      if (step === 0) return call(bash(`echo 42 > answer.txt; ${CLAIM}`));
      waits = true;
      await held.promise;
      return say("done");
    },
  );
  await here.run("run", "t", "-n", "3", "--max-tokens", "1000000", "--server", here.server.url);
  await until(() => waits, { what: "the claim" });
  const { workerPid } = await here.status();
  Deno.kill(workerPid, "SIGKILL");
  await until(async () => (await here.status()).status === "failed", { what: "its death" });
  await here.project.write("ralph.json", '{"limits": {"iterations": 99}, "verify": [["false"]]}');
  held.resolve();

  const { code, stdout } = await here.loop();
  assert.equal(code, 0, stdout);
  assert.match(stdout, /at most 3 iterations/, "its limits and gates are those of its start");
  assert.match(stdout, /✓ gate grep -q 42 answer\.txt/);
  const { iteration, usage } = await here.status();
  assert.equal(iteration, 1, "nothing was left to do");
  assert(usage.modelCalls >= 1, "what the turn used is known");
});

Deno.test("a task with only a prompt: promise, gates and a change are needed", async () => {
  await using here = await world(
    {
      "tasks/t/prompt.md": "Write the answer.\n",
      "ralph.json": '{"verify": [["grep", "-q", "42", "answer.txt"]]}',
    },
    turns(
      ["echo 41 > answer.txt", `All done.\n\n${PROMISE}`],
      ["echo 42 > answer.txt", `I will not say ${PROMISE} yet`],
      ["git add --all && git commit --quiet -m answer", PROMISE],
    ),
  );
  const shown = await here.run("run", "t", "--print-prompt");
  assert.match(shown.stdout, /^Write the answer\.\n\nTask: t\n[^]*the loop runs these by itself/);
  const { code, stdout } = await here.loop();
  assert.equal(code, 0, stdout);
  assert.match(stdout, /iteration 3\/10/);
  assert.match(here.model.requests[0].prompt, /^Write the answer\.\n/);
  const history = await here.run("history", "t");
  assert.match(history.stdout, /1: gates: grep -q 42 answer\.txt fails/);
});

Deno.test("the PRD's branch is created from the base that is named; obstacles are said", async () => {
  await using here = await world(
    { [PRD]: prd({ branchName: "ralph/t" }), "a.txt": "a" },
    turns([`echo x > work.txt; ${CLAIM}; git add --all; git commit --quiet -m work`]),
  );
  await here.project.write("a.txt", "dirty");
  const refused = await here.loop();
  assert.equal(refused.code, 5, refused.stdout + refused.stderr);
  assert.match(refused.stderr, /cannot switch .* there are uncommitted changes \(a\.txt\)/);
  await here.project.git("restore", "a.txt");
  const nowhere = await here.loop("--base-branch", "nowhere");
  assert.match(nowhere.stderr, /no branch or commit `nowhere`/);
  assert.match((await here.run("status")).stderr, /No sessions yet/, "nothing was begun");

  const { code, stdout, stderr } = await here.loop("--base-branch", "main");
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /created the branch `ralph\/t` from `main`/);
  assert.equal(await here.project.git("branch", "--show-current"), "ralph/t");
  assert.equal(await here.project.git("rev-list", "--count", "main..ralph/t"), "1");
});

Deno.test("--print-prompt shows the next prompt, template and all, and starts nothing", async () => {
  await using here = await world(
    { [PRD]: prd({ verify: [["true"]] }), "tasks/t/prompt.md": "Do {{story}}.\n{{gates}}" },
    () => say("nobody asks"),
  );
  const { code, stdout } = await here.run("run", "t", "--print-prompt", "--say", "go on");
  assert.equal(code, 0);
  assert.equal(stdout, "Do US-001: Only.\n- `true`\n\n# What a person says\n\ngo on\n");
  await here.project.write("tasks/t/prompt.md", "{{stroy}}");
  const wrong = await here.loop();
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /prompt\.md:1: there is no placeholder `\{\{stroy\}\}`/);
  assert.equal(here.model.requests.length, 0);
  assert.deepEqual([...Deno.readDirSync(here.ralph.home)].map(({ name }) => join(name)), []);
});

Deno.test("what an agent's first command does to the PRD is its own, however long a snapshot takes", async () => {
  const two = JSON.parse(prd());
  two.userStories.push({ id: "US-002", title: "Other", passes: false });
  const alone = prd().replace("false", "true");
  const many = Array.from({ length: 2_500 }, (_, i) => [`src/${i % 50}/${i}.txt`, `${i}\n`]);
  await using here = await world(
    { ...Object.fromEntries(many), [PRD]: JSON.stringify(two, null, 2) },
    turns([`cat > ${PRD} <<'END'\n${alone}\nEND\necho work > work.txt`]),
    "1.1.53", // 1.18.33 notes the first tool in time (measured)
  );
  const { code, stdout } = await here.loop("-n", "1");
  assert.notEqual(code, 0, stdout);
  const ids = JSON.parse(await here.project.read(PRD)).userStories.map(({ id }: { id: string }) =>
    id
  );
  assert.deepEqual(ids, ["US-001", "US-002"], stdout);
});
