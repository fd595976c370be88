/** The work tree, and ralph's own files, in every state in which an agent or a person can leave them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { assignment, bash, inRounds, PROMISE } from "../support/agent.ts";
import { hang } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";
import { readFileIfAny } from "../../src/host/files/read_file.ts";
import { end, isGone, makeWorld, prd, type World } from "./processes.ts";

/** An agent whose first turn is one shell command; the others only promise. `$HOME` is ralph's. */
function agentDoes(world: World, command: string): void {
  let turns = 0;
  const script = `HOME=${world.ralph.home}; ${command}`;
  world.fake.setScript((request) => {
    if (request.step === 0) turns++;
    const first = turns === 1;
    return inRounds(request, [() => first ? [bash(script)] : []], () => `done\n\n${PROMISE}`);
  });
}

const TICK = "sed -i 's/\\[ \\]/[x]/' tasks/one/prd.md";
const COMMIT = "git add -A; git -c user.name=a -c user.email=a@b.c commit -qm work";

interface Case {
  name: string;
  /** A person's, before the run. */
  before?: string;
  command: string;
  code: number;
  /** What `ralph run` printed. */
  says: RegExp[];
  /** What must be in the tree afterwards, or must not (with a `!`). */
  tree?: string[];
}

/** A branch with a commit that is on no other one. */
const COLLEAGUE = `git switch -qc colleague; echo new > new.txt; ${COMMIT}; git switch -q main`;

