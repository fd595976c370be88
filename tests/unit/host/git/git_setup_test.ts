/** What a repository's own settings and hooks are, and what is told of a change, with the real git. */
import assert from "node:assert/strict";
import { gitSetup, settingsIn } from "../../../../src/host/git/git_setup.ts";
import { isOfSetup, setupChanges } from "../../../../src/verify/setup_changes.ts";
import { makeProject, type Project } from "../../../support/project.ts";

async function hook(project: Project, file: string, text = "#!/bin/sh\nexit 0\n", mode = 0o755) {
  await project.write(file, text);
  await Deno.chmod(`${project.root}/${file}`, mode);
}

/** What is told when `act` is done in a repository with a hook of its own. */
async function told(
  act: (project: Project) => Promise<unknown>,
): Promise<ReturnType<typeof setupChanges>> {
  await using project = await makeProject({ files: { "a.txt": "a" } });
  await hook(project, ".git/hooks/pre-commit");
  await project.git("remote", "add", "origin", "https://example.com/a.git");
  const before = gitSetup(project.root);
  await act(project);
  return setupChanges(before, gitSetup(project.root));
}

const CHANGED = "how git works here was changed while a turn was at work: ";
const OFF = "hooks that ran before that turn are not run any more: `pre-commit`";

const CASES: readonly (readonly [
  what: string,
  act: (project: Project) => Promise<unknown>,
  told: readonly string[],
])[] = [
  ["nothing", ({ git }) => git("config", "--get", "core.bare"), []],
  ["work", ({ git }) => git("commit", "--quiet", "--allow-empty", "-m", "x"), []],
  ["a branch that tracks", ({ git }) => git("config", "branch.x.remote", "origin"), []],
  ["an author", ({ git }) => git("config", "user.name", "Bot"), [
    `${CHANGED}\`user.name\` is \`Bot\``,
  ]],
  ["no signature", ({ git }) => git("config", "commit.gpgsign", "false"), [
    `${CHANGED}\`commit.gpgsign\` is \`false\``,
  ]],
  [
    "a remote, whose address may have a key in it",
    ({ git }) => git("remote", "add", "fork", "https://user:secret@example.com/b.git"),
    [`${CHANGED}\`remote.fork.url\` is new, \`remote.fork.fetch\` is new`],
  ],
  ["another address", ({ git }) => git("remote", "set-url", "origin", "https://example.com/b"), [
    `${CHANGED}\`remote.origin.url\` is another`,
  ]],
  ["a remote that goes", ({ git }) => git("remote", "remove", "origin"), [
    `${CHANGED}\`remote.origin.url\` is gone, \`remote.origin.fetch\` is gone`,
  ]],
  ["hooks switched off", ({ git }) => git("config", "core.hooksPath", "/dev/null"), [
    `${CHANGED}\`core.hookspath\` is \`/dev/null\``,
    OFF,
  ]],
  [
    "husky, which has all hooks in a folder of its own",
    async (project) => {
      await hook(project, ".husky/_/pre-commit");
      await project.git("config", "core.hooksPath", ".husky/_");
    },
    [`${CHANGED}\`core.hookspath\` is \`.husky/_\``],
  ],
  ["a hook that goes", ({ root }) => Deno.remove(`${root}/.git/hooks/pre-commit`), [
    `${CHANGED}the hook \`pre-commit\` is gone`,
    OFF,
  ]],
  ["one that may not run", ({ root }) => Deno.chmod(`${root}/.git/hooks/pre-commit`, 0o644), [
    `${CHANGED}the hook \`pre-commit\` is changed`,
    OFF,
  ]],
  ["one that checks nothing", (project) => hook(project, ".git/hooks/pre-commit", "#!/bin/sh\n"), [
    `${CHANGED}the hook \`pre-commit\` is changed`,
  ]],
  ["a new one", (project) => hook(project, ".git/hooks/pre-push"), [
    `${CHANGED}the hook \`pre-push\` is new`,
  ]],
];

for (const [what, act, words] of CASES) {
  Deno.test(`a turn that changes how git works: ${what}`, async () => {
    const found = await told(act);
    assert.deepEqual(found.map(({ text }) => text), words);
    assert(found.every(isOfSetup));
    const isOfRemote = what.includes("remote") || what.includes("address");
    assert.deepEqual(
      found.map(({ kind }) => kind),
      words.map((text) => text === OFF ? "hooks_off" : isOfRemote ? "git_remote" : "git_setup"),
    );
  });
}

Deno.test("in a further work tree and in a submodule the folder that counts is found", async () => {
  await using project = await makeProject({ files: { "a.txt": "a" } });
  await hook(project, ".git/hooks/pre-commit");
  await project.git("worktree", "add", "--quiet", "../tree", "-b", "tree");
  await project.git(
    "-c",
    "protocol.file.allow=always",
    "submodule",
    "--quiet",
    "add",
    "./.git",
    "sub",
  );
  for (const folder of [`${project.root}/../tree`, `${project.root}/sub`]) {
    const before = gitSetup(folder);
    assert(before, folder);
    await project.git("-C", folder, "config", "user.name", "Bot");
    assert.deepEqual(setupChanges(before, gitSetup(folder)), [
      { kind: "git_setup", text: `${CHANGED}\`user.name\` is \`Bot\`` },
    ]);
  }
  assert.deepEqual([...gitSetup(`${project.root}/../tree`)?.running ?? []], ["pre-commit"]);
  assert.equal(gitSetup("/nonexistent"), undefined);
  assert.deepEqual(setupChanges(undefined, gitSetup(project.root)), [], "nothing is known");
});

Deno.test("a file of git's settings is read as git writes it", () => {
  const text =
    '[core]\n\tbare = false ; no\n[remote "a b"]\n\turl = x\n\tfetch = +a\n\tfetch = +b\n' +
    '[alias] st = "status -s"\n[x]\n\tlong = one\\\ntwo\n\tset\n# [y]\n#\tz = 1\n';
  assert.deepEqual([...settingsIn(text)], [
    ["core.bare", "false ; no"],
    ["remote.a b.url", "x"],
    ["remote.a b.fetch", "+a\n+b"],
    ["alias.st", "status -s"],
    ["x.long", "onetwo"],
    ["x.set", "true"],
  ]);
});
