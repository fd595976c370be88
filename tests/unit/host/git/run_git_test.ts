import assert from "node:assert/strict";
import { runGit } from "../../../../src/host/git/run_git.ts";
import { systemClock as clock } from "../../../../src/host/system/clock.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { makeProject, type Project } from "../../../support/project.ts";

const source = (name: string) => JSON.stringify(import.meta.resolve(`../../../../src/${name}.ts`));

/** What the work of a test may use; `hung` is made by a git that hangs, and only then time passes. */
const PRELUDE = `
import { treeState, treeChange } from ${source("host/git/tree_state")};
import { listWorkTree } from ${source("host/git/work_tree")};
import { prepareBranch } from ${source("host/git/branch")};
import { readRepository } from ${source("host/git/repository")};
import { systemClock } from ${source("host/system/clock")};
const [root, hung] = Deno.args;
const clock = {
  ...systemClock,
  after(ms, callback) {
    if (ms < 30_000) return systemClock.after(ms, callback);
    const timer = setInterval(() => {
      try {
        Deno.statSync(hung);
      } catch {
        return;
      }
      clearInterval(timer);
      callback();
    }, 20);
    return () => clearInterval(timer);
  },
};
const wish = { root, taskFile: root + "/tasks/t/prd.md", own: ["tasks/t"] };
const outcome = (work) => work.then((value) => ({ value }), ({ message, hints }) => ({ message, hints }));
`;

/** Runs `work` in a process of its own, as its environment counts, and returns what it gives. */
async function inProcess(
  work: string,
  { args, env }: { args: readonly string[]; env: Record<string, string> },
) {
  const code =
    `${PRELUDE}\nconsole.log(JSON.stringify(await outcome((async () => { ${work} })())));`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-lock", "--ext=ts", code, ...args],
    env: { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1", ...env },
    stdin: "null",
    signal: AbortSignal.timeout(20_000),
  }).output();
  const printed = new TextDecoder().decode(stdout);
  assert.notEqual(printed, "", `no end within 20 s: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(printed);
}

/** `work` with a git that hangs at `subcommand`, or does what `does` says, and answers all else. */
async function withHanging(
  subcommand: string,
  { project, work, does = "exec sleep 60" }: { project: Project; work: string; does?: string },
) {
  using folder = temporaryFolder();
  const hung = `${folder.path}/hung`;
  const git = (await new Deno.Command("sh", { args: ["-c", "command -v git"] }).output()).stdout;
  Deno.writeTextFileSync(
    `${folder.path}/git`,
    `#!/bin/sh
case " $* " in *" ${subcommand} "*) touch ${hung}; ${does} ;; esac
exec ${new TextDecoder().decode(git).trim()} "$@"
`,
    { mode: 0o755 },
  );
  const env = { PATH: `${folder.path}:${Deno.env.get("PATH")}` };
  const outcome = await inProcess(work, { args: [project.root, hung], env });
  assert(Deno.statSync(hung).isFile, "git was asked, and hung");
  return outcome;
}

const KILLED = "kill -TERM $$";

const FILES = { "a.txt": "a", "tasks/t/prd.md": "# PRD" };

Deno.test("a git that somebody ends has said nothing of the repository", async () => {
  await using project = await makeProject({ files: FILES });
  const asked = (subcommand: string, does?: string) =>
    withHanging(subcommand, {
      project,
      does,
      work: "return [await readRepository(root, systemClock)]",
    });
  const none = { value: [null] };
  assert.deepEqual(await asked("symbolic-ref", KILLED), none, "it is no detached HEAD");
  assert.deepEqual(await asked("symbolic-ref"), none);
  assert.deepEqual(await asked("GIT_AUTHOR_IDENT", KILLED), none, "it is no missing name");
  const { message } = await withHanging("check-ref-format", {
    project,
    does: KILLED,
    work: "return await prepareBranch({ ...wish, branch: 'feature' }, systemClock)",
  });
  assert.match(message, /^git was ended by SIGTERM in .* \(`git check-ref-format`\)$/);
});

Deno.test("a git that hangs has said nothing of the tree", async () => {
  await using project = await makeProject({ files: FILES });
  const asked = (subcommand: string, work: string) => withHanging(subcommand, { project, work });
  assert.deepEqual(await asked("status", "return [await treeState(root, { clock })]"), {
    value: [null],
  });
  const change = `
    const before = await treeState(root, { clock });
    const after = { ...before, head: undefined };
    return [await treeChange(root, { clock, before: after, after: before, ignore: [] })];`;
  assert.deepEqual(await asked("rev-list", change), { value: [null] });
});

Deno.test("where git is needed it is said that it did not answer, with the command to try", async () => {
  await using project = await makeProject({ files: FILES });
  const { root } = project;
  const cases = [
    ["ls-files", "await listWorkTree(root, { clock })", 120],
    ["show-ref", 'await prepareBranch({ ...wish, branch: "x" }, clock)', 30],
    ["switch", 'await prepareBranch({ ...wish, branch: "x" }, clock)', 600],
  ] as const;
  for (const [subcommand, work, seconds] of cases) {
    const { message, hints } = await withHanging(subcommand, { project, work });
    assert.equal(
      message,
      `git did not answer within ${seconds} s in ${root} (\`git ${subcommand}\`)`,
    );
    assert(hints[0].command.startsWith(`git -C ${root} ${subcommand} `), hints[0].command);
  }
});

