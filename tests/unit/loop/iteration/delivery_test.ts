/** What ralph does so that work is delivered, and what it says of what is not, with the real git. */
import assert from "node:assert/strict";
import { deliveryGit } from "../../../../src/host/git/deliver.ts";
import { type TreeState, treeState } from "../../../../src/host/git/tree_state.ts";
import { systemClock as clock } from "../../../../src/host/system/clock.ts";
import {
  createDelivery,
  deliveredWords,
  type Delivery,
  type DeliveryOptions,
} from "../../../../src/loop/iteration/delivery.ts";
import {
  NOTHING,
  type Ownership,
  ownershipAtStart,
  readOwnership,
} from "../../../../src/loop/iteration/ownership.ts";
import { NO_ANSWER } from "../../../../src/verify/undelivered.ts";
import { makeProject, type Project } from "../../../support/project.ts";
import { story } from "../../../support/story.ts";

interface World extends AsyncDisposable {
  readonly project: Project;
  readonly delivery: Delivery;
  state(): Promise<TreeState | undefined>;
  /** A turn in which `act` is done; what it says became of a person's files. */
  turn(act: () => Promise<unknown>): ReturnType<Delivery["turnEnded"]>;
}

async function world(
  { files = {}, prepare, dirty = {}, earlier = NOTHING, ...options }:
    & {
      files?: Record<string, string>;
      /** What has been done in it before the session. */
      prepare?: (project: Project) => Promise<unknown>;
      dirty?: Record<string, string>;
      earlier?: Ownership;
    }
    & Partial<DeliveryOptions> = {},
): Promise<World> {
  const project = await makeProject({ files });
  await prepare?.(project);
  for (const [file, text] of Object.entries(dirty)) await project.write(file, text);
  const state = () => treeState(project.root, { clock });
  const start = await state();
  let ownership = ownershipAtStart(start, earlier);
  const delivery = createDelivery({
    git: deliveryGit(clock, new AbortController().signal),
    root: project.root,
    isOfTask: (file) => file.startsWith("tasks/t/"),
    prd: "tasks/t/prd.md",
    branch: "main",
    commits: true,
    start,
    ownership: {
      read: () => ownership,
      write: (now) => Promise.resolve(void (ownership = now)),
    },
    ...options,
  });
  return {
    project,
    delivery,
    state,
    async turn(act) {
      const before = await state();
      await act();
      return await delivery.turnEnded({ before, after: await state() });
    },
    [Symbol.asyncDispose]: () => project[Symbol.asyncDispose](),
  };
}

const STORY = [{ ...story("US-001", true), title: "Sum" }];

Deno.test("what turns made is committed with the story's message, and never what was dirty before", async () => {
  await using here = await world({
    files: { "mine.txt": "m", "a.txt": "a" },
    dirty: { "mine.txt": "the user's", "notes.txt": "the user's" },
  });
  const { project, delivery } = here;
  await here.turn(() => project.write("earlier.txt", "of a turn without a claim"));
  await project.write("person.txt", "between two turns");
  await here.turn(async () => {
    await project.write("a.txt", "changed");
    await project.write("mine.txt", "the user's, and the agent's");
  });
  assert.equal(await delivery.deliver(STORY, await here.state()), undefined);
  const shown = await project.git("show", "--format=%s", "--name-only", "HEAD");
  assert.equal(shown, "feat: US-001 - Sum\n\na.txt\nearlier.txt");
  const { done, left } = await delivery.look(await here.state());
  assert.match(
    done.join(),
    /what was left was committed by ralph, as [0-9a-f]{12}: `a.txt`, `earlier.txt`/,
  );
  assert.deepEqual(left, [{ kind: undefined, text: "not committed: `mine.txt`, `person.txt`" }]);
  assert.equal(await delivery.deliver(STORY, await here.state()), undefined, "done twice");
  assert.equal(await project.git("rev-list", "--count", "HEAD"), "2");
});

