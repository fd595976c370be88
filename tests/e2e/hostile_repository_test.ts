/** What a repository holds is foreign: where its links lead, and what its names and texts hold. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { makeProject, type Project } from "../support/project.ts";
import { makeRalph, type Ralph } from "../support/ralph.ts";

const PRD = "# PRD: T\n\n### US-001: One\n\n- [ ] a thing\n";

async function setUp(files: Record<string, string> = {}) {
  await using stack = new AsyncDisposableStack();
  const project = stack.use(await makeProject({ files: { "tasks/t/prd.md": PRD, ...files } }));
  const ralph = stack.use(await makeRalph());
  const secret = join(ralph.home, ".ssh/id");
  await Deno.mkdir(dirname(secret));
  await Deno.writeTextFile(secret, "### US-001: KEY\n\n- [ ] KEY {{id}}\n");
  const owned = stack.move();
  return { project, ralph, secret, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function link(project: Project, { from, to }: { from: string; to: string }): Promise<void> {
  const place = join(project.root, from);
  await Deno.remove(place, { recursive: true }).catch(() => {});
  await Deno.symlink(to, place);
}

const prompt = (ralph: Ralph, { root }: Project, task = "t") =>
  ralph(["run", task, "--print-prompt"], { cwd: root });

for (
  const { what, file, settings } of [
    { what: "progress.txt", file: "tasks/t/progress.txt" },
    { what: "prompt.md", file: "tasks/t/prompt.md" },
    { what: "the PRD", file: "tasks/t/prd.md" },
    { what: "the prompt that ralph.json names", file: "p.md", settings: '{"prompt": "p.md"}' },
  ]
) {
  Deno.test(`${what} that leads out of the project is refused, until the user's settings allow it`, async () => {
    await using here = await setUp(settings === undefined ? {} : { "ralph.json": settings });
    const { project, ralph, secret } = here;
    await link(project, { from: file, to: secret });
    const refused = await prompt(ralph, project);
    assert.equal(refused.code, 2, refused.stderr);
    assert.doesNotMatch(refused.stdout + refused.stderr, /KEY/);
    assert.match(refused.stderr, /^error: cannot use .*: it is outside of the project /m);
    const [allowed] = /"outside": \[.*\]/.exec(refused.stderr) ?? [];
    const own = join(ralph.home, ".config/ralph/config.json");
    await Deno.mkdir(dirname(own), { recursive: true });
    await Deno.writeTextFile(own, `{${allowed}}`);
    const read = await prompt(ralph, project);
    assert.equal(read.code, 0, read.stderr);
    assert.match(read.stdout, /KEY/);
  });
}

Deno.test("a prompt outside of the project: by `..` in ralph.json refused, in the user's own settings read", async () => {
  await using here = await setUp();
  const { project, ralph, secret } = here;
  const settings = JSON.stringify({ prompt: `../${"../".repeat(9)}${secret}` });
  await project.write("ralph.json", settings);
  assert.equal((await prompt(ralph, project)).code, 2);
  await Deno.remove(join(project.root, "ralph.json"));
  await Deno.mkdir(join(ralph.home, ".config/ralph"), { recursive: true });
  await Deno.writeTextFile(join(ralph.home, ".config/ralph/config.json"), settings);
  const { code, stdout, stderr } = await prompt(ralph, project);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /KEY/);
});

Deno.test("a task that is a link into another repository is not worked on", async () => {
  await using here = await setUp();
  await using other = await makeProject({ files: { "tasks/t/prd.md": PRD } });
  await link(here.project, { from: "tasks/f", to: join(other.root, "tasks/t") });
  const { code, stderr } = await prompt(here.ralph, here.project, "f");
  assert.equal(code, 2, stderr);
  assert.match(stderr, /it is outside of the project/);
});

Deno.test("links that stay inside of the project are followed", async () => {
  await using here = await setUp({ "docs/progress.md": "WHAT WAS LEARNED" });
  await link(here.project, { from: "tasks/t/progress.txt", to: "../../docs/progress.md" });
  const { code, stdout, stderr } = await prompt(here.ralph, here.project);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /WHAT WAS LEARNED/);
});

/** Writes to the clipboard, clears the screen, a C1 control, turns text around. */
const ESCAPES = "\x1b]52;c;cm0=\x07\x1b[2J\x9b2J\u202e";
// deno-lint-ignore no-control-regex
const RAW = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/;