Deno.test("what the caller's environment says of another repository is not meant", async () => {
  await using project = await makeProject({ files: FILES });
  await using other = await makeProject({ files: { ...FILES, "other.txt": "o" } });
  await other.write("dirty.txt", "d");
  const before = await other.git("for-each-ref");
  const env = {
    GIT_DIR: `${other.root}/.git`,
    GIT_WORK_TREE: other.root,
    GIT_INDEX_FILE: `${other.root}/.git/index`,
    GIT_OBJECT_DIRECTORY: `${other.root}/.git/objects`,
    GIT_LITERAL_PATHSPECS: "1",
  };
  const work = `
    const { head, changed } = await treeState(root, { clock });
    const { files } = await listWorkTree(root, { clock });
    const done = await prepareBranch({ ...wish, branch: "x" }, clock);
    return { head, changed: [...changed.keys()], files, done };`;
  assert.deepEqual(await inProcess(work, { args: [project.root, ""], env }), {
    value: {
      head: await project.git("rev-parse", "HEAD"),
      changed: [],
      files: Object.keys(FILES),
      done: "created the branch `x` from `main`",
    },
  });
  assert.equal(await project.git("branch", "--show-current"), "x");
  assert.equal(await other.git("for-each-ref"), before);
});

Deno.test("who commits is the caller's to say", async () => {
  await using project = await makeProject();
  const env = {
    GIT_COMMITTER_NAME: "Ann",
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "user.email",
    GIT_CONFIG_VALUE_0: "ann@localhost",
  };
  const work = `
    const { readRepository } = await import(${source("host/git/repository")});
    return (await readRepository(root, systemClock)).identity;`;
  const outcome = await inProcess(work, { args: [project.root, ""], env });
  assert.deepEqual(outcome, { value: "Ann <ann@localhost>" });
});

Deno.test("long input and long answers go through, also when git does not read it all", async () => {
  await using project = await makeProject({ files: FILES });
  const paths = "a.txt\n".repeat(100_000);
  const answer = await runGit(project.root, ["hash-object", "--stdin-paths"], {
    clock,
    input: paths,
  });
  assert(answer.kind === "printed");
  assert.equal(answer.text.split("\n").length, 100_001);
  const unread = await runGit(project.root, ["rev-parse", "--is-bare-repository"], {
    clock,
    input: paths,
  });
  assert.deepEqual(unread, { kind: "printed", text: "false\n" });
});

Deno.test("what git says when it fails, and when nobody waits for it", async () => {
  await using project = await makeProject();
  const failed = await runGit(project.root, ["cat-file", "-e", "1".repeat(40)], { clock });
  assert.deepEqual(failed, { kind: "failed", code: 1, said: "" });
  const unknown = await runGit(`${project.root}/gone`, ["status"], { clock });
  assert(unknown.kind === "failed" && unknown.code === 128);
  assert.match(unknown.said, /cannot change to/);

  const stop = new AbortController();
  const answer = runGit(project.root, ["cat-file", "--batch"], {
    clock,
    signal: stop.signal,
    timeoutMs: 20_000,
  });
  stop.abort();
  assert.deepEqual(await answer, { kind: "aborted" });
  const later = await runGit(project.root, ["status"], { clock, signal: stop.signal });
  assert.deepEqual(later, { kind: "aborted" });
});

