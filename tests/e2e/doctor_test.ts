/**
 * `ralph doctor` as users run it, with a real OpenCode and with what only looks like one. What it
 * says about a unit is in `tests/systemd/`.
 */
import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, dirname, join } from "node:path";
import { openStore } from "../../src/store/store.ts";
import { CLOSED_PORT } from "../support/closed_port.ts";
import { temporaryFolder } from "../support/folder.ts";
import { migrations } from "../support/migrations.ts";
import { NEWEST, TESTED } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject } from "../support/project.ts";
import { makeRalph, type Ralph, type RalphOptions } from "../support/ralph.ts";
import { startProxy, withhold } from "../support/recording_proxy.ts";
import { httpError, say, startModel } from "../support/scripted_model.ts";
import { GENEROUS_MS } from "../support/wait.ts";

const ROOT = new URL("../../", import.meta.url);
const PRD = "# PRD\n\n### US-001: Only\n\n- [ ] it is done\n";

interface Finding {
  id: string;
  group: string;
  title: string;
  level: "ok" | "warn" | "fail" | "skip";
  found: string | null;
  because: string | null;
  remedy: { text: string; command?: string }[];
  ms: number;
}

interface Report {
  code: number;
  ok: boolean;
  stdout: string;
  findings: readonly Finding[];
  finding(id: string): Finding;
}

/** The report as programs get it. */
async function report(
  ralph: Ralph,
  args: readonly string[],
  options: RalphOptions,
): Promise<Report> {
  const { code, stdout, stderr } = await ralph(["doctor", ...args, "--json"], options);
  assert.equal(stderr, "");
  const { schema, ok, checks } = JSON.parse(stdout);
  assert.equal(schema, 1);
  const findings: Finding[] = checks;
  return {
    code,
    ok,
    stdout,
    findings,
    finding: (id) => findings.find((one) => one.id === id) ?? assert.fail(`${id} was not run`),
  };
}

/**
 * Has the server load the folder that doctor asks about. On a busy machine that takes longer than a
 * check may wait, and these tests are about what is found then.
 */
async function load(url: string, { home }: Ralph, password?: string): Promise<void> {
  const directory = emptyFolder(home);
  await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
  const headers: HeadersInit = password === undefined
    ? {}
    : { authorization: `Basic ${btoa(`opencode:${password}`)}` };
  for (const path of ["session", "config/providers"]) {
    const query = new URLSearchParams({ directory });
    const response: Response = await fetch(`${url}/${path}?${query}`, { headers });
    assert.equal(response.status, 200, `${path}: ${await response.text()}`);
  }
}

const emptyFolder = (home: string) => join(home, ".local", "state", "ralph", "empty");

const levels = (findings: readonly Finding[]) => findings.map(({ id, level }) => `${id} ${level}`);

/** A server that is not OpenCode. */
async function standIn(listener: RequestListener): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };
}

async function paste(command: string, { home }: Ralph): Promise<void> {
  const { success, stderr } = await new Deno.Command("/bin/sh", {
    args: ["-c", command],
    env: { HOME: home },
    stdin: "null",
  }).output();
  assert(success, `${command}\n${new TextDecoder().decode(stderr)}`);
}

/** Every path below, with size and time of what is no folder. */
async function filesIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    const { size, mtime } = await Deno.lstat(path);
    found.push(isDirectory ? `${path}/` : `${path} ${size} ${mtime?.toISOString()}`);
    if (isDirectory) found.push(...await filesIn(path));
  }
  return found.sort();
}