Deno.test("what becomes of what a person had not committed is said, with the command that has it back", async () => {
  const dirty = {
    "mine.txt": "half done",
    "tasks/t/prd.md": "of the task",
    "my notes.txt": "notes",
  };
  const both = "yours, and not committed before: `mine.txt`, `my notes.txt`: ";
  const table: [string, (project: Project) => Promise<unknown>, RegExp[]][] = [
    ["nothing", () => Promise.resolve(), []],
    ["stash", ({ git }) => git("stash", "--quiet", "--include-untracked"), [
      RegExp(`^${both}put away in .stash@.0.`),
    ]],
    ["dropped stash", async ({ git }) => {
      await git("stash", "--quiet", "--include-untracked");
      await git("stash", "drop", "--quiet");
    }, [RegExp(`^${both}gone, and git still has it`)]],
    ["clean", async ({ git }) => {
      await git("checkout", "--quiet", "--", ".");
      await git("clean", "--force", "--quiet", "-d");
    }, [RegExp(`^${both}gone, in no commit and in no stash$`)]],
    ["commit", async ({ git }) => {
      await git("add", "--all");
      await git("commit", "--quiet", "-m", "feat: all");
    }, [RegExp(`^${both}now in the commit [0-9a-f]{12}, so`)]],
    ["changed and committed", async ({ git, write }) => {
      await write("mine.txt", "finished");
      await git("commit", "--quiet", "--all", "-m", "feat: mine");
    }, [/^yours, and not committed before: `mine.txt`: changed, and now in the commit/]],
    ["only changed", ({ write }) => write("mine.txt", "finished"), []],
  ];
  for (const [what, act, expected] of table) {
    await using here = await world({ files: { "mine.txt": "m", "tasks/t/prd.md": "p" }, dirty });
    const { root, git } = here.project;
    const told = await here.turn(() => act(here.project));
    const said = told.map(({ text }) => text);
    assert.equal(said.length, expected.length, `${what}: ${said}`);
    const kind = what.includes("commit") ? "persons_file_committed" : "persons_file";
    for (const one of told) assert.equal(one.kind, kind, what);
    said.forEach((text, i) => assert.match(text, expected[i], what));
    for (const [, commands] of said.join().matchAll(/have it back with (.*)$/g)) {
      for (const [, command] of commands.matchAll(/`([^`]+)`/g)) {
        const { success } = await new Deno.Command("sh", { args: ["-c", command], cwd: "/" })
          .output();
        assert(success, command);
      }
      assert.equal(await Deno.readTextFile(`${root}/mine.txt`), "half done", what);
      assert.equal(await Deno.readTextFile(`${root}/my notes.txt`), "notes", what);
    }
    if (what === "commit") assert.equal(await git("status", "--porcelain"), "");
  }
});

Deno.test("what a turn has put away of a person's is not the work's when a later one has it back", async () => {
  await using here = await world({ dirty: { "mine.txt": "half done" } });
  const { project, delivery } = here;
  await here.turn(() => project.git("stash", "--quiet", "--include-untracked"));
  await here.turn(() => project.write("a.txt", "work"));
  await here.turn(() => project.git("stash", "pop", "--quiet"));
  assert.equal(await delivery.deliver(STORY, await here.state()), undefined);
  assert.equal(await project.git("show", "--format=", "--name-only", "HEAD"), "a.txt");
});

Deno.test("committing is left to the agent where the settings say so", async () => {
  await using here = await world({ commits: false });
  await here.turn(() => here.project.write("a.txt", "a"));
  assert.equal(await here.delivery.deliver(STORY, await here.state()), undefined);
  assert.equal(await here.project.git("rev-list", "--count", "HEAD"), "1");
  const words = deliveredWords(await here.delivery.look(await here.state()));
  assert.equal(words, "In the work tree of git: not committed: `a.txt`.");
});

Deno.test("a branch of the agent's own is brought to the task's, one with another history is named", async () => {
  await using here = await world({ files: { "a.txt": "a" } });
  const { project, delivery } = here;
  await project.git("switch", "--quiet", "-c", "feature");
  const { troubles, done } = await delivery.look(await here.state());
  assert.deepEqual(troubles, []);
  assert.match(done.join(), /`main` was moved forward to that by ralph/);
  await project.git("checkout", "--quiet", "--orphan", "new");
  await project.git("commit", "--quiet", "-m", "new");
  const wrong = await delivery.look(await here.state());
  assert.deepEqual(wrong.troubles, [
    "`new` is checked out in place of `main`, and `main` has commits that it has not",
  ]);
  assert.match(deliveredWords(wrong) ?? "", /^Mend the state of git first, .*`new` is checked out/);
  assert.equal((await delivery.deliver(STORY, await here.state()))?.why, wrong.troubles[0]);
});

Deno.test("a repository that is recorded as a commit alone is named with the command that takes it in", async () => {
  for (const isCommitted of [true, false]) {
    await using here = await world();
    const { project, delivery } = here;
    const { root, git } = project;
    await here.turn(async () => {
      await project.write("a web/page.js", "page");
      const inner = ["-C", "a web", "-c", "user.name=t", "-c", "user.email=t@localhost"];
      await git("init", "--quiet", "a web");
      await git(...inner, "add", ".");
      await git(...inner, "commit", "--quiet", "-m", "Initial commit");
      await git("add", "--all");
      if (isCommitted) await git("commit", "--quiet", "-m", "feat: US-001");
    });
    const why = (await delivery.deliver(STORY, await here.state()))?.why ?? "";
    assert.match(why, /^`a web` is a git repository of its own, .* no `.gitmodules` names it/);
    assert.deepEqual((await delivery.look(await here.state())).troubles, [why]);
    const command = /take its files in with `([^`]+)`/.exec(why)?.[1] ?? "";
    assert((await new Deno.Command("sh", { args: ["-c", command], cwd: "/" }).output()).success);
    await git("commit", "--quiet", "-m", "fix: its files");
    assert.deepEqual((await delivery.look(await here.state())).troubles, []);
    await git("clone", "--quiet", ".", `${root}.clone`);
    assert.equal(await Deno.readTextFile(`${root}.clone/a web/page.js`), "page");
    await Deno.remove(`${root}.clone`, { recursive: true });
  }
});

Deno.test("a repository that was recorded so before the work began is not named, whatever turns do with it", async () => {
  const linked = async ({ git }: Project, folder: string) => {
    const head = (await git("rev-parse", "HEAD")).trim();
    await git("update-index", "--add", "--cacheinfo", `160000,${head},${folder}`);
    await git("commit", "--quiet", "-m", folder);
  };
  await using here = await world({ prepare: (project) => linked(project, "theirs") });
  const { project, delivery } = here;
  const troubles = async () => (await delivery.look(await here.state())).troubles;
  await project.git("commit", "--quiet", "--allow-empty", "-m", "first");
  assert.deepEqual(await troubles(), []);
  await project.git("rm", "--quiet", "--cached", "theirs");
  await project.git("commit", "--quiet", "-m", "without");
  assert.deepEqual(await troubles(), []);
  await linked(project, "theirs");
  assert.deepEqual(await troubles(), []);
  await linked(project, "new");
  assert.match((await troubles()).join("\n"), /^`new` is a git repository of its own.*$/);
});

Deno.test("a merge that is under way, and a lock that was left, are named with the command", async () => {
  await using here = await world({ files: { "a.txt": "a" } });
  const { project, delivery } = here;
  await project.git("switch", "--quiet", "-c", "other");
  await project.write("a.txt", "other");
  await project.git("commit", "--quiet", "--all", "-m", "other");
  await project.git("switch", "--quiet", "main");
  await project.write("a.txt", "main");
  await project.git("commit", "--quiet", "--all", "-m", "main");
  await project.git("merge", "other").catch(() => {});
  const lock = `${project.root}/.git/index.lock`;
  await Deno.writeTextFile(lock, "");
  const old = new Date(clock.now() - 61_000);
  await Deno.utime(lock, old, old);
  const { troubles } = await delivery.look(await here.state());
  assert.match(troubles[0], /a merge is under way.*`git -C .* merge --abort`/);
  assert.match(troubles[1], /index has been locked.*`rm .*index\.lock`/);
  assert.deepEqual(
    [...Deno.readDirSync(`${project.root}/.git`)]
      .filter(({ name }) => name === "index.lock").length,
    1,
    "it is not removed",
  );
});

Deno.test("a submodule's new commit is committed; what is loose in it takes the claim back", async () => {
  await using lib = await makeProject({ files: { "lib.js": "1" } });
  await using here = await world();
  const { project, delivery } = here;
  await project.git(
    "-c",
    "protocol.file.allow=always",
    "submodule",
    "--quiet",
    "add",
    lib.root,
    "lib",
  );
  await project.git("commit", "--quiet", "-m", "submodule");
  await here.turn(() => project.write("lib/lib.js", "2"));
  assert.equal(
    (await delivery.deliver(STORY, await here.state()))?.why,
    "there are changes that are not committed in the submodule `lib`",
  );
  const author = ["-c", "user.name=T", "-c", "user.email=t@example.com"];
  await here.turn(() =>
    project.git("-C", "lib", ...author, "commit", "--quiet", "--all", "-m", "2")
  );
  const { left } = await delivery.look(await here.state());
  assert.deepEqual(left, [
    { text: "the submodule `lib` is at a commit that is not committed here" },
  ]);
  assert.equal(await delivery.deliver(STORY, await here.state()), undefined);
  assert.equal(await project.git("status", "--porcelain"), "");
});

Deno.test("what the session before has left is committed, unless somebody has committed it since", async () => {
  await using here = await world({
    files: { "theirs.txt": "committed since", "a.txt": "a" },
    dirty: { "left.txt": "of a turn", "theirs.txt": "a person's, later", "new.txt": "a person's" },
    earlier: {
      made: { "left.txt": "", "theirs.txt": "", "gone.txt": "" },
      users: [],
      mixed: [],
    },
  });
  const { project, delivery } = here;
  assert.deepEqual((await delivery.look(await here.state())).left, [
    { kind: undefined, text: "not committed: `left.txt`" },
  ]);
  await here.turn(() => project.write("a.txt", "changed"));
  assert.equal(await delivery.deliver(STORY, await here.state()), undefined);
  const shown = await project.git("show", "--format=%s", "--name-only", "HEAD");
  assert.equal(shown, "feat: US-001 - Sum\n\na.txt\nleft.txt");
  assert.equal(await project.git("status", "--porcelain"), "M theirs.txt\n?? new.txt");
});

Deno.test("a file that a gate has changed is the work's once a turn changes it too", async () => {
  await using here = await world({ files: { "app.js": "a  " } });
  await here.project.write("app.js", "a"); // as a formatter does, between the turns
  await here.turn(() => here.project.write("app.js", "a\nb"));
  assert.equal(await here.delivery.deliver(STORY, await here.state()), undefined);
  assert.equal(await here.project.git("status", "--porcelain"), "");
});

Deno.test("what a person writes into a committed file is not of the next turn", async () => {
  await using here = await world({ files: { "a.txt": "a", "b.txt": "b" } });
  const { project, delivery } = here;
  await here.turn(() => project.write("a.txt", "changed"));
  assert.equal(await delivery.deliver(STORY, await here.state()), undefined);
  await project.write("a.txt", "a person's");
  await here.turn(() => project.write("b.txt", "changed"));
  assert.equal(await delivery.deliver(STORY, await here.state()), undefined);
  assert.equal(await project.git("show", "HEAD:a.txt"), "changed");
  assert.equal(await project.read("a.txt"), "a person's");
});

Deno.test("a person's file that a turn changes is told at the end, until it is committed", async () => {
  await using here = await world({ files: { "a.txt": "a" }, dirty: { "a.txt": "mine" } });
  const { project, delivery } = here;
  assert.equal((await delivery.look(await here.state())).mixed, undefined);
  await here.turn(() => project.write("a.txt", "mine, and the agent's"));
  assert.equal(await delivery.deliver(STORY, await here.state()), undefined);
  assert.match(
    (await delivery.look(await here.state())).mixed ?? "",
    /^`a.txt`: it had changes of yours /,
  );
  await project.git("commit", "--quiet", "--all", "-m", "both");
  assert.equal((await delivery.look(await here.state())).mixed, undefined);
});

Deno.test("a git that does not answer has delivered nothing", async () => {
  const git = { ...deliveryGit(clock, new AbortController().signal) };
  await using here = await world({ git: { ...git, state: () => Promise.resolve(undefined) } });
  assert.equal((await here.delivery.deliver(STORY, await here.state()))?.why, NO_ANSWER);
  assert.deepEqual((await here.delivery.look(undefined)).troubles, [NO_ANSWER]);
});

Deno.test("what is kept of whose files are whose is refused when it is damaged, with its place", () => {
  for (const text of ["", "{", '{"made":{}}', '{"made":{"a":1},"users":[],"mixed":[]}']) {
    assert.throws(() => readOwnership(text, "/k/ownership.json"), {
      name: "RalphError",
      kind: "state",
      message: /whose the files are that are not committed, in \/k\/ownership\.json/,
    });
  }
  const kept = { made: { "a.txt": "" }, users: ["b.txt"], mixed: [] };
  assert.deepEqual(readOwnership(JSON.stringify(kept), "/k"), kept);
});

/** A hook that takes messages of one form alone, as commitlint does. */
async function commitlint({ project }: World): Promise<void> {
  await project.write(
    ".git/hooks/commit-msg",
    '#!/bin/sh\ngrep -q "^feat(app): " "$1" || { echo "scope may not be empty" >&2; exit 1; }\n',
  );
  await Deno.chmod(`${project.root}/.git/hooks/commit-msg`, 0o755);
}

Deno.test("a hook that refuses ralph's message: the agent is told to commit, and then it is over", async () => {
  await using here = await world();
  const { project, delivery } = here;
  await commitlint(here);
  await here.turn(() => project.write("work.txt", "w"));
  const first = await delivery.deliver(STORY, await here.state());
  assert.match(
    first?.why ?? "",
    /scope may not be empty; the hook commit-msg refuses the message `feat: US-001 - Sum`.*: commit all/,
  );
  assert.equal(first?.isFinal, false);
  assert.equal(await project.git("status", "--porcelain"), "?? work.txt", "nothing is staged");
  await here.turn(async () => {
    await project.git("add", "work.txt");
    await project.git("commit", "-qm", "feat(app): sum");
  });
  assert.equal(
    await delivery.deliver(STORY, await here.state()),
    undefined,
    "it did as it was told",
  );
  for (const isFinal of [false, true]) {
    await here.turn(() => project.write("next.txt", `${isFinal}`));
    assert.equal((await delivery.deliver(STORY, await here.state()))?.isFinal, isFinal);
  }
});

Deno.test("what a turn leaves beside its own commit is committed with that one's message", async () => {
  await using here = await world();
  const { project, delivery } = here;
  await commitlint(here);
  await here.turn(async () => {
    await project.write("work.txt", "w");
    await project.git("add", "work.txt");
    await project.git("commit", "-qm", "feat(app): sum");
    await project.write("left.txt", "l");
  });
  assert.equal(await delivery.deliver(STORY, await here.state()), undefined);
  assert.equal(await project.git("log", "-1", "--format=%s"), "feat(app): sum");
  await here.turn(() => project.write("next.txt", "of another story"));
  assert.match(
    (await delivery.deliver(STORY, await here.state()))?.why ?? "",
    /`next.txt` cannot be committed: .*the hook commit-msg/,
    "that message is not of this turn's work",
  );
});

Deno.test("a commit that no turn can make possible is final, with a command; other refusals are not", async () => {
  await using here = await world();
  const { project, delivery } = here;
  await here.turn(() => project.write("work.txt", "w"));
  await project.git("config", "commit.gpgsign", "true");
  await project.git("config", "gpg.program", "/nonexistent/gpg");
  const unsigned = await delivery.deliver(STORY, await here.state());
  assert.match(unsigned?.why ?? "", /cannot run .*gpg.*`git -C \S+ config commit.gpgsign false`$/);
  assert.equal(unsigned?.isFinal, true);
  await project.git("config", "commit.gpgsign", "false");
  await project.write(".git/hooks/pre-commit", "#!/bin/sh\necho lint >&2; exit 1\n");
  await Deno.chmod(`${project.root}/.git/hooks/pre-commit`, 0o755);
  const refused = await delivery.deliver(STORY, await here.state());
  assert.match(refused?.why ?? "", /git refuses: lint$/);
  assert.equal(refused?.isFinal, undefined);
});

Deno.test("what a turn changes in git's settings is told, and not what was changed before it", async () => {
  await using here = await world();
  const { project, delivery } = here;
  await project.git("config", "user.name", "Person");
  delivery.turnBegins();
  assert.deepEqual(await here.turn(() => project.git("config", "core.hooksPath", "/dev/null")), [
    {
      kind: "git_setup",
      text: "how git works here was changed while a turn was at work: " +
        "`core.hookspath` is `/dev/null`",
    },
  ]);
  await project.git("config", "user.name", "Another");
  delivery.turnBegins();
  assert.deepEqual(await here.turn(() => Promise.resolve()), []);
});
