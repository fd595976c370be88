/** `ralph plan`: the real program and a real server; only the model is scripted. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { textOf } from "../../src/host/files/read_file.ts";
import { bash, onOpenCode2, write } from "../support/agent.ts";
import { NEWEST, OPENCODE2, type ServerVersion } from "../support/install.ts";
import { startServer, type TestServer } from "../support/opencode_server.ts";
import { makeProject } from "../support/project.ts";
import { openPty } from "../support/pty.ts";
import { makeRalph, RALPH } from "../support/ralph.ts";
import { call, hang, type Reply, say, type Script, startModel } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";

const DRAFT = {
  name: "sums",
  title: "Sums of lists",
  description: "Nothing adds numbers up.",
  stories: [
    { id: "US-001", title: "Add numbers", criteria: ["`node sum.js 1 2` prints 3"] },
    {
      id: "US-002",
      title: "Add decimals",
      criteria: ["`node sum.js 0.1 0.2` prints 0.3"],
      dependsOn: ["US-001"],
    },
  ],
  gates: ["node --test"],
  nonGoals: ["other bases"],
  questions: [{ question: "Which numbers?", choices: ["all", "whole"] }],
};
const answer = (draft: object) =>
  say(`Here it is:\n\n\`\`\`json\n${JSON.stringify(draft)}\n\`\`\``);
const PASSWORD = "secret";

interface World extends AsyncDisposable {
  readonly server: TestServer;
  readonly root: string;
  /** For a program that is not started by `plan`. */
  readonly env: Readonly<Record<string, string>>;
  setScript(script: Script): void;
  /** Those that were asked so far. */
  models(): readonly string[];
  prompts(): readonly string[];
  plan(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }>;
  start(args: readonly string[]): Deno.ChildProcess;
  prd(): string | undefined;
}

const denoDir = () =>
  Deno.env.get("DENO_DIR") ??
    join(Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "", ".cache"), "deno");