for (const version of TESTED) {
  Deno.test(`doctor finds all well and leaves nothing there, OpenCode ${version}`, async () => {
    await using model = await startModel(() => say("ready"));
    const password = "correct horse battery";
    await using server = await startServer({ version, model, password });
    const gates = JSON.stringify({ verify: [["true"]] });
    await using project = await makeProject({
      files: { "tasks/one/prd.md": PRD, "ralph.json": gates },
    });
    await using ralph = await makeRalph();
    await load(server.url, ralph, password);
    const here = { cwd: project.root, env: { OPENCODE_SERVER_PASSWORD: password } };
    const sessions = async (): Promise<unknown[]> => {
      const query = new URLSearchParams({ directory: emptyFolder(ralph.home) });
      const headers = { authorization: `Basic ${btoa(`opencode:${password}`)}` };
      return await (await fetch(`${server.url}/session?${query}`, { headers })).json();
    };
    const before = await filesIn(ralph.home);

    const all = ["server", "project", "--server", server.url];
    const json = await report(ralph, [...all, "--strict"], here);
    assert.equal(json.code, 0, json.stdout);
    assert.equal(json.ok, true);
    assert.deepEqual(levels(json.findings).filter((level) => !level.endsWith(" ok")), [
      "server.waiting skip",
    ]);
    assert.match(json.finding("server.model").found ?? "", /^fake\/ok /);
    assert.equal(json.finding("server.version").found, version);
    assert.deepEqual(await sessions(), []);

    const text = await ralph(["doctor", ...all], here);
    assert.equal(text.code, 0, text.stdout);
    const rows = text.stdout.split("\n").filter((line) => line.startsWith("  "));
    assert.equal(rows.length, json.findings.length);
    json.findings.forEach(({ title, found, because }, i) => {
      assert.match(rows[i], found === null ? /^ {2}skip / : /^ {2}ok {3}/);
      const says = found ?? because ?? "?";
      assert(rows[i].includes(` ${title} `) && rows[i].endsWith(says), rows[i]);
    });
    const fine = json.findings.length - 1;
    assert.match(text.stdout, new RegExp(`\n${fine} checks fine, 1 skipped\\.\n$`));

    assert.equal(model.requests.length, 0, "a model was asked without --deep");
    const deep = await ralph(["doctor", "server.turn", "--deep", "--server", server.url], here);
    assert.equal(deep.code, 0, deep.stdout);
    // 1.1.53 counts the ten of thinking in its output, too
    assert.match(deep.stdout, /the agent answers +“ready” after \d.*, 1,0[56]0 tokens/);
    assert.equal(model.requests.length, 1);
    assert.deepEqual(await sessions(), []);
    assert.deepEqual(await filesIn(ralph.home), before);
  });
}

