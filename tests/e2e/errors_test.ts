/** What a user is told when something is wrong: message, hint, exit code, and nothing changed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { CLOSED_PORT } from "../support/closed_port.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject } from "../support/project.ts";
import { makeRalph, RALPH } from "../support/ralph.ts";
import { say, startModel } from "../support/scripted_model.ts";
import { GENEROUS_MS } from "../support/wait.ts";
import { NEWEST } from "../support/install.ts";

const CACHE = join(
  Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "", ".cache"),
  "deno",
);
const PRD = "# PRD\n\n### US-001: Only\n\n- [ ] it is done\n";

function answering(handler: () => Response | Promise<Response>) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const json = (value: unknown, status = 200) =>
  new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json" } });

Deno.test("a server that is not there, or is something else, gets a message of its own", async () => {
  await using project = await makeProject({ files: { "tasks/one/prd.md": PRD } });
  await using ralph = await makeRalph();
  const hold = Promise.withResolvers<void>();
  const cases: [string, (() => Response | Promise<Response>) | undefined, RegExp][] = [
    ["nothing", undefined, /cannot reach OpenCode at .*connection refused/],
    [
      "a web page",
      () => new Response("<html>hi</html>", { headers: { "content-type": "text/html" } }),
      /something else than OpenCode answers on/,
    ],
    ["other JSON", () => json({ hello: "world" }), /something else than OpenCode answers on/],
    ["unhealthy", () => json({ healthy: false, version: "1.18.33" }), /it is not healthy/],
    ["a password", () => json({}, 401), /asks for a password, and none was sent/],
    ["broken", () => json({ message: "boom \x1b[31m" }, 500), /answered 500: boom \\x1b\[31m/],
    [
      "hanging",
      async () => {
        await hold.promise;
        return json({});
      },
      /did not answer within 10 s/,
    ],
  ];
  for (const [what, handler, message] of cases) {
    await using server = handler ? answering(handler) : {
      url: `http://127.0.0.1:${CLOSED_PORT}`,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    const begin = performance.now();
    const { code, stdout, stderr } = await ralph(["run", "one", "--server", server.url], {
      cwd: project.root,
    });
    const took = performance.now() - begin;
    if (what === "hanging") hold.resolve();
    assert.equal(code, 6, `${what}: ${stderr}`);
    assert.match(stderr, message, what);
    assert.match(stderr, /^error: [^A-Z]?/, what);
    assert.equal(stdout, "", what);
    assert.doesNotMatch(stderr, /\n\s+at /, `${what}: no stack trace`);
    assert(took < GENEROUS_MS, `${what} took ${took} ms`);
    if (what === "nothing") assert.match(stderr, /Start with: systemctl --user start opencode/);
  }
});

Deno.test("a proxy for the rest of the world is not asked for the server here", async () => {
  await using project = await makeProject();
  await using model = await startModel(() => say("x"));
  await using server = await startServer({ version: NEWEST, model });
  await using ralph = await makeRalph();
  const proxy = `http://127.0.0.1:${CLOSED_PORT}`;
  const environments: Record<string, string>[] = [
    { HTTP_PROXY: proxy },
    { http_proxy: proxy, no_proxy: "example.com" },
    { ALL_PROXY: proxy.replace("http", "socks5") },
  ];
  for (const env of environments) {
    const { code, stdout } = await ralph(["doctor", "server.answers"], {
      cwd: project.root,
      env: { ...env, RALPH_SERVER: server.url },
    });
    assert.equal(code, 0, stdout);
  }
});

Deno.test("a wrong password is told, and never shown", async () => {
  await using project = await makeProject({ files: { "tasks/one/prd.md": PRD } });
  await using model = await startModel(() => say("x"));
  await using server = await startServer({ version: NEWEST, model, password: "right one" });
  await using ralph = await makeRalph();
  const { code, stderr } = await ralph(["run", "one", "--server", server.url], {
    cwd: project.root,
    env: { OPENCODE_SERVER_PASSWORD: "the-wrong-one" },
  });
  assert.equal(code, 6);
  assert.match(stderr, /refused the user name or the password that was sent/);
  assert.doesNotMatch(stderr, /the-wrong-one/);
});

Deno.test("a model or an agent that the server does not have is told before anything starts", async () => {
  await using project = await makeProject({ files: { "tasks/one/prd.md": PRD } });
  await using model = await startModel(() => say("x"));
  await using server = await startServer({ version: NEWEST, model });
  await using ralph = await makeRalph();
  const run = (...extra: string[]) =>
    ralph(["run", "one", "--server", server.url, ...extra], { cwd: project.root });
  const wrongModel = await run("--model", "fake/okk");
  assert.equal(wrongModel.code, 4);
  assert.match(wrongModel.stderr, /the server has no model `fake\/okk`/);
  assert.match(wrongModel.stderr, /did you mean `fake\/ok`\?/);
  await project.write("ralph.json", '{ "review": { "model": "fake/okk" } }');
  const reviewers = await run();
  assert.equal(reviewers.code, 4);
  assert.match(reviewers.stderr, /no model `fake\/okk`, the reviewer's \(`review\.model`\)/);
  await Deno.remove(`${project.root}/ralph.json`);
  const wrongAgent = await run("--agent", "biuld");
  assert.equal(wrongAgent.code, 4);
  assert.match(wrongAgent.stderr, /did you mean `build`\?/);
  assert.equal((await ralph(["status"], { cwd: project.root })).stdout, "");
});

Deno.test("tasks: a wrong name, a broken PRD, a folder outside git, a hostile name", async () => {
  await using project = await makeProject({
    files: {
      "tasks/my-feature/prd.json": '{"userStories": [}',
      "tasks/other/prd.md": PRD,
      "tasks/empty/notes.txt": "",
    },
  });
  await using ralph = await makeRalph();
  const cases: [string, number, RegExp][] = [
    ["my-featrue", 4, /my-feature/],
    ["my-feature", 2, /tasks\/my-feature\/prd\.json:1:18/],
    ["empty", 4, /prd\.md/],
    ["../../etc", 4, /etc/],
    ["$(reboot)\x1b]0;title\x07", 2, /\\x1b\]0;title\\x07/],
    ["", 2, /./],
  ];
  for (const [name, code, message] of cases) {
    const result = await ralph(["run", name], { cwd: project.root });
    assert.equal(result.code, code, `${name}: ${result.stderr}`);
    assert.match(result.stderr, message, name);
    assert(!result.stderr.includes("\x1b"));
    assert.doesNotMatch(result.stderr, /bug in ralph/);
  }
  const outside = await Deno.makeTempDir();
  const result = await ralph(["run", "my-feature"], { cwd: outside });
  await Deno.remove(outside);
  assert.equal(result.code, 4);
  assert.match(result.stderr, /git/);
});

Deno.test("run without a task: the one with open stories, else a list of them", async () => {
  const none = { "tasks/done/prd.md": PRD.replace("[ ]", "[x]"), "tasks/bad/prd.json": "{" };
  const cases: [Record<string, string>, number, RegExp][] = [
    [none, 4, /no task here has anything to do\n\nhint: see all tasks: ralph tasks/],
    // Found, and so it gets as far as the server, which is not there.
    [{ ...none, "tasks/one/prd.md": PRD }, 6, /cannot reach OpenCode/],
    [{ ...none, "tasks/one/prompt.md": "Tick the box." }, 6, /cannot reach OpenCode/],
    [
      { ...none, "tasks/one/prd.md": PRD, "tasks/two words/prd.md": PRD },
      2,
      /2 tasks have something to do; say which\n\n.*ralph run one\n.*ralph run 'two words'/,
    ],
  ];
  await using ralph = await makeRalph();
  for (const [files, code, message] of cases) {
    await using project = await makeProject({ files });
    const result = await ralph(["run", "--server", `http://127.0.0.1:${CLOSED_PORT}`], {
      cwd: project.root,
    });
    assert.equal(result.code, code, result.stderr);
    assert.match(result.stderr, message);
  }
});

Deno.test("the command line: unknown commands and options, bad values, errors as JSON", async () => {
  await using project = await makeProject({ files: { "tasks/one/prd.md": PRD } });
  await using ralph = await makeRalph();
  const cases: [string[], RegExp][] = [
    [["rnu", "one"], /there is no command `rnu`\n\nhint: did you mean `run`\?/],
    [["run", "one", "--foregruond"], /Did you mean --foreground\?/],
    [["stop", "one", "two"], /too many arguments for .stop.\. Expected 1 argument but got 2/],
    [["help", "nope"], /there is no command `nope`/],
    [["nope", "--help"], /there is no command `nope`/],
    [["resume"], /ralph resume --interrupted/],
    [["doctor", "nope"], /the groups are: host, service, server, store, project/],
    [["run", "one", "-n", "0"], /whole number from 1 up/],
    [["run", "one", "-n", "1e3"], /whole number from 1 up/],
    [["run", "one", "--model", "sonnet"], /provider\/model/],
    [["run", "one", "--server", "https://example.com"], /no http address/],
    [["run", "one", "--server", "http://192.168.1.1:1"], /not on this machine/],
    [["run", "one", "--server", "http://u:secret@127.0.0.1:1"], /must not hold a password/],
  ];
  for (const [args, message] of cases) {
    const { code, stderr, stdout } = await ralph(args, { cwd: project.root });
    assert.equal(code, 2, `${args}: ${stderr}`);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /secret/);
    assert.equal(stdout, "");
  }
  const { code, stderr } = await ralph(["run", "nope", "--json"], { cwd: project.root });
  assert.equal(code, 4);
  const { error } = JSON.parse(stderr);
  assert.deepEqual([error.kind, error.code], ["not_found", 4]);
  assert.match(error.message, /nope/);
});

Deno.test({
  name: "output that cannot be written is an error in words",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using project = await makeProject({ files: { "tasks/one/prd.md": PRD } });
    await using ralph = await makeRalph();
    for (const args of [["tasks"], ["status", "--json"], ["--help"], ["doctor", "project"]]) {
      const shell = `exec "$0" "$@" > /dev/full`;
      const { code, stderr } = await new Deno.Command("sh", {
        args: ["-c", shell, ...RALPH, ...args],
        cwd: project.root,
        env: { HOME: ralph.home, DENO_DIR: Deno.env.get("DENO_DIR") ?? CACHE },
        stdin: "null",
      }).output();
      const said = new TextDecoder().decode(stderr);
      assert.equal(code, 1, `${args}: ${said}`);
      assert.match(said, /cannot write the output: No space left on device/, `${args}`);
      assert.doesNotMatch(said, /bug/, `${args}`);
    }
  },
});

Deno.test("help and version go to stdout and exit with 0", async () => {
  await using ralph = await makeRalph();
  for (const args of [["--help"], ["run", "--help"], ["status", "-h"], ["help"]]) {
    const { code, stdout, stderr } = await ralph(args, { cwd: ralph.home });
    assert.equal(code, 0);
    assert.match(stdout, /Usage: ralph/);
    assert.equal(stderr, "");
  }
  const { stdout } = await ralph(["--version"], { cwd: ralph.home });
  assert.match(stdout, /^ralph \d+\.\d+\.\d+ \(Deno \d+\.\d+\.\d+, SQLite 3\.\d+\.\d+\)\n$/);
  const alone = await ralph([], { cwd: ralph.home });
  assert.equal(alone.code, 0);
  assert.match(alone.stdout, /^This folder is in no git repository\./);
  assert.deepEqual([...Deno.readDirSync(ralph.home)], [], "nothing is written");
});

Deno.test("an empty status says what to do, on stderr", async () => {
  await using ralph = await makeRalph();
  const { code, stdout, stderr } = await ralph(["status"], { cwd: ralph.home });
  assert.deepEqual([code, stdout], [0, ""]);
  assert.match(stderr, /No sessions yet/);
  assert.equal((await ralph(["status", "--json"], { cwd: ralph.home })).stdout, "[]\n");
});

Deno.test("a database that cannot be used: exit 7, and it is left as it is", async () => {
  await using ralph = await makeRalph();
  const folder = join(ralph.home, ".local/share/ralph");
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(join(folder, "sessions.db"), "no database ".repeat(1000));
  const { code, stderr } = await ralph(["status"], { cwd: ralph.home });
  assert.equal(code, 7, stderr);
  assert.match(stderr, /cannot use the database .*sessions\.db.*It was left as it is/);
  assert.match(await Deno.readTextFile(join(folder, "sessions.db")), /^no database no database/);
});

Deno.test("nobody reads the output: the command ends without a word", async () => {
  await using ralph = await makeRalph();
  const child = ralph.start(["--help"], { cwd: ralph.home });
  await child.stdout.cancel();
  const [status, stderr] = await Promise.all([
    child.status,
    new Response(child.stderr).text(),
  ]);
  assert.equal(stderr, "");
  assert.equal(status.code, 0);
});

Deno.test("no HOME: a message instead of files in strange places", async () => {
  await using project = await makeProject({ files: { "tasks/one/prd.md": PRD } });
  await using ralph = await makeRalph();
  const { code, stderr } = await ralph(["run", "one"], { cwd: project.root, env: { HOME: "" } });
  assert.equal(code, 2);
  assert.match(stderr, /neither XDG_DATA_HOME nor HOME/);
  // What the hint says works also in a shell to which `~` is nothing without HOME, as to dash.
  const [, command] = /^hint: say where your home folder is: (.+)$/m.exec(stderr) ?? [];
  const said = await new Deno.Command("sh", {
    args: ["-c", `${command} && cd && pwd`],
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin" },
  }).output();
  assert.match(new TextDecoder().decode(said.stdout), /^\/./);
  assert.equal(await project.git("status", "--porcelain"), "");
});
