/** `ralph upgrade`: this program takes the place of an older one, by the script that it brings along. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { VERSION } from "../../src/version.ts";
import { makeWorld } from "../reliability/processes.ts";
import { makeRalph, RALPH, type Ralph } from "../support/ralph.ts";
import { ARCHIVE, playReleases, type ReleasePage } from "../support/release_page.ts";
import { bash } from "../support/agent.ts";
import { call, say } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";

const isBinary = RALPH.length === 1;
const NEWER = "99.0.0";

const envOf = ({ url }: ReleasePage) => ({ RALPH_RELEASES: url });

Deno.test("upgrade --check says whether there is a newer release, and changes nothing", async () => {
  await using page = playReleases();
  await using ralph = await makeRalph();
  const check = async (...args: string[]) => {
    const ran = await ralph(["upgrade", "--check", ...args], { cwd: ralph.home, env: envOf(page) });
    assert.equal(ran.code, 0, ran.stderr);
    return ran.stdout;
  };
  await page.release(NEWER);
  assert.equal(await check(), `${NEWER} is there, and this is ${VERSION}: ralph upgrade\n`);
  assert.deepEqual(JSON.parse(await check("--json")), {
    schema: 1,
    current: VERSION,
    latest: NEWER,
    newer: true,
  });
  await page.release(VERSION);
  assert.equal(await check(), `${VERSION} is the newest release\n`);
  await page.release("0.0.1");
  assert.equal(await check(), `this is ${VERSION}, and the newest release is 0.0.1\n`);
  const both = await ralph(["upgrade", "--check", "--to", "1.0.0"], { cwd: ralph.home });
  assert.equal(both.code, 2);
  assert.deepEqual(new Set(page.asked), new Set(["/latest/download/VERSION"]));
});

Deno.test("upgrade says what failed, with what may help", async () => {
  await using page = playReleases();
  await using ralph = await makeRalph();
  const env = envOf(page);
  const { code, stderr } = await ralph(["upgrade", "--check"], { cwd: ralph.home, env });
  assert.equal(code, 1);
  assert.equal(
    stderr,
    `error: cannot upgrade: there is no ${page.url}/latest/download/VERSION\n\n` +
      `hint: see which releases there are: ${page.url}\n`,
  );
  const json = await ralph(["upgrade", "--json"], { cwd: ralph.home, env });
  assert.equal(json.code, 2);
});

Deno.test("upgrade gets no keys of the user's", async () => {
  await using page = playReleases();
  await using ralph = await makeRalph();
  const seen = join(ralph.home, "seen");
  const curl = join(ralph.home, "curl");
  await Deno.writeTextFile(curl, `#!/bin/sh\nenv > '${seen}'; exit 1\n`, { mode: 0o755 });
  const PATH = `${ralph.home}:${Deno.env.get("PATH")}`;
  const env = { ...envOf(page), PATH, OPENCODE_SERVER_PASSWORD: "hunter2", MY_TOKEN: "hunter3" };
  await ralph(["upgrade", "--check"], { cwd: ralph.home, env });
  assert.doesNotMatch(await Deno.readTextFile(seen), /hunter/);
});

Deno.test({
  name: "upgrade of a ralph that runs from its source points to git",
  ignore: isBinary,
  async fn() {
    await using ralph = await makeRalph();
    const { code, stderr } = await ralph(["upgrade"], { cwd: ralph.home });
    assert.equal(code, 2);
    assert.match(stderr, /^error: this ralph runs from its source.*\n\nhint: .*: git pull\n$/);
  },
});

const exists = (path: string) => Deno.lstat(path).then(() => true, () => false);

/** A copy of the binary in a home of its own, as `install.sh` puts it there. */
async function installed(ralph: Ralph): Promise<string> {
  const program = join(ralph.home, ".local/bin/ralph");
  await Deno.mkdir(join(ralph.home, ".local/bin"), { recursive: true });
  await Deno.copyFile(RALPH[0], program);
  await Deno.chmod(program, 0o755);
  return program;
}