Deno.test("doctor on what is wrong with a real server", async (t) => {
  const password = "correct horse battery";
  await using model = await startModel(() => httpError(401));
  await using server = await startServer({ version: NEWEST, model });
  await using closed = await startServer({ version: NEWEST, model, password });
  await using project = await makeProject({ files: { "tasks/one/prd.md": PRD } });
  await using ralph = await makeRalph();
  await load(server.url, ralph);
  await load(closed.url, ralph, password);
  const here = { cwd: project.root };

  await t.step("a model that the server does not have", async () => {
    await project.write("ralph.json", '{ "model": "fake/okk" }');
    const { code, finding } = await report(ralph, ["server.model", "--server", server.url], here);
    assert.equal(code, 1);
    assert.match(finding("server.model").found ?? "", /^fake\/okk: the server does not know it/);
    assert.equal(finding("server.model").remedy[0].command, "opencode models fake");
    await Deno.remove(join(project.root, "ralph.json"));
  });

  await t.step("a provider that refuses is found by --deep alone", async () => {
    const at = ["--server", server.url];
    assert.equal((await report(ralph, ["server.session", "server.model", ...at], here)).code, 0);
    const { code, finding } = await report(ralph, ["server.turn", ...at, "--deep"], here);
    assert.equal(code, 1);
    assert.equal(finding("server.turn").level, "fail");
    assert.match(finding("server.turn").found ?? "", /401 on purpose/);
  });

  await t.step("a password that is missing, and its remedy", async () => {
    const args = ["server", "--server", closed.url];
    const { code, stdout, finding } = await report(ralph, args, here);
    assert.equal(code, 1);
    assert.equal(finding("server.answers").level, "ok");
    const { level, remedy } = finding("server.password");
    assert.equal(level, "fail");
    assert.equal(finding("server.session").level, "skip");
    assert(!stdout.includes(password));
    if (Deno.build.os !== "linux") return;
    await paste(remedy[0].command ?? "", ralph);
    const after = await report(ralph, args, here);
    assert.equal(after.code, 0, after.stdout);
    assert(!after.stdout.includes(password));
    const env = { OPENCODE_SERVER_PASSWORD: "wrong" };
    const hidden = await report(ralph, args, { ...here, env });
    assert.equal(
      hidden.finding("server.password").remedy[0].command,
      "unset OPENCODE_SERVER_PASSWORD",
    );
  });

  await t.step("one that is not asked when OpenCode sessions are made", async () => {
    await using proxy = await startProxy(server.url);
    proxy.intercept(({ method, path }, forward) =>
      method === "POST" && path === "/session" ? withhold() : forward()
    );
    const begin = performance.now();
    const { code, finding } = await report(ralph, ["server", "--server", proxy.url], here);
    assert(performance.now() - begin < GENEROUS_MS);
    assert.equal(code, 1);
    assert.equal(finding("server.answers").level, "ok");
    assert.equal(finding("server.model").level, "ok");
    assert.equal(finding("server.session").level, "fail");
    assert.match(finding("server.session").found ?? "", /within [\d.]+ s/);
    assert.equal(finding("server.events").level, "skip");
  });

  await t.step("one without events", async () => {
    await using proxy = await startProxy(server.url);
    proxy.intercept(({ path }, forward) => path.endsWith("/event") ? withhold() : forward());
    const { finding } = await report(ralph, ["server", "--server", proxy.url], here);
    assert.equal(finding("server.session").level, "ok", finding("server.session").found ?? "");
    assert.equal(finding("server.events").level, "warn");
  });
});

Deno.test("doctor on a server that is none", async (t) => {
  await using project = await makeProject();
  await using ralph = await makeRalph();
  const look = async (url: string) => {
    const begin = performance.now();
    const result = await report(ralph, ["server", "--server", url], { cwd: project.root });
    assert(performance.now() - begin < GENEROUS_MS);
    assert.equal(result.code, 1);
    assert.equal(result.ok, false);
    for (const id of ["password", "version", "session", "events", "model", "waiting"]) {
      assert.equal(result.finding(`server.${id}`).level, "skip", id);
    }
    return result.finding("server.answers");
  };

  await t.step("nothing listens", async () => {
    const { level, found, remedy } = await look(`http://127.0.0.1:${CLOSED_PORT}`);
    assert.equal(level, "fail");
    assert.match(found ?? "", /connection refused/);
    assert.match(
      remedy[0].command ?? "",
      new RegExp(
        `exec opencode serve --hostname 127\\.0\\.0\\.1 --port ${CLOSED_PORT}\\)$|^systemctl --user restart`,
      ),
    );
  });

  await t.step("it accepts, and never answers", async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { level, found } = await look(`http://127.0.0.1:${listener.addr.port}`);
    assert.equal(level, "fail");
    assert.match(found ?? "", /did not answer within 2 s/);
  });

  await t.step("it answers with a web page", async () => {
    await using server = await standIn((_, response) => {
      response.writeHead(200, { "content-type": "text/html" });
      response.end("<html>\x1b[31mhi</html>");
    });
    const { level, found } = await look(server.url);
    assert.equal(level, "fail");
    assert.match(found ?? "", /something else than OpenCode/);
  });

  await t.step("its port is named as the one that is taken", async () => {
    await using server = await standIn((_, response) => response.end("no"));
    const { finding } = await report(ralph, ["service.port", "--server", server.url], {
      cwd: project.root,
    });
    if (Deno.build.os !== "linux") return;
    assert.equal(finding("service.port").level, "fail");
    assert.match(finding("service.port").found ?? "", new RegExp(`\\(pid ${Deno.pid}\\)$`));
    assert.equal(finding("service.port").remedy[0].command, `kill ${Deno.pid}`);
  });
});

