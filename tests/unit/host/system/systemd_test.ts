/** How systemd's answers are read. What it really answers is in `tests/systemd/`. */
import assert from "node:assert/strict";
import { userInfo } from "node:os";
import { systemClock as clock } from "../../../../src/host/system/clock.ts";
import { createSystemd, logFrom, unitFrom } from "../../../../src/host/system/systemd.ts";
import { temporaryFolder } from "../../../support/folder.ts";

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

/** Programs that answer in place of the real ones, first on PATH. */
function programs(scripts: Readonly<Record<string, string>>): Disposable & { path: string } {
  const folder = temporaryFolder();
  for (const [name, script] of Object.entries(scripts)) {
    Deno.writeTextFileSync(`${folder.path}/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const before = Deno.env.get("PATH") ?? "";
  Deno.env.set("PATH", `${folder.path}:${before}`);
  return {
    path: folder.path,
    [Symbol.dispose]() {
      Deno.env.set("PATH", before);
      folder[Symbol.dispose]();
    },
  };
}

const systemd = () => createSystemd({ clock, unit: "opencode.service" });

Deno.test("linger is on, off, or not known", async () => {
  const cases: [string, boolean | undefined][] = [
    ["echo yes", true],
    ["echo no", false],
    // logind knows no user who is neither logged in nor lingering
    ["echo 'Failed to get user: User ID 1001 is not logged in or lingering' >&2; exit 1", false],
    ["echo 'Failed to connect to bus: Connection refused' >&2; exit 1", undefined],
    ["echo 'System has not been booted with systemd as init system' >&2; exit 1", undefined],
  ];
  for (const [script, expected] of cases) {
    using _programs = programs({ loginctl: script });
    assert.equal(await systemd().linger(), expected, script);
  }
});

Deno.test("a question is asked once, for this user", async () => {
  using folder = programs({ loginctl: 'echo "$@" >> "${0%/*}/asked"; echo yes' });
  const asked = systemd();
  assert.deepEqual(await Promise.all([asked.linger(), asked.linger()]), [true, true]);
  assert.equal(
    Deno.readTextFileSync(`${folder.path}/asked`),
    `show-user ${userInfo().username} --property=Linger --value\n`,
  );
});

const isSystemd = Deno.build.os === "linux" &&
  await Deno.lstat("/run/systemd/system").then(() => true, () => false);

Deno.test("without systemd nothing is asked of it", { ignore: isSystemd }, async () => {
  using _programs = programs({ systemctl: "echo running", journalctl: "echo '{}'" });
  const none = systemd();
  assert.deepEqual(await none.userManager(), {
    reachable: false,
    problem: "no_systemd",
    said: "",
  });
  assert.equal(await none.unit(), undefined);
  assert.deepEqual(await none.log(), []);
  assert.deepEqual(await none.verify("/x.service"), []);
});
