/** How systemd's answers are read. What it really answers is in `tests/systemd/`. */
import assert from "node:assert/strict";
import { userInfo } from "node:os";
import { logFrom, type Systemd, unitFrom } from "../../../../src/host/system/systemd.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { inOwnProcess } from "../../../support/own_process.ts";

const FILE = "/home/tester/.config/systemd/user/opencode.service";
/** In systemd's own order (252), which is not that of the question. */
const shown = (changes: Record<string, string> = {}) =>
  Object.entries({
    MainPID: "837",
    Result: "success",
    NRestarts: "0",
    ExecMainStatus: "0",
    ExecStart: "{ path=/usr/bin/env ; argv[]=/usr/bin/env opencode serve --port 14096 ; " +
      "ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }",
    ControlGroup: "/user.slice/user-1001.slice/user@1001.service/app.slice/opencode.service",
    Environment: "PATH=/home/tester/bin:/usr/bin OPENCODE_DISABLE_AUTOUPDATE=1",
    LoadState: "loaded",
    LoadError: "",
    ActiveState: "active",
    SubState: "running",
    FragmentPath: FILE,
    UnitFileState: "enabled",
    DropInPaths: "",
    NeedDaemonReload: "no",
    ActiveEnterTimestamp: "@1795199354",
    ...changes,
  }).map(([name, value]) => `${name}=${value}`).join("\n");

Deno.test("a unit that runs", () => {
  assert.deepEqual(unitFrom(shown()), {
    load: "loaded",
    loadError: "",
    active: "active",
    sub: "running",
    result: "success",
    exitStatus: 0,
    restarts: 0,
    fileState: "enabled",
    file: FILE,
    dropIns: [],
    pid: 837,
    controlGroup: "/user.slice/user-1001.slice/user@1001.service/app.slice/opencode.service",
    needsReload: false,
    command: ["/usr/bin/env", "opencode", "serve", "--port", "14096"],
    environment: ["PATH=/home/tester/bin:/usr/bin", "OPENCODE_DISABLE_AUTOUPDATE=1"],
    activeSince: Date.UTC(2026, 10, 20, 18, 29, 14),
  });
});

Deno.test("a unit that is not installed", () => {
  const unit = unitFrom(shown({
    MainPID: "0",
    LoadState: "not-found",
    LoadError: 'org.freedesktop.systemd1.NoSuchUnit "Unit opencode.service not found."',
    ActiveState: "inactive",
    SubState: "dead",
    FragmentPath: "",
    UnitFileState: "",
    ControlGroup: "",
    ExecStart: "",
    Environment: "",
    ActiveEnterTimestamp: "",
  }));
  assert.equal(unit.load, "not-found");
  assert.equal(unit.file, "");
  assert.deepEqual(unit.command, []);
  assert.deepEqual(unit.environment, []);
  assert.equal(unit.activeSince, undefined);
});

Deno.test("a unit between two starts, changed since, with drop-ins", () => {
  const unit = unitFrom(shown({
    MainPID: "0",
    Result: "exit-code",
    NRestarts: "5",
    ExecMainStatus: "3",
    ActiveState: "activating",
    SubState: "auto-restart",
    NeedDaemonReload: "yes",
    DropInPaths: "/home/tester/x.d/limits.conf /home/tester/x.d/own.conf",
  }));
  assert.equal(unit.active, "activating");
  assert.equal(unit.sub, "auto-restart");
  assert.equal(unit.exitStatus, 3);
  assert.equal(unit.restarts, 5);
  assert.equal(unit.needsReload, true);
  assert.deepEqual(unit.dropIns, ["/home/tester/x.d/limits.conf", "/home/tester/x.d/own.conf"]);
});

Deno.test("an answer that lacks what was asked for is no error", () => {
  for (const text of ["", "\n", "Failed to connect", "LoadState=loaded\n"]) {
    const unit = unitFrom(text);
    assert.equal(unit.load, text.includes("loaded") ? "loaded" : "");
    assert.equal(unit.pid, 0);
  }
});

const entry = (message: unknown, by = "opencode") =>
  JSON.stringify({ MESSAGE: message, SYSLOG_IDENTIFIER: by, __CURSOR: "s=1" });