Deno.test("doctor: single checks, groups, the list, and words that it does not know", async () => {
  await using project = await makeProject();
  await using ralph = await makeRalph();
  const here = { cwd: project.root };

  const list = await ralph(["doctor", "--list"], here);
  assert.equal(list.code, 0);
  const ids = list.stdout.trimEnd().split("\n").map((line) => line.split(/ {2,}/)[0]);
  assert(ids.length > 30 && ids.includes("store.sound") && !ids.includes("server.turn"));
  const deep = await ralph(["doctor", "--list", "--deep"], here);
  assert.match(deep.stdout, /^server\.turn +the agent answers$/m);

  const one = await report(ralph, ["project.git"], here);
  assert.deepEqual(levels(one.findings), [
    "host.home ok",
    "host.git ok",
    "project.root ok",
    "project.git ok",
  ]);
  const group = await report(ralph, ["store"], here);
  assert.deepEqual(
    group.findings.map(({ id }) => id),
    ids.filter((id) => id === "host.home" || id.startsWith("store.")),
  );

  const cases: [readonly string[], RegExp][] = [
    [["project.gti"], /no check `project\.gti`[^]*did you mean `project\.git`\?[^]*doctor --list/],
    [["sevrer"], /did you mean `server`\?/],
    [["a\x1b[31m"], /no check `a\\x1b\[31m`/],
    [["server.turn"], /ralph doctor --deep server\.turn/],
    [["--sever", "x"], /--server/],
    [["--print-unit", "bogus"], /opencode, unattended, limits, hardening/],
    [["--server", "http://example.com"], /not on this machine/],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await ralph(["doctor", ...args], here);
    assert.equal(code, 2, `${args}: ${stderr}`);
    assert.equal(stdout, "");
    assert.match(stderr, message);
    assert(!stderr.includes("\x1b"));
  }
});

Deno.test("doctor --strict: a warning counts, and --json says what the text says", async () => {
  await using project = await makeProject();
  await using ralph = await makeRalph();
  const here = { cwd: project.root };
  await project.git("checkout", "--quiet", "--detach");
  const text = await ralph(["doctor", "project.git"], here);
  assert.equal(text.code, 0);
  const { finding, code, ok } = await report(ralph, ["project.git", "--strict"], here);
  assert.deepEqual([code, ok], [1, true]);
  const { title, found, because, remedy } = finding("project.git");
  assert.equal(
    text.stdout.slice(text.stdout.indexOf("  warn")),
    [
      `  warn ${title.padEnd(26)} ${found}`,
      `      ${because}`,
      `      # ${remedy[0].text}`,
      `      $ ${remedy[0].command}`,
      "",
      "3 checks fine, 1 warning.",
      "",
    ].join("\n"),
  );
  await paste(remedy[0].command ?? "", ralph);
  assert.equal((await ralph(["doctor", "project.git", "--strict"], here)).code, 0);
});