async function makeWorld(version: ServerVersion): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const model = stack.use(await startModel(() => hang()));
  const password = version === "2" ? PASSWORD : undefined;
  const server = stack.use(await startServer({ version, model, password }));
  const project = stack.use(
    await makeProject({ files: { "README.md": "A calculator.\n", ".env": "KEY=hidden\n" } }),
  );
  const ralph = stack.use(await makeRalph());
  const env = { RALPH_SERVER: server.url, OPENCODE_SERVER_PASSWORD: password ?? "" };
  const at = { cwd: project.root, env };
  const owned = stack.move();
  const onServer = (script: Script) => version === "2" ? onOpenCode2(script) : script;
  return {
    server,
    root: project.root,
    env: { ...env, HOME: ralph.home, DENO_DIR: denoDir() },
    setScript: (script) => model.setScript(onServer(script)),
    models: () => [...new Set(model.requests.map(({ model }) => model))],
    prompts: () => model.requests.filter(({ step }) => step === 0).map(({ prompt }) => prompt),
    plan: (args) => ralph(["plan", ...args], at),
    start: (args) => ralph.start(["plan", ...args], at),
    prd: () => textOf(join(project.root, "tasks/sums/prd.json")),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** An agent that tries all that it must not do before it answers. */
const nosy: Script = ({ step, toolOutputs }): Reply => {
  if (step > 0) {
    assert.match(toolOutputs[0], /A calculator/);
    return answer(DRAFT);
  }
  return call(
    { name: "read", input: { filePath: "README.md" } },
    write("made.txt", "made"),
    bash("touch made-by-shell"),
    { name: "read", input: { filePath: ".env" } },
  );
};

async function draftsAndWrites(version: ServerVersion): Promise<void> {
  await using world = await makeWorld(version);
  world.setScript((request) => {
    // The build of OpenCode 2 that is tested takes no rules for a session, and its agent reads all.
    const isRuled = version !== "2";
    assert(!isRuled || !request.toolOutputs.join("").includes("KEY=hidden"));
    return nosy(request);
  });
  const seen = await world.plan(["sum up lists"]);
  assert.equal(seen.code, 0, seen.stderr);
  assert.match(seen.stdout, /`sums`: Sums of lists[^]*US-001 {2}Add numbers[^]*after US-001/);
  assert.match(seen.stdout, /Open questions\n {2}- Which numbers\? \(all \/ whole\)/);
  assert.match(seen.stderr, /cost: \$0\.0\d+, 2 model calls/);
  assert.doesNotMatch(seen.stderr, /work tree changed/);
  assert.equal(world.prd(), undefined);
  assert.deepEqual([...Deno.readDirSync(world.root)].map(({ name }) => name).sort(), [
    ".env",
    ".git",
    "README.md",
  ]);
  const command = /To write this draft: (.+)$/m.exec(seen.stdout)?.[1] ?? "";
  const shell = await new Deno.Command("/bin/sh", { args: ["-c", command] }).output();
  assert.equal(shell.code, 0, command);
  assert.equal(JSON.parse(world.prd() ?? "").userStories[1].dependsOn[0], "US-001");

  assert.equal(await openSessions(world.server), 0);
}

/** Of the server, in all folders. */
async function openSessions({ url, version }: TestServer): Promise<number> {
  const path = version === "2" ? "/api/session" : "/session";
  const headers = { authorization: `Basic ${btoa(`opencode:${PASSWORD}`)}` };
  const reply = await (await fetch(url + path, { headers })).json();
  return (version === "2" ? reply.data : reply).length;
}

for (const version of ["1.1.53", NEWEST] as const) {
  Deno.test(`${version}: a draft is shown, then written; the agent can change nothing`, () =>
    draftsAndWrites(version));
}
Deno.test({
  name: "OpenCode 2: a draft is shown, then written; the agent can change nothing",
  ignore: OPENCODE2 === undefined,
  fn: () => draftsAndWrites("2"),
});

Deno.test("what is wanted comes from a file, and model, agent and name are those that are named", async () => {
  await using world = await makeWorld(NEWEST);
  world.setScript(() => answer(DRAFT));
  await Deno.writeTextFile(join(world.root, "issue.md"), "Please sum up lists.\n");
  const chosen = ["--model", "fake/other", "--agent", "plan", "--name", "other name"];
  const written = await world.plan(["--from", "issue.md", "--yes", "--json", ...chosen]);
  assert.equal(written.code, 0, written.stderr);
  const { prd, draft } = JSON.parse(written.stdout);
  assert.equal(prd, join(world.root, "tasks/other name/prd.json"));
  assert.deepEqual(draft.questions, DRAFT.questions);
  assert.deepEqual(world.models(), ["other"]);
  const seen = await world.plan(["sum up lists", "--json", ...chosen.slice(0, 4)]);
  assert.equal(seen.code, 0, seen.stderr);
  const { kept, prd: none } = JSON.parse(seen.stdout);
  assert.equal(none, null);
  assert.equal(JSON.parse(textOf(kept) ?? "").userStories[0].title, DRAFT.stories[0].title);
  assert.match(world.prompts()[0], /> Please sum up lists\.[^]*Plan/);
  const taken = await world.plan(["sum up lists", "--name", "other name", "--yes"]);
  assert.equal(taken.code, 5, taken.stderr);
  assert.equal(world.prompts().length, 2);
  const lost = await world.plan(["sum up lists", "--model", "fake/none"]);
  assert.notEqual(lost.code, 0);
  const twice = await world.plan(["sum up lists", "--from", "issue.md"]);
  assert.equal(twice.code, 2);
});

Deno.test("what cannot be used is asked for again with what was wrong, twice", async () => {
  await using world = await makeWorld(NEWEST);
  const [first, second] = DRAFT.stories;
  const replies = [
    say("I would begin with the sums."),
    answer({ ...DRAFT, stories: [{ ...second, id: "US-001", dependsOn: ["US-002"] }, first] }),
    answer(DRAFT),
  ];
  world.setScript(() => replies.shift() ?? hang());
  const done = await world.plan(["sum up lists", "--yes"]);
  assert.equal(done.code, 0, done.stderr);
  const [, again, last] = world.prompts();
  assert.match(again, /> I would begin[^]*- there is no block that begins with ```json/);
  assert.match(last, /US-001 depends on US-002, which is not there[^]*US-001 comes twice/);
  assert.match(done.stderr, /cost: \$0\.0096, 3 model calls/);

  await Deno.remove(join(world.root, "tasks"), { recursive: true });
  world.setScript(() => answer({ ...DRAFT, stories: [] }));
  const failed = await world.plan(["sum up lists", "--yes"]);
  assert.equal(failed.code, 1, failed.stdout);
  const kept = /The last answer is kept as (\S+)/.exec(failed.stderr)?.[1] ?? "";
  assert.match(failed.stderr, /cannot use what the model answered, 3 times: stories: /);
  assert.match(textOf(kept) ?? "", /"stories":\[\]/);
  assert.match(failed.stderr, /cost: /);
  assert.equal(world.prd(), undefined);
});

Deno.test("a limit ends the draft, and says which", async () => {
  await using world = await makeWorld(NEWEST);
  world.setScript(() => say("none"));
  const limits = [["cost", "--max-cost", "0.005"], ["tokens", "--max-tokens", "1100"]];
  for (const [what, ...option] of limits) {
    const { code, stderr } = await world.plan(["sum up lists", "--yes", ...option]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, new RegExp(`cannot draft a PRD: the limit on ${what} was reached`));
  }
  world.setScript(() => answer(DRAFT));
  const paid = await world.plan(["sum up lists", "--max-cost", "0.001"]);
  assert.equal(paid.code, 0, paid.stderr);
  assert.match(paid.stdout, /`sums`: Sums of lists/);
  world.setScript(() => hang());
  for (const [option, why] of [["--max-duration", "limit on time"], ["--turn-time", "longer"]]) {
    const { code, stderr } = await world.plan(["sum up lists", "--yes", option, "1s"]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, new RegExp(`cannot draft a PRD: .*${why}`));
  }
});

Deno.test("in a terminal it asks, takes changes in words, and writes when told", async () => {
  await using world = await makeWorld(NEWEST);
  const prompts: string[] = [];
  world.setScript(({ prompt }) => {
    prompts.push(prompt);
    const [first] = DRAFT.stories;
    const gates = ["echo gate-ran"];
    const draft = { ...DRAFT, gates, questions: prompts.length === 1 ? DRAFT.questions : [] };
    return answer(prompts.length < 3 ? draft : { ...draft, stories: [first] });
  });
  await using pty = await openPty(
    [...RALPH, "plan", "sum up lists"].map((word) => `'${word}'`).join(" "),
    { cwd: world.root, env: { ...world.env, NO_COLOR: "1" }, rows: 60 },
  );
  await pty.shows(/Which numbers\?[^]*something else/);
  await pty.type("\x1b[B\r");
  await pty.shows(/Write it\?/);
  await pty.type("\x1b[B\r");
  await pty.shows(/What is to be different\?/);
  await pty.type("leave out US-002\r");
  await until(() => prompts.length === 3, { what: "the third draft" });
  await pty.shows(/Write it\?[^]*drafting it again[^]*Write it\?/);
  await pty.type("\x1b[B\x1b[B\r");
  await pty.shows(/✓ gate echo gate-ran[^]*Write it\?[^]*leave it/);
  await pty.type("\r");
  await pty.shows(/ralph run sums/);
  assert.equal((await pty.status).code, 0);
  assert.match(prompts[1], /The person says to it:\n- Which numbers\? whole\n/);
  assert.match(prompts[2], /The person says to it:\n- leave out US-002\n/);
  assert.equal(JSON.parse(world.prd() ?? "").userStories.length, 1);
});

async function stopsOnServer(version: ServerVersion): Promise<void> {
  await using world = await makeWorld(version);
  let aborted = false;
  world.setScript(({ signal }) => {
    signal.addEventListener("abort", () => aborted = true);
    return hang();
  });
  await using child = world.start(["sum up lists", "--yes"]);
  await until(() => world.prompts().length > 0, { what: "the model to be asked" });
  child.kill("SIGINT");
  const { code, stderr } = await child.output();
  assert.equal(code, 130, new TextDecoder().decode(stderr));
  await until(() => aborted, { what: "the end of the model's answer" });
  assert.match(new TextDecoder().decode(stderr), /nothing was written/);
  assert.equal(await openSessions(world.server), 0);
  assert.equal(world.prd(), undefined);
}

Deno.test("Ctrl-C ends the turn on the server, and nothing is written", () =>
  stopsOnServer(NEWEST));
Deno.test({
  name: "OpenCode 2: Ctrl-C ends the turn on the server, and nothing is written",
  ignore: OPENCODE2 === undefined,
  fn: () => stopsOnServer("2"),
});

const TASK = "tasks/two/prd.md";
const TWO = `# PRD: Two

### US-001: First

- [x] one.txt   exists

### US-002: Second

- [ ] It works well

### US-003: Third

- [ ] \`test -f three.txt\` succeeds, after US-002
`;

Deno.test("--check tells by rules what is wrong, and asks no server", async () => {
  await using project = await makeProject({ files: { [TASK]: TWO } });
  await using ralph = await makeRalph();
  const check = async (...args: readonly string[]) =>
    await ralph(["plan", "two", "--check", ...args], {
      cwd: project.root,
      env: { RALPH_SERVER: "http://127.0.0.1:9" },
    });
  const found = await check();
  assert.equal(found.code, 1, found.stderr);
  assert.deepEqual(found.stdout.trim().split("\n"), [
    '! US-002: "works well" is nothing that a command can check: It works well',
    "! US-003: it speaks of US-002, and does not depend on it",
    "! there is no gate: nothing but the agent's word tells when it is done; see `ralph init`",
  ]);
  const json = {
    verify: [["true"], ["false"]],
    userStories: [{
      id: "US-001",
      title: "First",
      acceptanceCriteria: ["`cat a` prints b"],
      verify: ["test ! -e a", ["true"]],
    }, {
      id: "US-002",
      title: "Second",
      acceptanceCriteria: ["`cat b` prints c"],
      verify: ["test ! -e c", "test -e b"],
    }],
  };
  await project.write("tasks/three/prd.json", JSON.stringify(json));
  const green = await ralph(["plan", "three", "--check", "--json"], { cwd: project.root });
  assert.equal(green.code, 1, green.stderr);
  assert.deepEqual(
    JSON.parse(green.stdout).findings.map(({ story, kind, text }: Record<string, string>) => [
      story,
      kind,
      /`(.*)`/.exec(text)?.[1],
    ]),
    [["US-001", "gate", "test ! -e a"]],
  );
  const deep = await check("--deep");
  assert.equal(deep.code, 6, deep.stdout);
  const mixed = await check("--revise", "x");
  assert.equal(mixed.code, 2, mixed.stdout);
});

Deno.test("--revise changes open stories alone, also beside a session that runs", async () => {
  await using model = await startModel(() => hang());
  await using server = await startServer({ version: NEWEST, model });
  await using project = await makeProject({ files: { [TASK]: TWO } });
  await using ralph = await makeRalph();
  const at = { cwd: project.root, env: { RALPH_SERVER: server.url } };
  const prd = () => textOf(join(project.root, TASK)) ?? "";
  const revision = (id: string) =>
    answer({
      stories: [
        { id, title: "Second", criteria: ["`test -f two.txt` succeeds"] },
        { id: "US-004", title: "Fourth", criteria: ["`true` succeeds"], dependsOn: [id] },
      ],
    });
  const revising: Script = ({ prompt }) => {
    if (!prompt.includes("The person wants this changed")) return hang();
    return revision(prompt.includes("stays as it is: leave it out") ? "US-002" : "US-001");
  };
  model.setScript(revising);
  const seen = await ralph(["plan", "two", "--revise", "split US-003"], at);
  assert.equal(seen.code, 0, seen.stderr);
  assert.match(seen.stdout, /US-002 changed, US-004 new, US-003 gone[^]*To write it: cp /);
  assert.match(seen.stderr, /asked for again: US-001 is done and stays as it is/);
  assert.equal(prd(), TWO);

  model.setScript(({ prompt }) => {
    assert.match(prompt, /"id": "US-002"[^]*No gate runs/);
    return answer({ findings: [{ story: "US-003", kind: "large", text: "three\u001b[0m files" }] });
  });
  const deep = await ralph(["plan", "two", "--check", "--deep"], at);
  assert.equal(deep.code, 1, deep.stderr);
  assert.match(deep.stdout, /! US-003: three\\x1b\[0m files/);
  model.setScript(revising);

  assert.equal((await ralph(["run", "two"], at)).code, 0);
  await until(() => model.requests.some(({ prompt }) => prompt.includes("Story: US-002")), {
    what: "the turn",
  });
  const written = await ralph(["plan", "two", "--revise", "split US-003", "--yes", "--json"], at);
  assert.equal(written.code, 0, written.stderr);
  const { changes, told } = JSON.parse(written.stdout);
  assert.deepEqual(changes, ["US-002 changed", "US-004 new", "US-003 gone"]);
  assert.equal(told?.iteration, 1);
  assert(prd().startsWith(TWO.slice(0, TWO.indexOf("### US-002"))), prd());
  assert.match(prd(), /### US-002: Second[^]*two\.txt[^]*### US-004: Fourth/);
  assert.equal((await ralph(["stop", "two"], at)).code, 0);
});

Deno.test("where tasks cannot be, no model is asked for one", async () => {
  await using project = await makeProject({ files: { "a.txt": "a" } });
  await using ralph = await makeRalph();
  const at = { cwd: project.root, env: { RALPH_SERVER: "http://127.0.0.1:9" } };
  const tasks = join(project.root, "tasks");
  const plan = async () => await ralph(["plan", "sum up lists", "--yes"], at);
  await Deno.symlink("..", tasks);
  const outside = await plan();
  assert.equal(outside.code, 2, outside.stderr);
  assert.match(outside.stderr, /cannot use .*tasks, which leads to .*outside of the project/);
  await Deno.remove(tasks);
  await Deno.symlink("nowhere", tasks);
  const nowhere = await plan();
  assert.equal(nowhere.code, 5, nowhere.stderr);
  assert.match(nowhere.stderr, /tasks is no folder\n\nhint: see what it is: ls -ld /);
  await Deno.remove(tasks);
  await Deno.mkdir(join(project.root, "work/tasks"), { recursive: true });
  await Deno.symlink("work/tasks", tasks);
  assert.equal((await plan()).code, 6, "the server is asked");
});