Deno.test("a repository that git refuses for its owner is told in git's words, with its remedy", async () => {
  await using project = await makeProject({ files: FILES });
  using folder = temporaryFolder();
  const { root } = project;
  Deno.writeTextFileSync(
    `${folder.path}/git`,
    `#!/bin/sh
printf "fatal: detected dubious ownership in repository at '%s'\\nTo add an exception for this directory, call:\\n\\n\\tgit config --global --add safe.directory %s\\n" ${root} ${root} >&2
exit 128
`,
    { mode: 0o755 },
  );
  const env = { PATH: `${folder.path}:${Deno.env.get("PATH")}` };
  const hint = {
    text: "if you trust what is in there",
    command: `git config --global --add safe.directory ${root}`,
  };
  const asked = (work: string) => inProcess(work, { args: [root, ""], env });
  const branch = await asked('return await prepareBranch({ ...wish, branch: "x" }, clock)');
  const why = `fatal: detected dubious ownership in repository at '${root}'`;
  assert.equal(branch.message, `cannot work in ${root}: git refuses: ${why}`);
  assert.deepEqual(branch.hints[0], hint);
  const listed = await asked("return await listWorkTree(root, { clock })");
  assert.equal(listed.message, `\`git ls-files\` failed in ${root}: ${why}`);
  assert.deepEqual(listed.hints[0], hint);
});

Deno.test("what git runs gets no keys: what it needs, who commits, signing, and what is handed on", async () => {
  await using project = await makeProject();
  const given = {
    ANTHROPIC_API_KEY: "key",
    AWS_SECRET_ACCESS_KEY: "key",
    OPENCODE_SERVER_PASSWORD: "key",
    DATABASE_URL: "db",
    SSH_AUTH_SOCK: "/agent",
    GIT_AUTHOR_NAME: "Ann",
    GIT_CONFIG_COUNT: "2",
    GIT_CONFIG_KEY_0: "http.https://host/.extraheader",
    GIT_CONFIG_VALUE_0: "key",
    GIT_CONFIG_KEY_1: "user.signingkey",
    GIT_CONFIG_VALUE_1: "ABC",
  };
  const work = `
    const { runGit } = await import(${source("host/git/run_git")});
    const options = { clock: systemClock, handOn: ["DATABASE_*", "OPENCODE_*"] };
    const { text } = await runGit(root, ["-c", "alias.shown=!env", "shown"], options);
    return text.split("\\n").filter((line) => ${JSON.stringify(Object.keys(given))}
      .some((name) => line.startsWith(name + "="))).sort();`;
  assert.deepEqual(await inProcess(work, { args: [project.root, ""], env: given }), {
    value: [
      "DATABASE_URL=db",
      "GIT_AUTHOR_NAME=Ann",
      "GIT_CONFIG_COUNT=1",
      "GIT_CONFIG_KEY_0=user.signingkey",
      "GIT_CONFIG_VALUE_0=ABC",
      "SSH_AUTH_SOCK=/agent",
    ],
  });
});

Deno.test("a look fetches nothing in a partial clone, so that no program of its configuration runs", async () => {
  await using up = await makeProject({ files: { "a.txt": "one" } });
  await up.git("config", "uploadpack.allowFilter", "true");
  await up.git("config", "uploadpack.allowAnySHA1InWant", "true");
  using folder = temporaryFolder();
  const clone = `${folder.path}/clone`;
  await up.git(
    "clone",
    "--quiet",
    "--no-checkout",
    "--filter=blob:none",
    `file://${up.root}`,
    clone,
  );
  const mark = `${folder.path}/mark`;
  const program = `touch ${mark}; git-upload-pack`;
  await up.git("-C", clone, "config", "remote.origin.uploadpack", program);
  const show = ["cat-file", "blob", "HEAD:a.txt"];
  const looked = await runGit(clone, show, { clock });
  assert(looked.kind === "failed" && /transport 'file' not allowed/.test(looked.said));
  assert.throws(() => Deno.lstatSync(mark), Deno.errors.NotFound);
  assert.deepEqual(await runGit(clone, show, { clock, changes: true }), {
    kind: "printed",
    text: "one",
  });
  assert(Deno.lstatSync(mark).isFile);
});