Deno.test("errors show nothing that a terminal acts on, and hints neither", async () => {
  await using here = await setUp({
    "ralph.json": JSON.stringify({ agent: ESCAPES, model: "a/b" }),
  });
  const { project, ralph } = here;
  const calls = [
    ["run", "t"],
    ["run", ESCAPES],
    ["run", "t", `--${ESCAPES}`],
    ["run", "t", "--model", ESCAPES],
    [ESCAPES],
    ["logs", ESCAPES],
    ["run", "t", "--server", `http://${ESCAPES}`],
    ["run", "t", "--json", "--model", ESCAPES],
  ];
  for (const args of calls) {
    const { code, stdout, stderr } = await ralph(args, { cwd: project.root });
    assert.notEqual(code, 0, args.join(" "));
    assert.notEqual(stderr, "");
    assert.doesNotMatch(stdout + stderr, RAW, JSON.stringify(args));
  }
});

/** Whatever quotes stand around it, a shell that takes it for more than a word makes the file. */
const WORD = "a';:>pwn;'b$(:>pwn)`:>pwn`\";:>pwn;\"";

/** Runs a command of a hint where no program is found, so that only what a shell itself does is done. */
async function paste(command: string, { root }: Project): Promise<void> {
  await new Deno.Command("/bin/sh", {
    args: ["-c", command],
    cwd: root,
    clearEnv: true,
    env: { PATH: "/nowhere" },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
}

Deno.test("a hint that is pasted does what it says and nothing else, whatever names the repository has", async () => {
  await using project = await makeProject({
    name: WORD,
    files: { [`tasks/${WORD}/prd.md`]: PRD, "tasks/t/prd.md": PRD, "a.txt": "a" },
  });
  await using ralph = await makeRalph();
  const cwd = project.root;
  const own = (file: string) => `tasks/${WORD}/${file}`;
  const made = async (file: string, text: string) => {
    await project.write(file, text);
    return async () => await Deno.remove(join(cwd, file));
  };
  /** What is wrong, how it becomes so, and how it is undone. */
  const wrong: Record<string, () => Promise<() => Promise<unknown>>> = {
    "no server": () => Promise.resolve(() => Promise.resolve()),
    "progress.txt is a folder": async () => {
      await project.write(own("progress.txt/a"), "");
      return () => Deno.remove(join(cwd, own("progress.txt")), { recursive: true });
    },
    "an empty prompt": () => made(own("prompt.md"), ""),
    "a placeholder that there is not": () => made(own("prompt.md"), "{{nothing}}"),
    "settings that are none": () => made("ralph.json", "{"),
    "a name in the settings": () =>
      made("ralph.json", JSON.stringify({ model: `${WORD}/${WORD}` })),
    "a gate with that name": () => made("ralph.json", JSON.stringify({ verify: [[WORD]] })),
    "a locked index": () => made(".git/index.lock", ""),
    "a PRD that is none": async () => {
      await project.write(own("prd.md"), "# nothing");
      return () => project.write(own("prd.md"), PRD);
    },
    "a PRD with that branch": async () => {
      await project.write(own("prd.md"), `${PRD}\nBranch: ${WORD}\n`);
      return () => project.write(own("prd.md"), PRD);
    },
    "a link that leads out": async () => {
      await Deno.symlink("/etc/hosts", join(cwd, own("progress.txt")));
      return () => Deno.remove(join(cwd, own("progress.txt")));
    },
  };
  const commands = new Set<string>();
  for (const make of Object.values(wrong)) {
    const undo = await make();
    for (
      const args of [["run", WORD], ["run", WORD, "--print-prompt"], ["run", "nobody"], ["run"]]
    ) {
      const { stderr } = await ralph([...args, "--json", "--server", "http://127.0.0.1:1"], {
        cwd,
      });
      if (!stderr.startsWith("{")) continue;
      for (const { command } of JSON.parse(stderr).error.hints) if (command) commands.add(command);
    }
    await undo();
  }
  for (const args of [["status", WORD], ["logs", WORD], ["stop", WORD], ["attach", WORD]]) {
    const { stderr } = await ralph([...args], { cwd });
    for (const [, command] of stderr.matchAll(/^hint: .*?: (.*)$/gm)) commands.add(command);
  }
  const { stdout } = await ralph(["doctor", "--json"], { cwd });
  for (const { remedy = [] } of JSON.parse(stdout).checks) {
    for (const { command } of remedy) if (command) commands.add(command);
  }
  assert([...commands].some((command) => command.includes(":>pwn")), [...commands].join("\n"));
  for (const command of commands) {
    await paste(command, project);
    const pwned = await Deno.stat(join(cwd, "pwn")).catch(() => undefined);
    assert.equal(pwned, undefined, command);
  }
});