Deno.test({
  name: "upgrade puts the release in place of the binary; a session that runs goes on to its end",
  ignore: !isBinary,
  async fn() {
    await using page = playReleases();
    await using world = await makeWorld();
    const { ralph, project, url } = world;
    const work = "touch begun; while [ ! -e go ]; do sleep 0.05; done; echo work > work.txt; " +
      "sed -i 's/\\[ \\]/[x]/' tasks/one/prd.md";
    world.fake.setScript(({ step }) => step === 0 ? call(bash(work)) : say("US-001 is done."));
    const program = await installed(ralph);
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await new Deno.Command(program, {
        args,
        cwd: project.root,
        env: { HOME: ralph.home, ...envOf(page), RALPH_SERVER: url },
      }).output();
      const decoder = new TextDecoder();
      return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
    };
    const begun = await run("run", "one");
    assert.equal(begun.code, 0, begun.stderr);
    await until(() => exists(join(project.root, "begun")), { what: "the agent to be at work" });

    // what `curl` fetches is another program, as a newer release is
    await page.release(NEWER, { path: RALPH[0] });
    const { code, stdout, stderr } = await run("upgrade");
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`^upgraded from ${VERSION}: `, "m"));
    assert(stdout.includes(`going on to its end with the program from before:\n  one: `), stdout);
    assert(stdout.includes(`${program} stop one\n`), stdout);

    await page.release("0.0.1");
    const older = await run("upgrade");
    assert.equal(older.stdout, `this is ${VERSION}, and the newest release is 0.0.1\n`);
    await page.release("98.0.0", { path: RALPH[0] });
    await page.release(NEWER);
    const back = await run("upgrade", "--to", "98.0.0");
    assert.equal(back.code, 0, back.stderr);
    assert(page.asked.includes(`/download/v98.0.0/${ARCHIVE}`), page.asked.join());

    await Deno.writeTextFile(join(project.root, "go"), "");
    const ended = await run("wait", "one");
    assert.equal(ended.code, 0, ended.stdout + ended.stderr);
    assert.match((await run("status", "one")).stdout, /completed/);
  },
});

Deno.test({
  name: "upgrade in a folder that is not this user's says who may, and not `--prefix`",
  ignore: !isBinary,
  async fn() {
    await using page = playReleases();
    await using ralph = await makeRalph();
    const program = await installed(ralph);
    await page.release(NEWER);
    const folder = join(program, "..");
    await Deno.chmod(ralph.home, 0o755);
    await Deno.chmod(folder, 0o555);
    // root may write anywhere
    const as = Deno.uid() === 0 ? ["setpriv", "--reuid=65534", "--clear-groups"] : [];
    const [first, ...args] = [...as, program, "upgrade", "--to", NEWER];
    const { code, stderr } = await new Deno.Command(first, {
      args,
      env: { HOME: ralph.home, ...envOf(page) },
    }).output();
    await Deno.chmod(folder, 0o755);
    assert.equal(code, 1);
    assert.match(
      new TextDecoder().decode(stderr),
      new RegExp(
        `^error: cannot upgrade: cannot write to ${folder}: Permission denied.*\\n\\n` +
          `hint: as root: (?:sudo ${program} upgrade --to ${NEWER}|su -c '${program} .*')\\n$`,
      ),
    );
    assert.deepEqual(page.asked, []);
  },
});

Deno.test({
  name: "upgrade leaves the binary where a program of that name has another one's bytes",
  ignore: !isBinary,
  async fn() {
    await using page = playReleases();
    await using ralph = await makeRalph();
    const program = await installed(ralph);
    await page.release(NEWER);
    // it runs on without the file that it was started from
    const other = "#!/bin/sh\necho other\n";
    page.spoil("/latest/download/VERSION", () => {
      Deno.removeSync(program);
      Deno.writeTextFileSync(program, other, { mode: 0o755 });
      return new Response(`${NEWER}\n`);
    });
    const { code, stderr } = await new Deno.Command(program, {
      args: ["upgrade"],
      env: { HOME: ralph.home, ...envOf(page) },
    }).output();
    assert.equal(code, 1);
    assert.match(new TextDecoder().decode(stderr), /is another program, which stays/);
    assert.equal(await Deno.readTextFile(program), other);
  },
});

Deno.test({
  name: "upgrade that finds another archive than the release names leaves the binary as it is",
  ignore: !isBinary,
  async fn() {
    await using page = playReleases();
    await using ralph = await makeRalph();
    const program = await installed(ralph);
    await page.release(NEWER);
    page.spoil(`/download/v${NEWER}/${ARCHIVE}`, () => new Response("other"));
    const command = new Deno.Command(program, {
      args: ["upgrade"],
      env: { HOME: ralph.home, ...envOf(page) },
    });
    const { code, stderr } = await command.output();
    assert.equal(code, 1);
    assert.match(
      new TextDecoder().decode(stderr),
      /^error: cannot upgrade: .* is not what the release/m,
    );
    assert.equal((await new Deno.Command(program, { args: ["--version"] }).output()).code, 0);
  },
});
