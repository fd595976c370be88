import assert from "node:assert/strict";
import * as path from "node:path";
import { commitsOfSteps, patchesOf } from "../../../../src/host/git/commits.ts";
import { systemClock as clock } from "../../../../src/host/system/clock.ts";
import { makeProject } from "../../../support/project.ts";

Deno.test("the commits between two states have their messages and what they changed", async () => {
  await using project = await makeProject({ files: { "a.txt": "1\n2\n" } });
  const from = await project.git("rev-parse", "HEAD");
  await project.write("a.txt", "1\n3\n4\n");
  await project.write('a "b"\nc.txt', "x\n");
  await project.write("b.bin", "\0\0");
  await project.git("add", "--all");
  const id = "f".repeat(40);
  await project.git("commit", "--quiet", "-m", `feat: <b>\x1b[31m\n\n${id}\n1\t1\tnone`);
  const first = await project.git("rev-parse", "HEAD");
  await project.git("rm", "--quiet", "b.bin");
  await project.git("commit", "--quiet", "-m", "second");
  const to = await project.git("rev-parse", "HEAD");

  const [found] = await commitsOfSteps(project.root, [from, to], { clock });
  assert.equal(found?.leftOut, 0);
  const [one, two] = found?.commits ?? [];
  assert.match(one.committedAt, /^\d{4}-\d\d-\d\dT/);
  assert.deepEqual({ ...one, committedAt: "" }, {
    id: first,
    isMerge: false,
    author: "Test",
    committedAt: "",
    subject: "feat: <b>\x1b[31m",
    body: `${id}\n1\t1\tnone`,
    files: [
      { path: 'a "b"\nc.txt', added: 1, deleted: 0 },
      { path: "a.txt", added: 2, deleted: 1 },
      { path: "b.bin", added: null, deleted: null },
    ],
  });
  assert.deepEqual(two.files, [{ path: "b.bin", added: null, deleted: null }]);
  const patches = await patchesOf(project.root, [to, first], { clock });
  assert.deepEqual([...patches.keys()], [to, first]);
  assert.match(patches.get(first) ?? "", /^diff --git [\s\S]*^-2\n\+3\n\+4$/m);
  assert.match(patches.get(to) ?? "", /^deleted file mode/m);
});

Deno.test("the first commit and merges are told, and many are cut to the newest", async () => {
  await using project = await makeProject({ files: { "a.txt": "a" } });
  const first = await project.git("rev-parse", "HEAD");
  const [all] = await commitsOfSteps(project.root, [undefined, first], { clock });
  assert.deepEqual(all?.commits.map(({ files }) => files), [[{
    path: "a.txt",
    added: 1,
    deleted: 0,
  }]]);
  await project.git("switch", "--quiet", "-c", "other");
  await project.git("commit", "--quiet", "--allow-empty", "-m", "aside");
  await project.git("switch", "--quiet", "main");
  await project.git("merge", "--quiet", "--no-ff", "-m", "merged", "other");
  const merge = await project.git("rev-parse", "HEAD");
  const [merged] = await commitsOfSteps(project.root, [first, merge], { clock });
  assert.deepEqual(merged?.commits.map(({ subject, isMerge }) => [subject, isMerge]), [
    ["aside", false],
    ["merged", true],
  ]);
  const input = Array.from(
    { length: 105 },
    (_, i) =>
      `commit refs/heads/main\ncommitter T <t@example.com> ${1_700_000_000 + i} +0000\n` +
      `data ${`c${i}`.length}\nc${i}\n${i === 0 ? `from ${merge}\n` : ""}\n`,
  ).join("");
  await project.write("../import", input);
  const sh = `git fast-import --quiet < ../import && git rev-parse main`;
  const { stdout } = await new Deno.Command("sh", { args: ["-c", sh], cwd: project.root }).output();
  const to = new TextDecoder().decode(stdout).trim();
  const [many] = await commitsOfSteps(project.root, [merge, to], { clock });
  assert.equal(many?.leftOut, 5);
  assert.deepEqual([many?.commits[0].subject, many?.commits.at(-1)?.subject], ["c5", "c104"]);
});

Deno.test("each step has what none before it has, also where the branch was led back", async () => {
  await using project = await makeProject();
  const heads = [await project.git("rev-parse", "HEAD")];
  const step = async (...commits: string[]) => {
    for (const name of commits) {
      await project.git("commit", "--quiet", "--allow-empty", "-m", name);
    }
    heads.push(await project.git("rev-parse", "HEAD"));
  };
  await step("a", "b");
  await step();
  await step("c");
  await project.git("reset", "--quiet", "--hard", heads[1]);
  await step();
  await step("d");
  const [first, ...later] = heads;
  const told = async (...gone: number[]) => {
    const asked = later.map((head, i) => gone.includes(i) ? "e".repeat(40) : head);
    const steps = await commitsOfSteps(project.root, [first, ...asked], { clock });
    return steps.map((one) => one?.commits.map(({ subject }) => subject).join(" "));
  };
  assert.deepEqual(await told(), ["a b", "", "c", "", "d"]);
  assert.deepEqual(await told(2), ["a b", "", undefined, undefined, "d"]);
  assert.deepEqual(await told(0, 1, 2, 3, 4), later.map(() => undefined));
  const steps = await commitsOfSteps(project.root, ["e".repeat(40), ...later], { clock });
  assert.deepEqual(steps.map((one) => one?.commits.length), [undefined, 0, 1, 0, 1]);
});

Deno.test("what git does not have, or is no commit id, is unknown", async () => {
  await using project = await makeProject();
  const to = await project.git("rev-parse", "HEAD");
  const between = async (from: string, to: string, root = project.root) =>
    (await commitsOfSteps(root, [from, to], { clock }))[0];
  assert.deepEqual(await between(to, to), { commits: [], leftOut: 0 });
  assert.equal(await between("a".repeat(40), to), undefined);
  assert.equal(await between(to, "--output=/tmp/x"), undefined);
  assert.equal(await between(to, await project.git("rev-parse", "HEAD^{tree}")), undefined);
  assert.equal(await between("a".repeat(40), to, "/nowhere"), undefined);
  assert.equal((await patchesOf(project.root, ["HEAD"], { clock })).size, 0);
});

Deno.test("nothing that the repository names is run, and a large file is only named", async () => {
  await using project = await makeProject({ files: { ".gitattributes": "* diff=evil\n" } });
  const from = await project.git("rev-parse", "HEAD");
  const mark = path.join(project.root, "..", "ran");
  for (
    const name of ["diff.external", "diff.evil.command", "diff.evil.textconv", "gpg.program"]
      .concat("core.pager", "core.fsmonitor")
  ) {
    await project.git("config", name, `touch ${mark}; cat`);
  }
  await project.git("config", "log.showSignature", "true");
  await project.write("a.txt", "a\n");
  await project.write("large.txt", "large\n".repeat(100_000));
  await project.git("-c", "core.fsmonitor=false", "add", "--all");
  await project.git("-c", "core.fsmonitor=false", "commit", "--quiet", "-m", "work");
  const to = await project.git("rev-parse", "HEAD");
  await Deno.remove(mark).catch(() => {});
  const [found] = await commitsOfSteps(project.root, [from, to], { clock });
  assert.deepEqual(found?.commits[0].files, [
    { path: "a.txt", added: 1, deleted: 0 },
    { path: "large.txt", added: null, deleted: null },
  ]);
  const patch = (await patchesOf(project.root, [to], { clock })).get(to) ?? "";
  assert.match(patch, /\+a\n[\s\S]*Binary files/);
  await assert.rejects(Deno.stat(mark), Deno.errors.NotFound);
});