Deno.test("the log is what the program said, oldest first", () => {
  const printed = [
    entry("Started opencode.service - opencode server.", "systemd"),
    entry("listening on http://127.0.0.1:14096"),
    entry("  "),
    entry(null),
    // not UTF-8: the bytes
    entry([98, 111, 255]),
    entry("Error: \u001b[31mno room"),
    "half a line {",
    "null",
    "",
  ].join("\n");
  assert.deepEqual(logFrom(printed), [
    "listening on http://127.0.0.1:14096",
    "Error: \u001b[31mno room",
  ]);
});

Deno.test("where the program said nothing, the log is what systemd said about it", () => {
  const printed = [
    entry("opencode.service: Failed to locate executable /x: No such file", "systemd"),
    entry("opencode.service: Failed with result 'exit-code'.", "systemd"),
  ].join("\n");
  assert.deepEqual(logFrom(printed).at(-1), "opencode.service: Failed with result 'exit-code'.");
  assert.equal(logFrom(printed).length, 2);
  assert.deepEqual(logFrom("-- No entries --"), []);
  assert.deepEqual(logFrom(""), []);
});

/** What the questions are answered, where these programs stand in place of the real ones, first on PATH. */
async function asked(
  scripts: Readonly<Record<string, string>>,
  questions: readonly (keyof Systemd)[],
): Promise<{ answers: unknown[]; notes: string }> {
  using folder = temporaryFolder();
  const notes = `${folder.path}/notes`;
  for (const [name, script] of Object.entries(scripts)) {
    const text = `#!/bin/sh\n${script.replaceAll("NOTES", notes)}\n`;
    Deno.writeTextFileSync(`${folder.path}/${name}`, text, { mode: 0o755 });
  }
  Deno.writeTextFileSync(notes, "");
  const source = (name: string) => new URL(`../../../../src/host/system/${name}`, import.meta.url);
  const answers = await inOwnProcess(
    async ({ systemd, clock, questions }) => {
      const { createSystemd } = await import(systemd);
      const { systemClock } = await import(clock);
      const one = createSystemd({ clock: systemClock, unit: "opencode.service" });
      const asking = questions.map((question) => one[question]("/x.service"));
      return (await Promise.all(asking)).map((answer) => answer ?? null);
    },
    { systemd: source("systemd.ts").href, clock: source("clock.ts").href, questions },
    { PATH: `${folder.path}:${Deno.env.get("PATH")}` },
  );
  return { answers, notes: Deno.readTextFileSync(notes) };
}

Deno.test("linger is on, off, or not known", async () => {
  const cases: [string, boolean | null][] = [
    ["echo yes", true],
    ["echo no", false],
    // logind knows no user who is neither logged in nor lingering
    ["echo 'Failed to get user: User ID 1001 is not logged in or lingering' >&2; exit 1", false],
    ["echo 'Failed to connect to bus: Connection refused' >&2; exit 1", null],
    ["echo 'System has not been booted with systemd as init system' >&2; exit 1", null],
  ];
  for (const [script, expected] of cases) {
    const { answers } = await asked({ loginctl: script }, ["linger"]);
    assert.deepEqual(answers, [expected], script);
  }
});

Deno.test("a question is asked once, for this user", async () => {
  const loginctl = 'echo "$@" >> NOTES; echo yes';
  const { answers, notes } = await asked({ loginctl }, ["linger", "linger"]);
  assert.deepEqual(answers, [true, true]);
  assert.equal(notes, `show-user ${userInfo().username} --property=Linger --value\n`);
});

const isSystemd = Deno.build.os === "linux" &&
  await Deno.lstat("/run/systemd/system").then(() => true, () => false);

Deno.test("without systemd nothing is asked of it", { ignore: isSystemd }, async () => {
  const programs = { systemctl: "echo running", journalctl: "echo '{}'" };
  const { answers } = await asked(programs, ["userManager", "unit", "log", "verify"]);
  const noManager = { reachable: false, problem: "no_systemd", said: "" };
  assert.deepEqual(answers, [noManager, null, [], []]);
});