const CASES: Case[] = [
  {
    name: "the work tree is removed",
    command: 'R=$(pwd); cd /; rm -rf "$R"',
    code: 1,
    says: [
      /the folder of the project was deleted, moved or replaced/,
      /git does not answer, or its repository is gone or damaged/,
      /git cannot say whether a file was changed/,
      /^failed: cannot read the PRD .*\/tasks\/one\/prd\.md: there is no such file; its last copy is /m,
    ],
    tree: ["!."],
  },
  {
    name: "the work tree goes away, as a disk that is unmounted: nothing is made in its place",
    command: 'R=$(pwd); cd /; mv "$R" "$R.away"',
    code: 1,
    says: [/^failed: cannot read the PRD .*: there is no such file; its last copy is /m],
    tree: ["!.", "../project.away/a.txt", "../project.away/tasks/one/prd.md"],
  },
  {
    name: "the work tree goes away, and an empty folder is in its place: nothing is made in it",
    command: 'R=$(pwd); cd /; mv "$R" "$R.away"; mkdir "$R"',
    code: 1,
    says: [/^failed: cannot read the PRD .*: there is no such file; its last copy is /m],
    tree: ["!tasks", "../project.away/tasks/one/prd.md"],
  },
  {
    name: "the task's folder is removed: the PRD is put back, and the loop goes on",
    command: "rm -rf tasks/one",
    code: 1,
    says: [/tasks\/one was deleted or moved; the PRD was put back/, /^iteration 2\/2/m],
    tree: ["tasks/one/prd.md"],
  },
  {
    name: "the repository is removed: a claim does not hold, and no change is made up",
    command: `rm -rf .git; echo new > new.txt; ${TICK}`,
    code: 1,
    says: [
      /git does not answer, or its repository is gone or damaged/,
      /US-001 was claimed and taken back/,
      /git cannot say whether a file was changed/,
    ],
    tree: ["new.txt", "!.git"],
  },
  {
    name: "the repository is replaced by a new one: unproven, for that reason",
    command: `rm -rf .git; git init -q -b main; echo new > new.txt; ${TICK}; ${COMMIT}`,
    code: 1,
    says: [
      /git cannot say what this turn changed: its history was rewritten, the repository replaced/,
      /^stopped: .* but git cannot say what changed since the session began: /m,
    ],
    tree: ["new.txt", ".git"],
  },
  {
    name: "the work goes into a new repository inside of the tree: unproven, and that one is named",
    command: `mkdir sub; cd sub; git init -q; echo new > new.txt; ${COMMIT}; cd ..; ${TICK}`,
    code: 1,
    says: [
      /^stopped: .* differs from when the session began: `sub\/` is now a git repository of its own/m,
    ],
    tree: ["sub/new.txt"],
  },
  {
    name: "a new repository inside of the tree is committed as one commit's id: not delivered",
    command: `mkdir sub; cd sub; git init -q; echo new > new.txt; ${COMMIT}; cd ..; ${TICK}; ` +
      `echo own > own.txt; ${COMMIT}`,
    code: 1,
    says: [
      /`sub` is a git repository of its own, .* no `.gitmodules` names it: .*`git -C \S+ rm -qf --cached/,
      /US-001 was claimed and taken back/,
    ],
    tree: ["sub/new.txt"],
  },
  {
    name: "a lock of the index is left behind: nothing can be committed, and the lock stays",
    command: `touch .git/index.lock; echo new > new.txt; ${TICK}`,
    code: 1,
    says: [/`new\.txt`.* cannot be committed: git refuses: .*index\.lock/],
    tree: [".git/index.lock", "new.txt"],
  },
  {
    name: "a merge is left half way: it stays as it is",
    command:
      `git switch -qc o; echo o > f; ${COMMIT}; git switch -q main; echo m > f; ${COMMIT}; ` +
      `git merge -q o; ${TICK}`,
    code: 1,
    says: [/^stopped: .* the work is not delivered: a merge is under way/m],
    tree: [".git/MERGE_HEAD", "f"],
  },
  {
    name: "the branch is left: that is told, and the branch is moved forward to the work",
    command: `git switch -q --detach; echo new > new.txt; ${COMMIT}; ${TICK}`,
    code: 0,
    says: [
      /what is checked out went from the branch `main` to no branch/,
      /`main` was moved forward to that by ralph/,
      /^completed/m,
    ],
    tree: ["new.txt"],
  },
  {
    name:
      "the agent goes to a branch that was there before: the task's branch does not take it over",
    before: COLLEAGUE,
    command: `git switch -q colleague; ${TICK}; ${COMMIT}`,
    code: 1,
    says: [
      /`colleague` is checked out in place of `main`, and 1 commit of it was there before the work/,
      /US-001 was claimed and taken back/,
      /^branch +colleague: /m,
    ],
  },
  {
    name: "the agent merges a branch that was there before, and does nothing: no evidence",
    before: COLLEAGUE,
    command: `git merge -q --no-ff --no-edit colleague; ${TICK}; ${COMMIT}`,
    code: 1,
    says: [
      /1 commit that was there before this turn came in: no work of it/,
      /^stopped: .* differs from when the session began, but for commits that were there before/m,
    ],
    tree: ["new.txt"],
  },
  {
    name: "the agent merges a branch that was there before, and works: that counts",
    before: COLLEAGUE,
    command: `git merge -q --no-edit colleague; echo own > own.txt; ${TICK}; ${COMMIT}`,
    code: 0,
    says: [/1 commit that was there before this turn came in/, /^completed/m],
    tree: ["new.txt", "own.txt"],
  },
  {
    name: "the agent commits what a person had not: that is told, and no push is proposed",
    before: "git init -q --bare ../origin; git remote add origin ../origin; echo KEY=1 > .env",
    command: `echo own > own.txt; ${TICK}; ${COMMIT}`,
    code: 0,
    says: [
      /^ *warning: yours, and not committed before: `\.env`: now in the commit/m,
      /^completed/m,
      /^warning +yours, and not committed before: `\.env`: now in the commit/m,
      /^next +git diff \S+ HEAD\n(?! +git push)/m,
    ],
  },
  {
    name:
      "no branch is checked out from the start: the end names the commit, and makes a branch of it",
    before: "git switch -q --detach",
    command: `echo own > own.txt; ${TICK}; ${COMMIT}`,
    code: 0,
    says: [
      /^completed/m,
      /^branch +none is checked out \(HEAD is detached\): 1 commit, .*, on no branch: [0-9a-f]{12}$/m,
      /^next +git switch -c ralph\/one [0-9a-f]{12}$/m,
    ],
  },
  {
    name: "the agent raises the limit in ralph.json: that of the session's start counts",
    command: `echo '{"limits":{"iterations":99}}' > ralph.json`,
    code: 1,
    says: [/^stopped: the limit of 2 iterations is reached/m],
  },
  {
    name: "what ralph keeps beside the database is removed: it is made again",
    command: "rm -rf $HOME/.local/state/ralph",
    code: 1,
    says: [/^iteration 2\/2/m, /^stopped: the limit of 2 iterations is reached/m],
  },
  {
    name: "ralph's database is removed: nothing is recorded in a file that nobody sees",
    command: "rm -f $HOME/.local/share/ralph/sessions.db*",
    code: 7,
    says: [/^error: the database .* was removed or replaced while it was open/m, /^hint: /m],
  },
  {
    name:
      "the agent forges the session's row: the worker ends, and says that its record was changed",
    command: `deno eval 'import { DatabaseSync } from "node:sqlite"; ` +
      `new DatabaseSync("'$HOME'/.local/share/ralph/sessions.db").exec("UPDATE sessions ` +
      `SET status = 1 + 1, ended_at = updated_at".replace("1 + 1", "\\x27completed\\x27"))'`,
    code: 5,
    says: [/^error: session 1 is not this worker's any more: .* or its record was changed$/m],
  },
];

for (const { name, before, command, code, says, tree = [] } of CASES) {
  Deno.test(`in mid-run: ${name}`, async () => {
    await using world = await makeWorld({ "a.txt": "a" });
    const { project, url, cli } = world;
    if (before !== undefined) await shell(project.root, before);
    agentDoes(world, command);
    const result = await cli("run", "one", "-f", "-n", "2", "--server", url);
    const said = result.stdout + result.stderr;
    assert.equal(result.code, code, said);
    for (const words of says) assert.match(said, words);
    assert.doesNotMatch(said, /bug in ralph/);
    for (const file of tree) {
      const isThere = await Deno.lstat(join(project.root, file.replace("!", "")))
        .then(() => true, () => false);
      assert.equal(isThere, !file.startsWith("!"), file);
    }
    if (await Deno.stat(join(project.root, ".git")).catch(() => undefined)) {
      assert.equal(await project.git("stash", "list"), "");
    }
  });
}

/** All that a run may not change before it begins: files, index, branches, stashes, what is under way. */
async function stateOf({ project }: World): Promise<unknown> {
  return [
    await project.git("status", "--porcelain=v2", "--branch"),
    await project.git("diff"),
    await project.git("diff", "--cached"),
    await project.git("for-each-ref"),
    await project.git("stash", "list"),
    [...Deno.readDirSync(join(project.root, ".git"))].map(({ name }) => name).sort(),
  ];
}

const CONFLICT = `git switch -qc other; echo theirs > a.txt; git commit -qam theirs; ` +
  `git switch -q main; echo ours > a.txt; git commit -qam ours`;

for (
  const [what, command, says] of [
    ["a merge under way", `${CONFLICT}; ! git merge -q other`, /a merge is under way/],
    ["a rebase under way", `${CONFLICT}; ! git rebase -q other`, /a rebase is under way/],
    ["a cherry-pick under way", `${CONFLICT}; ! git cherry-pick other`, /a cherry-pick is under/],
    ["a lock of the index", "touch .git/index.lock", /git's index is locked/],
  ] as const
) {
  Deno.test(`before a run: ${what} is refused with its name and the way out, and stays as it is`, async () => {
    await using world = await makeWorld({ "a.txt": "a" });
    const { cli, url, project, fake } = world;
    await shell(project.root, command);
    const before = await stateOf(world);
    const { code, stderr } = await cli("run", "one", "--server", url);
    assert.equal(code, 5, stderr);
    assert.match(stderr, says);
    assert.match(stderr, /^hint: .*: \S/m);
    assert.deepEqual(await stateOf(world), before);
    assert.deepEqual(fake.ledger.filter(({ type }) => type === "session_created"), []);
  });
}

Deno.test("before a run: changes, staged and not, untracked files, a stash and a detached HEAD stay as they are", async () => {
  await using world = await makeWorld({ "a.txt": "a", "b.txt": "b" });
  const { cli, project } = world;
  await shell(
    project.root,
    "echo stashed > a.txt; git stash -q; echo staged > a.txt; git add a.txt; echo dirty > b.txt; " +
      "echo new > untracked.txt; git switch -q --detach",
  );
  const before = await stateOf(world);
  world.fake.setScript(() => hang());
  await world.run("one");
  await world.modelCalls(1);
  assert.equal((await cli("stop", "one")).code, 0);
  assert.deepEqual(await stateOf(world), before);
});

Deno.test("the folder for signals is removed in mid-run: a stop reaches the worker all the same", async () => {
  await using world = await makeWorld();
  const { cli, data, row } = world;
  await world.run("one");
  await world.modelCalls(1);
  await Deno.remove(join(data, "signals"), { recursive: true });
  const { code, stdout, stderr } = await cli("stop", "one");
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^stopped `one`/);
  assert.equal((await row("one")).reason, "user_stop");
});

Deno.test("two runs in one working tree: the second is refused, and names the first one", async () => {
  await using world = await makeWorld({ "tasks/two/prd.md": prd(1) });
  const { cli, url, row } = world;
  await world.run("one");
  const second = await cli("run", "two", "--server", url);
  assert.equal(second.code, 5);
  assert.match(second.stderr, /^error: cannot start `two`: `one` \(session 1, /);
  assert.match(second.stderr, /\nhint: wait until it has ended: ralph wait \S+\/tasks\/one\n/);
  assert.equal((await row("one")).status, "running");
});

Deno.test("runs of several tasks of one working tree at once: one begins, the others are refused", async () => {
  const names = ["two", "three", "four"];
  const tasks = Object.fromEntries(names.map((name) => [`tasks/${name}/prd.md`, prd(1)]));
  await using world = await makeWorld(tasks);
  const { cli, url } = world;
  world.fake.setScript(() => hang());
  const runs = await Promise.all(
    ["one", ...names].map((name) => cli("run", name, "--server", url)),
  );
  assert.deepEqual(runs.map(({ code }) => code).toSorted(), [0, 5, 5, 5]);
  for (const { code, stderr } of runs) {
    if (code === 5) assert.match(stderr, /is at work in the same working tree, /);
  }
});

/** A task whose branch git does not come to: a hook sleeps. */
async function slowWorld() {
  const prdJson = JSON.stringify({
    branchName: "ralph/slow",
    userStories: [{ id: "US-001", title: "Only", acceptanceCriteria: ["x"], passes: false }],
  });
  const world = await makeWorld({ "tasks/slow/prd.json": prdJson });
  const hook = join(world.project.root, ".git/hooks/post-checkout");
  await Deno.writeTextFile(hook, `#!/bin/sh\necho $$ > "${hook}.pid"\nexec sleep 600\n`, {
    mode: 0o755,
  });
  const hookPid = () => Number(new TextDecoder().decode(readFileIfAny(`${hook}.pid`, 1024)));
  return {
    ...world,
    hookPid,
    hookIsGone: () => until(() => isGone(hookPid()), { what: "the hook to be gone" }),
    async [Symbol.asyncDispose]() {
      if (hookPid() > 0) await end(hookPid());
      await world[Symbol.asyncDispose]();
    },
  };
}

Deno.test("a git that takes its time before the session begins is told by run and status, and stop ends it", async () => {
  await using world = await slowWorld();
  const { cli, url } = world;
  const doing = "waiting for git: it looks at the branch, or switches to it";
  const run = cli("run", "slow", "--server", url);
  await until(async () => (await cli("status", "slow")).stdout.includes(doing), {
    what: "status to say what is waited for",
  });
  const status = JSON.parse((await cli("status", "slow", "--json")).stdout);
  assert.deepEqual([status.status, status.activity], ["starting", doing]);
  assert.match((await cli("status")).stderr, /^`slow` has not begun yet: waiting for git: /);
  const again = await cli("run", "slow", "--server", url);
  assert.equal(again.code, 5);
  assert.match(
    again.stderr,
    /^error: `slow` is beginning already, and is not there yet: waiting/m,
  );
  const stop = await cli("stop", "slow");
  assert.equal(stop.code, 0, stop.stderr);
  assert.match(stop.stdout, /^stopped `slow` before its session had begun \(process \d+\)\n$/);
  const { code, stderr } = await run;
  assert.equal(code, 1);
  assert.match(stderr, /^warning: waiting for git: /);
  assert.match(stderr, /^error: `slow` was stopped before its session had begun$/m);
  assert.equal((await cli("status", "slow")).code, 4, "nothing was recorded");
  await world.hookIsGone();
});

Deno.test("Ctrl-C before the session begins ends git and its hook, and leaves by the signal's code", async () => {
  await using world = await slowWorld();
  const { ralph, url, project } = world;
  const run = ralph.start(["run", "slow", "-f", "--server", url], { cwd: project.root });
  const output = run.output();
  await until(world.hookPid, { what: "the hook" });
  run.kill("SIGINT");
  const { code, stderr } = await output;
  assert.equal(code, 130);
  assert.match(
    new TextDecoder().decode(stderr),
    /^stopping: .*\n`slow` was stopped before its session had begun\n$/,
  );
  await world.hookIsGone();
});

for (
  const [how, looks, rest] of [
    ["twice: after the turn, and once its work is committed", 2, ""],
    ["once, where the agent commits and nothing runs afterwards", 1, COMMIT],
  ] as const
) {
  Deno.test(`an iteration looks at the whole tree ${how}`, async () => {
    await using world = await makeWorld();
    const { ralph, project, url } = world;
    world.fake.setScript((request) => {
      const { story, prd } = assignment(request.prompt);
      const tick =
        `sed -i '/^### ${story}:/,/^### /s/\\[ \\]/[x]/' ${prd}; echo ${story} >> work.txt`;
      return inRounds(request, [() => [bash(`${tick}; ${rest}`)]], () => `${story} is done.`);
    });
    const { bin, looked } = await gitThatCountsLooks(ralph.home);
    const run = async (task: string) => {
      const { code, stdout } = await ralph(["run", task, "-f", "--server", url], {
        cwd: project.root,
        env: { PATH: `${bin}:${Deno.env.get("PATH")}` },
      });
      assert.equal(code, 0, stdout);
      return await looked();
    };
    const ofOne = await run("one");
    const ofThree = await run("three") - ofOne;
    assert.equal(ofThree - ofOne, 2 * looks, `${ofOne} for one story, ${ofThree} for three`);
  });
}

Deno.test("where ralph moves the task's branch, the next turn is not said to have switched it", async () => {
  await using world = await makeWorld();
  const { cli, url } = world;
  let turns = 0;
  const first = "git switch -qc other; " +
    "git update-ref refs/heads/main $(git commit-tree 'main^{tree}' -p main -m diverged)";
  world.fake.setScript((request) => {
    if (request.step === 0) turns++;
    const { story, prd } = assignment(request.prompt);
    const before = turns === 1 ? first : turns === 2 ? "git merge -q -m merged main" : "true";
    const tick = `sed -i '/^### ${story}:/,/^### /s/\\[ \\]/[x]/' ${prd}`;
    const work = `${before}; ${tick}; echo ${turns} >> work.txt; ${COMMIT}`;
    return inRounds(request, [() => [bash(work)]], () => `${story} is done.`);
  });
  const { code, stdout } = await cli("run", "three", "-f", "--server", url);
  assert.equal(code, 0, stdout);
  assert.match(stdout, /went from the branch `main` to the branch `other`/);
  assert.match(stdout, /`main` was moved forward to that by ralph/);
  assert.doesNotMatch(stdout, /went from the branch `other`/, "no agent did that");
});

async function gitThatCountsLooks(home: string) {
  const bin = join(home, "bin");
  await Deno.mkdir(bin);
  await Deno.writeTextFile(
    join(bin, "git"),
    `#!/bin/sh
case "$*" in *" status "*) echo >> '${bin}/looks' ;; esac
PATH=\${PATH#*:} exec git "$@"
`,
    { mode: 0o755 },
  );
  return { bin, looked: async () => (await Deno.readTextFile(join(bin, "looks"))).length };
}

Deno.test("a filter that files are to go through, and that is not there, is told before the first turn", async () => {
  await using world = await makeWorld({ ".gitattributes": "*.bin filter=lfs\n" });
  const { cli, project, url } = world;
  world.fake.setScript((request) =>
    inRounds(request, [() => [bash(`${TICK}; ${COMMIT}`)]], () => "US-001 is done.")
  );
  await project.git("config", "filter.lfs.process", "nonexistent-lfs filter-process");
  await project.git("config", "filter.lfs.required", "true");
  const { stdout, stderr } = await cli("run", "one", "-f", "--server", url);
  const said = stdout + stderr;
  const warning = said.indexOf("runs `nonexistent-lfs`, which is not here: no file that goes");
  assert(warning >= 0 && warning < said.indexOf("iteration 1"), said);
});

Deno.test("what ralph marks beside an agent's committed claim is committed with it", async () => {
  const story = { id: "US-001", title: "One", passes: false, status: "in_progress" };
  await using world = await makeWorld({
    "tasks/marks/prd.json": JSON.stringify({ userStories: [story] }, null, 2),
  });
  const { cli, project, url } = world;
  const tick = `sed -i 's/"passes": false/"passes": true/' tasks/marks/prd.json; echo x > work.txt`;
  world.fake.setScript((request) =>
    inRounds(request, [() => [bash(`${tick}; ${COMMIT}`)]], () => "US-001 is done.")
  );
  const { code, stdout } = await cli("run", "marks", "-f", "--server", url);
  assert.equal(code, 0, stdout);
  const committed = JSON.parse(await project.git("show", "HEAD:tasks/marks/prd.json"));
  assert.deepEqual(committed.userStories[0], { ...story, passes: true, status: "done" });
  assert.equal(await project.git("status", "--porcelain", "--untracked-files=no"), "");
  assert.doesNotMatch(stdout, /not committed: .*prd\.json/);
});

async function shell(cwd: string, script: string): Promise<void> {
  const { code, stderr } = await new Deno.Command("/bin/sh", {
    args: ["-ec", script],
    cwd,
    env: { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" },
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
}