Deno.test("doctor --print-unit prints the files of systemd/, made to fit", async () => {
  using cwd = temporaryFolder();
  await using ralph = await makeRalph();
  const print = async (args: readonly string[], env: Record<string, string> = {}) => {
    const { code, stdout, stderr } = await ralph(["doctor", "--print-unit", ...args], {
      cwd: cwd.path,
      env,
    });
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const file = (name: string) => Deno.readTextFileSync(new URL(`systemd/${name}`, ROOT));
  // no `opencode` there that the unit's PATH would not find
  const PATH = `${dirname(Deno.execPath())}:/usr/bin:/bin`;
  const unit = file("opencode.service");
  assert.equal(await print([], { PATH }), unit);
  assert.equal(await print(["opencode"], { PATH }), unit);
  for (const name of ["unattended", "limits", "hardening"]) {
    assert.equal(await print([name]), file(`opencode.service.d/${name}.conf`), name);
  }
  const port = ["--server", "http://127.0.0.1:5999"];
  assert.equal(await print(port, { PATH }), unit.replace("--port 14096", "--port 5999"));

  // what lies in /tmp is left out of a unit: it may be gone when the server is started again
  using lasting = temporaryFolder("ralph-test-", "/var/tmp");
  const odd = join(lasting.path, "odd %h folder");
  await Deno.mkdir(odd);
  await Deno.writeTextFile(join(odd, "opencode"), "#!/bin/sh\n", { mode: 0o755 });
  assert.equal(
    await print([], { PATH: `${odd}:${PATH}` }),
    unit.replace('"PATH=', `"PATH=${odd.replace("%", "%%")}:`),
  );
});

Deno.test("doctor on a project: PRD, settings, git", async () => {
  await using project = await makeProject({ files: { "tasks/one/prd.md": PRD } });
  await using ralph = await makeRalph();
  const here = { cwd: project.root };
  assert.equal((await ralph(["doctor", "project"], here)).code, 0);

  await project.write("tasks/two/prd.json", '{"userStories": [}');
  await project.write("ralph.json", '{\n  "limits": { "iterations": "many\x1b" }\n}');
  await project.write(".git/index.lock", "");
  await Deno.mkdir(join(project.root, "tasks/three/prd.json"), { recursive: true });
  const text = await ralph(["doctor", "project"], here);
  assert.equal(text.code, 1);
  assert(!text.stdout.includes("\x1b"));
  const { code, finding } = await report(ralph, ["project"], here);
  assert.equal(code, 1);
  assert.match(finding("project.tasks").found ?? "", /tasks\/two\/prd\.json:1:18/);
  assert.equal(finding("project.tasks").level, "fail");
  assert.match(finding("project.settings").found ?? "", /ralph\.json:2:/);
  assert.equal(finding("project.settings").level, "fail");
  assert.equal(finding("project.git").level, "fail");
  await paste(finding("project.git").remedy[0].command ?? "", ralph);
  assert.equal((await report(ralph, ["project.git"], here)).code, 0);

  using outside = temporaryFolder();
  const skipped = await report(ralph, ["project"], { cwd: outside.path });
  assert.equal(skipped.code, 0);
  assert.equal(skipped.finding("project.root").level, "skip");
  assert.equal(skipped.finding("project.tasks").level, "skip");
});

const dataOf = ({ home }: Ralph) => join(home, ".local/share/ralph");

/** A database as ralph leaves it, with a session whose worker was killed. */
async function recordDeadWorker(ralph: Ralph, taskDir: string): Promise<string> {
  await Deno.mkdir(dataOf(ralph), { recursive: true, mode: 0o700 });
  const database = join(dataOf(ralph), "sessions.db");
  const store = openStore({ path: database, migrations, now: () => Date.now() });
  store.startSession(
    { taskName: basename(taskDir), taskDir, projectRoot: dirname(dirname(taskDir)) },
    {
      maxIterations: 10,
      serverUrl: "http://127.0.0.1:14096",
      serverPort: 14096,
      workerPid: 4_000_000,
      workerVersion: "0.0.0",
      accepted: false,
    },
    { settings: "{}", tree: "{}", choices: null },
  );
  store.close();
  return database;
}

Deno.test("doctor on what is stored: a dead worker, a signal left over", async () => {
  await using project = await makeProject({ files: { "tasks/one/prd.md": PRD } });
  await using ralph = await makeRalph();
  const here = { cwd: project.root };
  const taskDir = join(project.root, "tasks/one");
  await recordDeadWorker(ralph, taskDir);
  const before = await names(dataOf(ralph));

  const { code, finding } = await report(ralph, ["store"], here);
  assert.equal(code, 0);
  assert.equal(finding("store.database").level, "ok");
  assert.equal(finding("store.sound").level, "ok");
  const { level, found, remedy } = finding("store.workers");
  assert.equal(level, "warn");
  assert.match(found ?? "", /the worker of `one` is gone/);
  assert(remedy[0].command?.endsWith(` run ${taskDir}`), remedy[0].command);
  assert.deepEqual(await names(dataOf(ralph)), before, "doctor made a file");

  await Deno.mkdir(join(dataOf(ralph), "signals"));
  await Deno.writeTextFile(join(dataOf(ralph), "signals", "one-0123.signal"), "{}");
  const left = (await report(ralph, ["store.signals"], here)).finding("store.signals");
  assert.equal(left.level, "warn");
  await paste(left.remedy[0].command ?? "", ralph);
  assert.equal(
    (await report(ralph, ["store.signals"], here)).finding("store.signals").level,
    "ok",
  );
});

/** What is there, but for SQLite's own side files, which every reader makes. */
async function names(folder: string): Promise<string[]> {
  const files = await filesIn(folder);
  return files.filter((file) => !/-(wal|shm) /.test(file));
}

Deno.test("doctor on a damaged database: told, left as it is, and mended by what it says", async () => {
  await using project = await makeProject();
  await using ralph = await makeRalph();
  const here = { cwd: project.root };
  const database = await recordDeadWorker(ralph, join(project.root, "tasks/one"));
  const sound = await Deno.readFile(database);
  const spoilt = [
    // the header's count of free pages
    { at: 36, length: 4, check: "store.sound" },
    { at: 0, length: 16, check: "store.database" },
  ];
  for (const { at, length, check } of spoilt) {
    const bytes = sound.slice();
    bytes.fill(7, at, at + length);
    await Deno.writeFile(database, bytes);
    const { code, finding } = await report(ralph, ["store"], here);
    assert.equal(code, 1);
    assert.equal(finding(check).level, "fail", check);
    assert.deepEqual(await Deno.readFile(database), bytes);
    assert(finding(check).remedy[0].command);
    if (check !== "store.sound") continue;
    await paste(finding(check).remedy[0].command ?? "", ralph);
    assert.equal((await report(ralph, ["store"], here)).code, 0);
    assert.deepEqual(await Deno.readFile(`${database}.damaged/sessions.db`), bytes);
  }
});

Deno.test("doctor makes nothing, and needs nothing, in a home that is empty or unusable", async () => {
  await using project = await makeProject({ files: { "tasks/one/prd.md": PRD } });
  await using ralph = await makeRalph();
  const url = `http://127.0.0.1:${CLOSED_PORT}`;
  const before = await filesIn(project.root);
  const { code, stdout } = await report(ralph, ["--server", url], { cwd: project.root });
  assert.equal(code, 1, stdout);
  assert.deepEqual(await filesIn(ralph.home), []);
  assert.deepEqual(await filesIn(project.root), before);

  using folder = temporaryFolder();
  const notWritable = join(folder.path, "locked");
  await Deno.mkdir(notWritable, { mode: 0o500 });
  // in /proc not even root can make a file
  for (const HOME of ["/proc", notWritable, join(folder.path, "missing")]) {
    const result = await report(ralph, ["--server", url], { cwd: project.root, env: { HOME } });
    assert.equal(result.code, 1, HOME);
    assert.equal(result.finding("project.git").level, "ok", HOME);
    for (const { id, found } of result.findings) {
      assert.doesNotMatch(found ?? "", /the check itself failed/, `${HOME}: ${id}`);
    }
  }
  assert.deepEqual(await filesIn(folder.path), [`${notWritable}/`]);
});
