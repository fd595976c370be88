/** A project that the user may not write to, all of it or a part: refused before anything is spent. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { CLOSED_PORT } from "../support/closed_port.ts";
import { temporaryFolder } from "../support/folder.ts";
import { makeProject } from "../support/project.ts";
import { RALPH } from "../support/ralph.ts";

const OPEN = "# PRD\n\n### US-001: Open\n\n- [ ] it is done\n";
const SERVER = `http://127.0.0.1:${CLOSED_PORT}`;
/** Root without its right to write everywhere (capabilities(7)): permission bits count for it, too. */
const BOUND = Deno.uid() === 0 ? ["setpriv", "--bounding-set", "-all", "--"] : [];

async function run(command: readonly string[], { cwd, home }: { cwd: string; home: string }) {
  const [program, ...args] = [...BOUND, ...command];
  const cache = join(Deno.env.get("HOME") ?? "", ".cache");
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd,
    env: {
      HOME: home,
      DENO_DIR: Deno.env.get("DENO_DIR") ?? join(Deno.env.get("XDG_CACHE_HOME") ?? cache, "deno"),
      GIT_CONFIG_GLOBAL: "/dev/null",
      NO_COLOR: "1",
    },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** What is made read-only, and whether git then fails to commit nothing; undefined where chance says that. */
const PLACES: readonly [place: string, stopsGit: boolean | undefined, isRefused: boolean][] = [
  [".", false, true],
  ["tasks/one", false, true],
  ["tasks/one/prd.md", false, true],
  ["tasks/one/progress.txt", false, true],
  [".git", true, true],
  [".git/objects", undefined, true],
  [".git/objects/*", undefined, true],
  [".git/refs/heads", false, true],
  [".git/refs/heads/deep", true, true],
  [".git/logs/HEAD", true, true],
  [".git/logs/refs/heads/deep/er", true, true],
  [".git/COMMIT_EDITMSG", true, true],
  // git puts a new file in their place
  [".git/index", false, false],
  [".git/HEAD", false, false],
  [".git/refs/heads/deep/er", false, false],
  ["src", false, false],
];

Deno.test({
  name:
    "what may not be written ends a run before the server is asked, with the place and the remedy",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using project = await makeProject({
      files: { "tasks/one/prd.md": OPEN, "tasks/one/progress.txt": "\n", "src/a.txt": "a" },
    });
    using home = temporaryFolder();
    const { root } = project;
    await project.git("switch", "--quiet", "-c", "deep/er");
    await project.git("commit", "--quiet", "--allow-empty", "-m", "chore: deeper");
    const at = { cwd: root, home: home.path };
    const ralph = () => run([...RALPH, "run", "one", "--server", SERVER], at);
    for (const [glob, stopsGit, isRefused] of PLACES) {
      const [folder, all] = glob.split("/*");
      const paths = all === undefined
        ? [join(root, folder)]
        : Array.from(Deno.readDirSync(join(root, folder)), ({ name }) => join(root, folder, name));
      const modes = paths.map((path) => Deno.statSync(path).mode ?? 0);
      for (const path of paths) Deno.chmodSync(path, Deno.statSync(path).isFile ? 0o444 : 0o555);
      try {
        const commit = ["git", "commit", "--quiet", "--allow-empty", "-m", `chore: ${glob}`];
        const isStopped = (await run(commit, at)).code !== 0;
        if (stopsGit !== undefined) assert.equal(isStopped, stopsGit, `git with ${glob}`);
        const { code, stdout, stderr } = await ralph();
        assert.equal(code, isRefused ? 1 : 6, `${glob}: ${stdout}${stderr}`);
        if (!isRefused) continue;
        assert(stderr.includes(join(root, folder)), stderr);
        assert.match(stderr, /cannot run `one`: you may not write to .*, which belongs to you/);
        assert.match(stderr, /^hint: let yourself write there: chmod -R u\+w \//m);
      } finally {
        for (const [i, path] of paths.entries()) Deno.chmodSync(path, modes[i]);
      }
    }
    assert.equal((await ralph()).code, 6);
  },
});

Deno.test({
  name: "what belongs to another user is named with whose it is, and so by the doctor",
  ignore: Deno.uid() !== 0 || Deno.build.os !== "linux",
  async fn() {
    await using project = await makeProject({ files: { "tasks/one/prd.md": OPEN } });
    using home = temporaryFolder();
    const { root } = project;
    const at = { cwd: root, home: home.path };
    const prd = join(root, "tasks/one/prd.md");
    Deno.chownSync(prd, 65534, 65534);
    for (const args of [["run", "one", "--server", SERVER], ["doctor", "project"]]) {
      const { code, stdout, stderr } = await run([...RALPH, ...args], at);
      const said = stdout + stderr;
      assert.equal(code, 1, said);
      assert.match(said, /you may not write to \/.*prd\.md, which belongs to user 65534/);
      assert(said.includes(`sudo chown -R 0 ${prd}`), said);
    }
    // Whoever may write by a group, or is root, may.
    Deno.chownSync(prd, 65534, 0);
    Deno.chmodSync(prd, 0o664);
    assert.equal((await run([...RALPH, "run", "one", "--server", SERVER], at)).code, 6);
    Deno.chownSync(root, 65534, 65534);
    const { stderr } = await run([...RALPH, "run", "one", "--server", SERVER], at);
    assert.match(stderr, /^hint: work on a copy of your own: git clone \//m);
  },
});

Deno.test({
  name: "of a worktree the git folder that it shares counts",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using project = await makeProject({ files: { "tasks/one/prd.md": OPEN } });
    using home = temporaryFolder();
    using trees = temporaryFolder();
    const cwd = join(trees.path, "tree");
    await project.git("worktree", "add", "--quiet", "-b", "side", cwd);
    const at = { cwd, home: home.path };
    const ralph = () => run([...RALPH, "run", "one", "--server", SERVER], at);
    assert.equal((await ralph()).code, 6);
    for (const place of [".git/objects", ".git/refs/heads", ".git/worktrees/tree/logs/HEAD"]) {
      const path = join(project.root, place);
      const { isFile, mode } = Deno.statSync(path);
      Deno.chmodSync(path, isFile ? 0o444 : 0o555);
      const { code, stderr } = await ralph();
      Deno.chmodSync(path, mode ?? 0o755);
      assert.equal(code, 1, `${place}: ${stderr}`);
      assert(stderr.includes(path), stderr);
    }
  },
});
