/** ralph on a machine with other users, and with repositories that others wrote. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { tickingAgent } from "../support/agent.ts";
import { TESTED } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { NO_SECOND_USER, startOtherUsersServer } from "../support/other_user.ts";
import { makeProject } from "../support/project.ts";
import { makeRalph, type Ralph } from "../support/ralph.ts";
import { startProxy } from "../support/recording_proxy.ts";
import { say, startModel } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";
import { ONE_STORY, oneStoryProject, statusOf } from "./one_story.ts";

const PASSWORD = "correct horse battery";
const AUTHORIZATION = `Basic ${btoa(`opencode:${PASSWORD}`)}`;

async function writePassword({ home }: Ralph): Promise<void> {
  const folder = join(home, ".config", "ralph");
  await Deno.mkdir(folder, { recursive: true });
  const text = `OPENCODE_SERVER_PASSWORD="${PASSWORD}"\n`;
  await Deno.writeTextFile(join(folder, "server.env"), text, { mode: 0o600 });
}

/** What asks for the password, and keeps what it is sent. */
function listening() {
  const received: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    received.push(request.headers.get("authorization") ?? "-");
    return new Response(null, { status: 401 });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    received,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test({
  name: "another user's server is sent nothing, by any command" +
    (NO_SECOND_USER ? ` (left out: ${NO_SECOND_USER})` : ""),
  ignore: NO_SECOND_USER !== undefined,
  async fn(t) {
    await using server = await startOtherUsersServer();
    await using project = await oneStoryProject();
    for (const hasPassword of [true, false]) {
      await using ralph = await makeRalph();
      if (hasPassword) await writePassword(ralph);
      const options = { cwd: project.root, env: { RALPH_SERVER: server.url } };
      for (
        const args of [
          ["run", "one"],
          ["run", "one", "--foreground"],
          ["attach", "--session", "ses_1", "--server", server.url],
        ]
      ) {
        await t.step(
          `${args.join(" ")}, ${hasPassword ? "with" : "without"} a password`,
          async () => {
            const { code, stderr } = await ralph(args, options);
            assert.equal(code, 6, stderr);
            assert.match(
              stderr,
              /cannot use the server at .*: it is another user's \(nobody, /,
            );
            assert.deepEqual(server.requests(), []);
          },
        );
      }
      await t.step(`doctor, ${hasPassword ? "with" : "without"} a password`, async () => {
        const { code, stdout } = await ralph(["doctor", "--json"], options);
        assert.equal(code, 1);
        const checks: { id: string; level: string; found: string }[] = JSON.parse(stdout).checks;
        const of = (id: string) => checks.find((one) => one.id === id) ?? assert.fail(id);
        assert.equal(of("service.port").level, "fail");
        assert.match(of("service.port").found, /is taken by a process of nobody/);
        assert.equal(of("server.answers").level, "fail");
        assert.equal(of("server.password").level, "skip");
        assert.deepEqual(server.requests(), []);
      });
    }
  },
});

Deno.test("a server that only the repository names gets no password", async (t) => {
  await using server = listening();
  await using project = await oneStoryProject();
  await using ralph = await makeRalph();
  await writePassword(ralph);
  await project.write("ralph.json", JSON.stringify({ server: server.url }));
  const options = { cwd: project.root };
  const sent = () => server.received.splice(0);

  await t.step("run says why, and which line names it", async () => {
    const { code, stderr } = await ralph(["run", "one"], options);
    assert.equal(code, 6, stderr);
    assert.match(stderr, /none was sent: only the project's `ralph\.json` names this server/);
    assert(stderr.includes(`"server": "${server.url}"`), stderr);
    assert.match(stderr, /\.config\/ralph\/config\.json/);
    assert.deepEqual([...new Set(sent())], ["-"]);
  });

  await t.step("doctor says it too", async () => {
    const { code, stdout } = await ralph(["doctor", "server"], options);
    assert.equal(code, 1);
    assert.match(stdout, /FAIL password matches .*only the project's `ralph\.json` names this/);
    assert.deepEqual([...new Set(sent())], ["-"]);
  });

  await t.step("one that the user names gets it", async () => {
    await ralph(["run", "one", "--server", server.url], options);
    assert.deepEqual([...new Set(sent())], [AUTHORIZATION]);
    await ralph(["run", "one"], { ...options, env: { RALPH_SERVER: server.url } });
    assert.deepEqual([...new Set(sent())], [AUTHORIZATION]);
    const config = join(ralph.home, ".config", "ralph", "config.json");
    await Deno.writeTextFile(config, JSON.stringify({ server: server.url }));
    await ralph(["run", "one"], options);
    assert.deepEqual([...new Set(sent())], [AUTHORIZATION]);
  });
});

for (const version of TESTED) {
  Deno.test(`doctor has the server run nothing of the repository, OpenCode ${version}`, async () => {
    await using model = await startModel(() => say("ready"));
    await using server = await startServer({ version, model });
    await using ralph = await makeRalph();
    const ran = join(ralph.home, "ran");
    const append = `import fs from "node:fs"; fs.appendFileSync(${JSON.stringify(ran)}, "x");`;
    const mcp = { own: { type: "local", command: ["sh", "-c", `echo x >> '${ran}'`] } };
    await using project = await makeProject({
      files: {
        "tasks/one/prd.md": ONE_STORY,
        ".opencode/plugin/own.js": `${append} export const Own = async () => ({});\n`,
        "opencode.json": JSON.stringify({ mcp, permission: { bash: { "rm *": "deny" } } }),
      },
    });
    await using proxy = await startProxy(server.url);
    const args = ["doctor", "--deep", "--json", "--server", proxy.url];
    const { stdout } = await ralph(args, { cwd: project.root });
    const checks: { id: string; level: string; found: string }[] = JSON.parse(stdout).checks;
    const of = (id: string) => checks.find((one) => one.id === id) ?? assert.fail(id);
    assert.equal(of("server.session").level, "ok", stdout);
    assert.equal(of("server.turn").level, "ok", stdout);
    assert.match(of("server.rules").found, /this project's opencode\.json adds: deny bash rm \*/);
    assert.equal(of("server.waiting").level, "skip");
    assert.equal(of("project.code").level, "warn");
    assert.match(
      of("project.code").found,
      /^\.opencode\/plugin\/own\.js; opencode\.json: mcp own: sh -c echo/,
    );
    // The server loads what a request is about: 1.18.33 does so late, where it finds no registry.
    const asked = proxy.requests.filter(({ path }) => path !== "/global/health");
    const own = join(ralph.home, ".local", "state", "ralph", "empty");
    assert.deepEqual([...new Set(asked.map(({ query }) => query.get("directory")))], [own]);
    assert.deepEqual([...Deno.readDirSync(own)], []);
    if (version !== "1.1.53") return;
    assert.throws(() => Deno.statSync(ran), Deno.errors.NotFound);
    const query = new URLSearchParams({ directory: project.root });
    await (await fetch(`${server.url}/session?${query}`)).body?.cancel();
    await until(() => existsSync(ran), { what: "what runs when the project is asked about" });
  });
}

Deno.test("run names what the repository has OpenCode run, before it asks the server", async () => {
  await using project = await makeProject({
    files: { "tasks/one/prd.md": ONE_STORY, ".opencode/tool/own\x1b.ts": "export default 1;\n" },
  });
  await using ralph = await makeRalph();
  await using server = listening();
  const { stderr } = await ralph(["run", "one", "--server", server.url], { cwd: project.root });
  assert.match(
    stderr,
    /^warning: this repository has OpenCode run, as you: \.opencode\/tool\/own\\x1b\.ts\n/,
  );
});

Deno.test({
  name: "a background worker has no key in its environment that git and gates have no use for",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using project = await oneStoryProject();
    await using model = await startModel(tickingAgent());
    await using server = await startServer({ version: "1.1.53", model, password: PASSWORD });
    await using ralph = await makeRalph();
    const out = (name: string) => join(ralph.home, name);
    // The worker is looked at while its gate waits.
    const gate = `env > '${out("gate")}'; until test -e '${out("seen")}'; do sleep 0.1; done`;
    await project.write(
      "ralph.json",
      JSON.stringify({ verify: [{ shell: gate }], gateEnv: ["WANTED_TOKEN"], finish: "tree" }),
    );
    await project.git("add", "ralph.json");
    await project.git("commit", "--quiet", "-m", "chore: a gate");
    const { code, stderr } = await ralph(["run", "one", "--server", server.url], {
      cwd: project.root,
      env: {
        OPENCODE_SERVER_PASSWORD: PASSWORD,
        SOME_API_KEY: "s3cret-key",
        WANTED_TOKEN: "s3cret-token",
        HTTPS_PROXY: "http://me:s3cret-proxy@127.0.0.1:9",
      },
    });
    assert.equal(code, 0, stderr);
    await until(() => existsSync(out("gate")), { what: "the gate to begin" });
    const [{ workerPid }] = await statusOf(ralph, project.root);
    const worker = (await Deno.readTextFile(`/proc/${workerPid}/environ`)).replaceAll("\0", "\n");
    await Deno.writeTextFile(out("seen"), "");
    assert.match(worker, /^PATH=/m);
    assert.doesNotMatch(worker, /s3cret|correct horse/);
    const ofGate = await Deno.readTextFile(out("gate"));
    assert.match(ofGate, /^WANTED_TOKEN=s3cret-token$/m);
    assert.doesNotMatch(ofGate, /s3cret-key|correct horse/);
    await until(async () => (await statusOf(ralph, project.root))[0].status === "completed", {
      what: "the session to complete",
    });
  },
});
