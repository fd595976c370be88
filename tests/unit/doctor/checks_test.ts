/** Each check, on a machine where all is well but for one thing. */
import assert from "node:assert/strict";
import picocolors from "picocolors";
import { GROUPS, type Level } from "../../../src/doctor/check.ts";
import { allChecks } from "../../../src/doctor/checks.ts";
import type { Probes } from "../../../src/doctor/probes.ts";
import { MARKS, reportLines } from "../../../src/doctor/report.ts";
import { type Result, runChecks, selectChecks } from "../../../src/doctor/run_checks.ts";
import { RalphError } from "../../../src/error.ts";
import { systemClock } from "../../../src/host/system/clock.ts";
import { OpenCodeError } from "../../../src/opencode/error.ts";
import {
  healthy,
  NOW,
  OPENCODE,
  problemOf,
  UNIT_FILE,
  withManager,
  withModels,
  withoutAnswer,
  withProject,
  withRepository,
  withServer,
  withStore,
  withTasks,
  withUnit,
} from "./healthy.ts";

const checks = allChecks({ deep: true });

/** All results; each failure must have a command that mends it, and no line may be hostile. */
async function diagnose(
  spoiled: Partial<Probes>,
  chosen = checks,
): Promise<ReadonlyMap<string, Result>> {
  const results = await runChecks(chosen, {
    probes: { ...healthy, ...spoiled },
    clock: systemClock,
  });
  for (const result of results) {
    if (result.level !== "fail") continue;
    assert(result.remedy[0].command, `${result.id} has no command: ${result.found}`);
    assert.doesNotMatch(result.found, /the check itself failed|no answer within/, result.id);
  }
  const look = { marks: MARKS.words, colors: picocolors.createColors(false), columns: Infinity };
  for (const line of reportLines(results, look, "times")) assert.doesNotMatch(line, /\p{Cc}/u);
  return new Map(results.map((result) => [result.id, result]));
}

/** What a result says, on one line. */
function words(result: Result): string {
  const found = "found" in result ? result.found : "";
  const because = "because" in result ? result.because : "";
  return `${found} | ${because}`;
}

interface Case {
  name: string;
  spoiled: Partial<Probes>;
  id: string;
  level: Level;
  says?: RegExp;
  /** Those of its remedies, in their order. */
  commands?: readonly RegExp[];
}

async function judge({ spoiled, id, level, says, commands }: Case): Promise<void> {
  const result = (await diagnose(spoiled)).get(id);
  assert(result, `there is no check ${id}`);
  assert.equal(result.level, level, words(result));
  if (says) assert.match(words(result), says);
  if (commands) {
    const remedies = "remedy" in result ? result.remedy : [];
    const shown = JSON.stringify(remedies);
    assert.equal(remedies.length, commands.length, shown);
    remedies.forEach(({ command }, i) => assert.match(command ?? "", commands[i], shown));
  }
}

function cases(list: readonly Case[]): void {
  for (const one of list) Deno.test(`${one.id}: ${one.name}`, () => judge(one));
}

const REINSTALL =
  /^cp (\S+) \1\.old && ralph doctor --print-unit > \1\.new && mv \1\.new \1 && systemctl .*restart/;
const RESTART = /^systemctl --user restart opencode\.service$/;
const START = /^systemctl --user start opencode\.service$/;
const LOG = /^journalctl --user -u opencode\.service -n 50 --no-pager$/;
const ENABLE = /^systemctl --user enable opencode\.service$/;
const NO_FILE = (...missing: readonly string[]): Partial<Probes> => ({
  exists: (path) => !missing.includes(path) && healthy.exists(path),
});
const NO_PROGRAM = (missing: string): Partial<Probes> => ({
  program: (name) => name === missing ? undefined : healthy.program(name),
});
const NO_MANAGER = { reachable: false, problem: "no_manager", said: "no medium\x1b[31m" } as const;
const NO_SYSTEMD = { reachable: false, problem: "no_systemd", said: "" } as const;
const heldBy = (...holders: NonNullable<Awaited<ReturnType<Probes["listeners"]>>>) => ({
  listeners: () => Promise.resolve(holders),
});
const OTHER = { address: "127.0.0.1", uid: 1000, pid: 4711, command: "nc -l\x1b[31m 14096" };

Deno.test("asked for the server alone, the doctor says of OpenCode's own service what it is", async () => {
  const spoiled = {
    ...heldBy({ ...OTHER, command: "/usr/bin/opencode2 serve --service" }),
    ...withoutAnswer("unauthorized"),
  };
  const found = await diagnose(spoiled, checks.filter(({ group }) => group === "Server"));
  const answers = found.get("server.answers");
  assert(answers?.level === "fail", answers?.level);
  assert.match(answers.remedy[0].command ?? "", /^\/usr\/bin\/opencode2 service stop$/);
  assert.equal(found.get("server.password")?.level, "skip");
});

Deno.test("every check has an id of its own, in its group, and follows what it needs", () => {
  const ids = checks.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  checks.forEach(({ id, group, needs = [], after = [] }, i) => {
    assert.match(id, new RegExp(`^${group.toLowerCase()}\\.[a-z_]+$`));
    for (const other of [...needs, ...after]) {
      assert(ids.slice(0, i).includes(other), `${id} names ${other}, which is not before it`);
    }
  });
  const groups = checks.map(({ group }) => GROUPS.indexOf(group));
  assert.deepEqual(groups, groups.toSorted((a, b) => a - b), "the groups are not together");
});

Deno.test("only --deep has the check that costs a model call", () => {
  const usual = allChecks({ deep: false }).map(({ id }) => id);
  assert.deepEqual(checks.map(({ id }) => id).filter((id) => !usual.includes(id)), ["server.turn"]);
});

Deno.test("docs/doctor.md has a line for each check, and for no other", () => {
  const text = Deno.readTextFileSync(new URL("../../../docs/doctor.md", import.meta.url));
  const rows = text.matchAll(/^\| `([a-z]+\.[a-z_]+)` +\|/gm);
  assert.deepEqual([...rows].map(([, id]) => id), checks.map(({ id }) => id));
});

Deno.test("where all is well, every check says so", async () => {
  const results = await diagnose({});
  assert.deepEqual([...results.values()].filter(({ level }) => level !== "ok").map(words), []);
  const found = (id: string) => words(results.get(id) ?? assert.fail(id));
  assert.match(found("service.port"), /^14096: opencode\.service \(pid 700\)/);
  assert.match(found("service.active"), /^running for 1h \(pid 700\)/);
  assert.match(found("server.model"), /^acme\/large \(OpenCode's setting\)/);
  assert.match(found("server.turn"), /^“ready” after 1\.2s, 1,050 tokens/);
  assert.match(found("store.workers"), /^1, each with its worker/);
  assert.match(found("project.tasks"), /^2 tasks, 1 with open stories/);
});

Deno.test("with another's HOME one thing is said, and nothing else is looked at", async () => {
  const foreignHome = { owner: "ben\x1b", ownHome: "/root" };
  const names = { ...healthy.names, user: "root", uid: 0, foreignHome };
  const results = [...(await diagnose({ names })).values()];
  const [home, ...others] = results;
  assert.equal(words(home).split(" | ")[0], "HOME (/home/ann) is ben\\x1b's, and you are root");
  assert.deepEqual(others.filter(({ level }) => level !== "skip"), []);
  assert.equal(selectChecks(checks, ["project.git"])[0].id, "host.home");
});

cases([
  {
    name: "this shell does not lead to the user manager",
    spoiled: withManager({ reachable: true, state: "running", runtimeDir: "/run/user/1000" }, {
      linger: true,
    }),
    id: "host.systemd",
    level: "warn",
    commands: [/^export XDG_RUNTIME_DIR=\/run\/user\/1000$/],
  },
  {
    name: "no systemd",
    spoiled: withManager(NO_SYSTEMD),
    id: "host.systemd",
    level: "warn",
    says: /not run by systemd/,
    commands: [],
  },
  {
    name: "systemd hangs",
    spoiled: withManager({ reachable: false, problem: "late", said: "" }),
    id: "host.systemd",
    level: "fail",
    commands: [/^systemctl status user@1000\.service$/],
  },
  {
    name: "another user's bus",
    spoiled: withManager({ reachable: false, problem: "denied", said: "Permission denied" }),
    id: "host.systemd",
    level: "fail",
    commands: [/^export XDG_RUNTIME_DIR=\/run\/user\/1000$/],
  },
  {
    name: "another user's bus, by its address alone",
    spoiled: withManager({
      reachable: false,
      problem: "denied",
      said: "Permission denied",
      astray: ["DBUS_SESSION_BUS_ADDRESS"],
    }),
    id: "host.systemd",
    level: "fail",
    commands: [/^unset DBUS_SESSION_BUS_ADDRESS$/],
  },
  {
    name: "both lead elsewhere, and one's own manager runs",
    spoiled: withManager({
      reachable: true,
      state: "running",
      runtimeDir: "/run/user/1000",
      astray: ["XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"],
    }, { linger: true }),
    id: "host.systemd",
    level: "warn",
    commands: [/^export XDG_RUNTIME_DIR=\/run\/user\/1000$/, /^unset DBUS_SESSION_BUS_ADDRESS$/],
  },
  {
    name: "nobody is logged in, and linger may be switched on",
    spoiled: withManager(NO_MANAGER),
    id: "host.systemd",
    level: "fail",
    says: /no medium/,
    commands: [
      /^loginctl enable-linger ann$/,
      /^export XDG_RUNTIME_DIR=\/run\/user\/1000 && ralph doctor host\.systemd$/,
    ],
  },
  {
    name: "nobody is logged in, and root is needed",
    spoiled: withManager(NO_MANAGER, { mayLinger: false }),
    id: "host.systemd",
    level: "fail",
    commands: [/^sudo loginctl enable-linger ann$/, /^export XDG_RUNTIME_DIR=/],
  },
  {
    name: "linger is on, and it does not run all the same",
    spoiled: withManager(NO_MANAGER, { linger: true }),
    id: "host.systemd",
    level: "fail",
    says: /should have started/,
    commands: [/^systemctl status user@1000\.service$/],
  },
  {
    name: "off, and may be switched on",
    spoiled: withManager({ reachable: true, state: "running" }, { linger: false }),
    id: "host.linger",
    level: "fail",
    says: /linger is off for ann/,
    commands: [/^loginctl enable-linger ann$/],
  },
  {
    name: "off, and root is needed",
    spoiled: withManager({ reachable: true, state: "running" }, {
      linger: false,
      mayLinger: false,
    }),
    id: "host.linger",
    level: "fail",
    commands: [/^sudo loginctl enable-linger ann$/],
  },
  {
    name: "off, root is needed, and there is no sudo",
    spoiled: {
      ...withManager({ reachable: true, state: "running" }, { linger: false, mayLinger: false }),
      ...NO_PROGRAM("sudo"),
    },
    id: "host.linger",
    level: "fail",
    commands: [/^su -c 'loginctl enable-linger ann'$/],
  },
  {
    name: "nobody says",
    spoiled: withManager({ reachable: true, state: "running" }),
    id: "host.linger",
    level: "warn",
    commands: [/^loginctl show-user ann$/],
  },
  {
    name: "no user manager to ask about",
    spoiled: withManager(NO_SYSTEMD),
    id: "host.linger",
    level: "skip",
  },
  {
    name: "nearly full",
    spoiled: { freeBytes: () => 0.1 * 1024 ** 3 },
    id: "host.space",
    level: "fail",
    says: /^0\.1 GB free/,
    commands: [/^du -xh .* \/home\/ann \|/],
  },
  {
    name: "the project's disk is the fuller one",
    spoiled: { freeBytes: (folder) => (folder.endsWith("shop") ? 1 : 50) * 1024 ** 3 },
    id: "host.space",
    level: "warn",
    says: /^1\.0 GB free at \/home\/ann\/shop/,
  },
  ...["/home/ann/.local/share/ralph", "/home/ann/.local/state/ralph"].map((full): Case => ({
    name: `the disk of ${full} is full`,
    spoiled: { freeBytes: (folder) => (folder === full ? 0 : 50) * 1024 ** 3 },
    id: "host.space",
    level: "fail",
    says: new RegExp(`^0\\.0 GB free at ${full}`),
  })),
  {
    name: "it cannot be told",
    spoiled: { freeBytes: () => undefined },
    id: "host.space",
    level: "skip",
  },
  {
    name: "no git",
    spoiled: NO_PROGRAM("git"),
    id: "host.git",
    level: "fail",
    commands: [/^sudo apt-get install -y git$/],
  },
  {
    name: "git does not say its version",
    spoiled: { versionOf: () => Promise.resolve(undefined) },
    id: "host.git",
    level: "ok",
    says: /version unknown/,
  },
  {
    name: "they are not installed",
    spoiled: {
      completions: {
        shell: "zsh",
        file: "/home/ann/a b/.zshrc",
        text: "# source <(ralph completions zsh)\n",
      },
    },
    id: "host.completions",
    level: "skip",
    says: /installed: printf '\\n%s\\n' 'source <\(ralph completions zsh\)' >> ~\/'a b\/\.zshrc'$/,
  },
  {
    name: "an empty file, as a command leaves it that was not found",
    spoiled: { completions: { shell: "fish", file: "/home/ann/ralph.fish", text: "" } },
    id: "host.completions",
    level: "skip",
    says: /: mkdir -p \/home\/ann && ralph completions fish > ~\/ralph\.fish$/,
  },
  {
    name: "another `ralph` on PATH",
    spoiled: { names: { ...healthy.names, ralph: "/opt/ralph/bin/ralph" } },
    id: "host.completions",
    level: "skip",
    says: /not this program/,
  },
  {
    name: "another shell",
    spoiled: { completions: undefined },
    id: "host.completions",
    level: "skip",
  },
]);

cases([
  {
    name: "no opencode",
    spoiled: { program: () => undefined },
    id: "service.opencode",
    level: "fail",
    commands: [/opencode\.ai\/install/],
  },
  {
    name: "only under the second name of OpenCode 2",
    spoiled: { program: (name) => name === "opencode" ? undefined : `/opt/o's/${name}` },
    id: "service.opencode",
    level: "fail",
    says: /no program `opencode`, only \/opt\/o's\/opencode2/,
    commands: [/^mkdir -p (\S+) && ln -s '\/opt\/o'\\''s\/opencode2' \1\/opencode$/],
  },
  {
    name: "an opencode that does not run",
    spoiled: {
      versionOf: () => Promise.resolve(undefined),
      refusalOf: () => Promise.resolve("Error: its postinstall script was not run.\x1b"),
    },
    id: "service.opencode",
    level: "fail",
    says: /does not run: Error: its postinstall script was not run\.\\x1b/,
    commands: [/opencode --version$/, /opencode\.ai\/install/],
  },
  {
    name: "opencode does not say its version",
    spoiled: { versionOf: () => Promise.resolve(undefined) },
    id: "service.opencode",
    level: "warn",
    says: /version unknown/,
    commands: [/opencode --version$/],
  },
  {
    name: "a version that was not tested",
    spoiled: { versionOf: () => Promise.resolve("1.19.0\x1b[31m") },
    id: "service.opencode",
    level: "warn",
    says: /1\.1\.53 to 1\.18/,
  },
  {
    name: "an OpenCode 2 is no reason to take another",
    spoiled: { versionOf: () => Promise.resolve("opencode v2.0.16") },
    id: "service.opencode",
    level: "warn",
    says: /opencode v2\.0\.16 .* of OpenCode 2, no release was tested/,
    commands: [/doctor --deep server\.turn$/],
  },
  {
    name: "it cannot be told who has it",
    spoiled: { listeners: () => Promise.resolve(undefined) },
    id: "service.port",
    level: "warn",
    says: /does not say who listens there.*before the password is sent/,
    commands: [/^lsof -nP -iTCP:14096 -sTCP:LISTEN$/],
  },
  { name: "nobody has it", spoiled: heldBy(), id: "service.port", level: "ok" },
  {
    name: "open to the network",
    spoiled: heldBy({ ...OTHER, address: "0.0.0.0", pid: 700 }),
    id: "service.port",
    level: "fail",
    says: /open to the network \(0\.0\.0\.0\)/,
    commands: [/^kill 700$/],
  },
  {
    name: "open to the network by IPv6, of another user",
    spoiled: heldBy({ address: "127.0.0.1", uid: 0 }, { address: "::", uid: 0 }),
    id: "service.port",
    level: "fail",
    commands: [/^sudo ss -ltnp 'sport = :14096'$/],
  },
  {
    name: "a process of another user",
    spoiled: { ...heldBy({ address: "127.0.0.1", uid: 1001 }), ...withoutAnswer("not_opencode") },
    id: "service.port",
    level: "fail",
    says: /taken by a process of user 1001/,
    commands: [/^sudo ss /, /config\.json && ralph doctor service$/],
  },
  {
    name: "an OpenCode of another user",
    spoiled: {
      ...heldBy({ address: "127.0.0.1", uid: 1001, user: "bob\x1b" }),
      ...withManager(NO_SYSTEMD),
    },
    id: "service.port",
    level: "fail",
    says: /taken by a process of bob\\x1b.*no password/,
    commands: [
      /^sudo ss /,
      /^mkdir -p (\S+) && echo '\{ "server": "http:\/\/127\.0\.0\.1:14097" \}' > \1\/config\.json && /,
    ],
  },
  {
    name: "an OpenCode below a unit of the system, which would start it again",
    spoiled: heldBy({ ...OTHER, controlGroup: "/system.slice/opencode.service" }),
    id: "service.port",
    level: "warn",
    commands: [/^sudo systemctl stop opencode\.service$/],
  },
  {
    name: "an OpenCode below another unit of this user",
    spoiled: heldBy({
      ...OTHER,
      controlGroup: "/user.slice/user-1000.slice/user@1000.service/app.slice/oc.service",
    }),
    id: "service.port",
    level: "warn",
    commands: [/^systemctl --user stop oc\.service$/],
  },
  {
    name: "an OpenCode that cron has started",
    spoiled: heldBy({ ...OTHER, controlGroup: "/system.slice/cron.service" }),
    id: "service.port",
    level: "warn",
    commands: [/^kill 4711$/],
  },
  {
    name: "one of another user beside one's own",
    spoiled: {
      ...heldBy(OTHER, { address: "::1", uid: 1001 }),
      isForeign: ({ uid }) => uid === 1001,
    },
    id: "service.port",
    level: "fail",
    says: /user 1001/,
  },
  {
    name: "another program of this user",
    spoiled: { ...heldBy(OTHER), ...withoutAnswer("not_opencode") },
    id: "service.port",
    level: "fail",
    says: /taken by nc -l\\x1b\[31m 14096 \(pid 4711\)/,
    commands: [/^kill 4711$/],
  },
  {
    name: "an OpenCode that asks for a password is no other program",
    spoiled: { ...heldBy(OTHER), ...withoutAnswer("unauthorized") },
    id: "service.port",
    level: "warn",
    says: /another OpenCode, not the unit's/,
  },
  {
    name: "OpenCode's own background service",
    spoiled: heldBy({ ...OTHER, command: "/usr/bin/opencode serve --service" }),
    id: "service.port",
    level: "fail",
    says: /takes up by itself what was interrupted/,
    commands: [/^\/usr\/bin\/opencode service stop$/, REINSTALL],
  },
  {
    name: "OpenCode's own background service, which no password of ralph's helps",
    spoiled: {
      ...heldBy({ ...OTHER, command: "/usr/bin/opencode2 serve --service" }),
      ...withoutAnswer("unauthorized"),
    },
    id: "server.answers",
    level: "skip",
    says: /own background service: see Service/,
  },
  {
    name: "another OpenCode",
    spoiled: heldBy(OTHER),
    id: "service.port",
    level: "warn",
    says: /another OpenCode, not the unit's/,
    commands: [/^kill 4711$/],
  },
  {
    name: "an OpenCode where there is no systemd",
    spoiled: { ...heldBy(OTHER), ...withManager(NO_SYSTEMD) },
    id: "service.port",
    level: "ok",
    says: /pid 4711/,
  },
  {
    name: "a child of the unit's process",
    spoiled: heldBy({
      ...OTHER,
      controlGroup: "/user.slice/user@1000.service/app.slice/opencode.service/child",
    }),
    id: "service.port",
    level: "ok",
    says: /opencode\.service \(pid 4711\)/,
  },
  {
    name: "no unit, and nothing answers",
    spoiled: { ...withUnit({ load: "not-found", file: "" }), ...withoutAnswer("unreachable") },
    id: "service.installed",
    level: "fail",
    says: /there is no opencode\.service/,
    commands: [
      /^\(umask 077 && .*\/dev\/urandom.*\) && mkdir -p \S+systemd\/user && ralph doctor --print-unit > (\S+)\.new && mv \1\.new \1 && .*enable --now opencode\.service && ralph doctor.* server\.answers$/,
    ],
  },
  {
    name: "no unit, and the configured port is another one",
    spoiled: {
      ...withUnit({ load: "not-found", file: "" }),
      ...withoutAnswer("unreachable"),
      names: { ...healthy.names, port: 5000, serverUrl: "http://127.0.0.1:5000" },
    },
    id: "service.installed",
    level: "fail",
    commands: [/ralph doctor --server http:\/\/127\.0\.0\.1:5000 --print-unit >/],
  },
  {
    name: "no unit, and a server answers",
    spoiled: withUnit({ load: "not-found", file: "" }),
    id: "service.installed",
    level: "warn",
    says: /nobody keeps the server/,
  },
  {
    name: "masked",
    spoiled: { ...withUnit({ load: "masked" }), ...withoutAnswer("unreachable") },
    id: "service.installed",
    level: "fail",
    commands: [/^systemctl --user unmask opencode\.service && \(umask 077 .*\) && mkdir/],
  },
  {
    name: "by its file, where the user manager is away",
    spoiled: withManager(NO_MANAGER),
    id: "service.installed",
    level: "ok",
  },
  {
    name: "no file, and the user manager is away",
    spoiled: { ...withManager(NO_MANAGER), ...NO_FILE(UNIT_FILE), ...withoutAnswer("unreachable") },
    id: "service.installed",
    level: "fail",
  },
  {
    name: "masked by its file, where the user manager is away",
    spoiled: {
      ...withManager(NO_MANAGER),
      ...withoutAnswer("unreachable"),
      mode: () => ({ mode: 0o777, uid: 1000, isLinkTo: "/dev/null" }),
    },
    id: "service.installed",
    level: "fail",
    says: /is masked/,
  },
  {
    name: "no systemd",
    spoiled: withManager(NO_SYSTEMD),
    id: "service.installed",
    level: "skip",
  },
  {
    name: "systemd refuses it",
    spoiled: withUnit({ load: "bad-setting", loadError: "Invalid argument" }, {
      verify: ["opencode.service: Service has no ExecStart=\x1b[31m. Refusing."],
    }),
    id: "service.loaded",
    level: "fail",
    says: /has no ExecStart=\\x1b/,
    commands: [REINSTALL],
  },
  {
    name: "a line that systemd ignores",
    spoiled: withUnit({}, { verify: [`${UNIT_FILE}:4: Failed to parse, ignoring: sometimes`] }),
    id: "service.loaded",
    level: "warn",
    says: /^line 4: Failed to parse/,
    commands: [REINSTALL],
  },
  {
    name: "changed since systemd read it",
    spoiled: withUnit({ needsReload: true }),
    id: "service.loaded",
    level: "warn",
    commands: [/^systemctl --user daemon-reload$/],
  },
  {
    name: "with drop-ins",
    spoiled: withUnit({ dropIns: ["/home/ann/x.d/limits.conf", "/etc/y.d/b.conf"] }),
    id: "service.loaded",
    level: "ok",
    says: /drop-ins limits\.conf, b\.conf/,
  },
  {
    name: "cannot be told where the user manager is away",
    spoiled: withManager(NO_MANAGER),
    id: "service.loaded",
    level: "skip",
  },
  {
    name: "another port",
    spoiled: withUnit({ command: [OPENCODE, "serve", "--port", "4096"] }),
    id: "service.command",
    level: "fail",
    says: /port 4096, not 14096/,
    commands: [REINSTALL],
  },
  {
    name: "OpenCode's own background service, in a unit",
    spoiled: withUnit({ command: [OPENCODE, "serve", "--service", "--port", "14096"] }),
    id: "service.command",
    level: "fail",
    says: /takes up by itself what was interrupted/,
    commands: [REINSTALL],
  },
  {
    name: "no port",
    spoiled: withUnit({ command: [OPENCODE, "serve\x1b"] }),
    id: "service.command",
    level: "fail",
    says: /serve\\x1b: port not said/,
  },
  {
    name: "a port that is no number",
    spoiled: withUnit({ command: [OPENCODE, "serve", "--port", "$PORT"] }),
    id: "service.command",
    level: "fail",
    says: /--port \$PORT: port not said, not 14096/,
  },
  {
    name: "open to the network",
    spoiled: withUnit({
      command: [OPENCODE, "serve", "--port=14096", "--hostname=0.0.0.0"],
    }),
    id: "service.command",
    level: "fail",
    says: /listens on 0\.0\.0\.0/,
    commands: [REINSTALL],
  },
  {
    name: "its program is not there",
    spoiled: withUnit({ command: ["/nowhere/opencode", "serve", "--port", "14096"] }),
    id: "service.command",
    level: "fail",
    says: /^\/nowhere\/opencode is not there/,
    commands: [REINSTALL],
  },
  {
    name: "its program is not in its PATH",
    spoiled: withUnit({ environment: ["PATH=/usr/bin:/bin"] }),
    id: "service.command",
    level: "fail",
    says: /^opencode \(in the unit's PATH\) is not there/,
  },
  {
    name: "env with options, a variable and a path",
    spoiled: withUnit({
      command: ["/usr/bin/env", "-u", "A=b", "/nowhere/opencode", "serve", "--port=14096"],
    }),
    id: "service.command",
    level: "fail",
    says: /^\/nowhere\/opencode is not there/,
  },
  {
    name: "its PATH is systemd's own, which is not known",
    spoiled: withUnit({ environment: [] }),
    id: "service.command",
    level: "ok",
  },
  {
    name: "disabled",
    spoiled: withUnit({ fileState: "disabled" }),
    id: "service.enabled",
    level: "fail",
    says: /^disabled \| after a boot there is no server/,
    commands: [ENABLE],
  },
  {
    name: "no [Install] section",
    spoiled: withUnit({ fileState: "static" }),
    id: "service.enabled",
    level: "fail",
    commands: [REINSTALL, ENABLE],
  },
  {
    name: "its file was deleted while it runs",
    spoiled: withUnit({ fileState: "" }),
    id: "service.enabled",
    level: "fail",
    says: /^its file is gone/,
  },
  {
    name: "linked",
    spoiled: withUnit({ fileState: "linked" }),
    id: "service.enabled",
    level: "ok",
  },
  {
    name: "not enabled by its files, where the user manager is away",
    spoiled: withManager(NO_MANAGER),
    id: "service.enabled",
    level: "fail",
  },
  {
    name: "stopped",
    spoiled: withUnit({ active: "inactive", sub: "dead", pid: 0 }),
    id: "service.active",
    level: "fail",
    says: /^is not running/,
    commands: [START],
  },
  {
    name: "failed, with its last words",
    spoiled: withUnit(
      { active: "failed", sub: "failed", result: "exit-code", exitStatus: 1 },
      { log: ["one", "cheese\x1b[31m"] },
    ),
    id: "service.active",
    level: "fail",
    says: /^failed \(exit code 1\); it said last: cheese\\x1b/,
    commands: [RESTART, LOG],
  },
  {
    name: "it ends again and again",
    spoiled: withUnit({
      active: "activating",
      sub: "auto-restart",
      result: "signal",
      exitStatus: 11,
    }),
    id: "service.active",
    level: "fail",
    says: /again and again \(signal\)/,
    commands: [RESTART, LOG],
  },
  {
    name: "stopping",
    spoiled: withUnit({ active: "deactivating", sub: "stop-sigterm" }),
    id: "service.active",
    level: "fail",
    says: /^is stopping/,
  },
  {
    name: "starting",
    spoiled: withUnit({ active: "activating", sub: "start" }),
    id: "service.active",
    level: "ok",
    says: /^starting/,
  },
  {
    name: "reloading",
    spoiled: withUnit({ active: "reloading", sub: "reload" }),
    id: "service.active",
    level: "ok",
  },
  {
    name: "started again and again, and running for a moment",
    spoiled: withUnit({ restarts: 7, activeSince: NOW - 4_000 }, { log: ["ouch\x07"] }),
    id: "service.active",
    level: "warn",
    says: /started again 7 times, the last time 4s ago; it said last: ouch\\x07/,
    commands: [LOG],
  },
  {
    name: "another XDG_CONFIG_HOME than this shell's",
    spoiled: {
      names: { ...healthy.names, folders: { ...healthy.names.folders, XDG_CONFIG_HOME: "/c\x1b" } },
    },
    id: "service.folders",
    level: "warn",
    says: /^XDG_CONFIG_HOME is \/c\\x1b here, and \/home\/ann\/\.config for the server/,
    commands: [REINSTALL],
  },
  {
    name: "the same folders, by variables of its own",
    spoiled: {
      foldersOf: () => Promise.resolve({ ...healthy.names.folders, XDG_DATA_HOME: "/data" }),
      names: { ...healthy.names, folders: { ...healthy.names.folders, XDG_DATA_HOME: "/data" } },
    },
    id: "service.folders",
    level: "ok",
  },
  {
    name: "started again once, long ago",
    spoiled: withUnit({ restarts: 7, activeSince: NOW - 3_600_000 }),
    id: "service.active",
    level: "ok",
  },
]);

const secret = "correct horse";
const serverEnv = { ...healthy.serverEnv };
const ASKS = withoutAnswer("unauthorized");
const OPEN = withServer({ isOpen: () => Promise.resolve(true) });
const MAKE =
  /^\(umask 077 && mkdir -p \S+ && \{ grep .*\/dev\/urandom \| base64\)" >> \S+; \} && chmod 600 \S+\)$/;
const STARTED_WITH = {
  environmentOf: (pid: number) =>
    Promise.resolve(
      pid === 700 ? new Map([["OPENCODE_SERVER_PASSWORD", secret]]) : undefined,
    ),
};
const TAKE =
  /^\(umask 077 && mkdir -p \S+ && tr .* < \/proc\/700\/environ \| sed .*; mv (\S+)\.new \1; \}\)$/;
const UNSET = /^unset OPENCODE_SERVER_PASSWORD$/;
const failing = (problem: OpenCodeError) => () => Promise.resolve({ error: problem });
const request = { id: "per_1", sessionId: "ses_1", permission: "bash\x1b", patterns: ["*"] };
const question = { id: "que_1", sessionId: "ses_2", questions: [] };

cases([
  {
    name: "others may read it",
    spoiled: { serverEnv: { ...serverEnv, isOpen: true } },
    id: "server.password_file",
    level: "fail",
    commands: [/^chmod 600 \/home\/ann\/\.config\/ralph\/server\.env$/],
  },
  {
    name: "its file cannot be read",
    spoiled: { serverEnv: { ...serverEnv, problem: "it is not a file" } },
    id: "server.password_file",
    level: "fail",
    says: /^cannot read \/home\/ann\/\.config\/ralph\/server\.env: it is not a file/,
    commands: [/^ls -ld \/home\/ann\/\.config\/ralph\/server\.env$/],
  },
  {
    name: "a check of Service says why not",
    spoiled: { ...withUnit({ active: "inactive" }), ...withoutAnswer("unreachable") },
    id: "server.answers",
    level: "skip",
    says: /see Service/,
  },
  {
    name: "no systemd, and nothing there",
    spoiled: { ...withManager(NO_SYSTEMD), ...heldBy(), ...withoutAnswer("unreachable") },
    id: "server.answers",
    level: "fail",
    commands: [
      /OPENCODE_SERVER_PASSWORD=%s.* && \(set -a; \. \S+server\.env; exec opencode serve --hostname 127\.0\.0\.1 --port 14096\)$/,
    ],
  },
  {
    name: "the unit runs, and nothing listens",
    spoiled: { ...heldBy(), ...withoutAnswer("unreachable") },
    id: "server.answers",
    level: "fail",
    commands: [RESTART, LOG],
  },
  {
    name: "the unit runs, and is silent",
    spoiled: withoutAnswer("timeout"),
    id: "server.answers",
    level: "fail",
    commands: [RESTART, LOG],
  },
  {
    name: "the unit was only just started",
    spoiled: { ...withUnit({ activeSince: NOW - 3_000 }), ...withoutAnswer("timeout") },
    id: "server.answers",
    level: "fail",
    says: /only just started/,
    commands: [/^sleep 5; ralph doctor$/, LOG],
  },
  { name: "it asks for a password", spoiled: ASKS, id: "server.answers", level: "ok" },
  {
    name: "none is known here, and the server was given none, as OpenCode 2 may be",
    spoiled: ASKS,
    id: "server.password",
    level: "fail",
    says: /ralph has none: it has made one up/,
    commands: [/printf .*OPENCODE_SERVER_PASSWORD=/, /^systemctl --user restart opencode/],
  },
  {
    name: "none is known here, and the server's cannot be read",
    spoiled: { ...ASKS, environmentOf: () => Promise.resolve(undefined) },
    id: "server.password",
    level: "fail",
    says: /ralph has none/,
    commands: [/read -rs p && printf .*; mv \S+ \/home\/ann\/\.config\/ralph\/server\.env; \}\)$/],
  },
  {
    name: "none is known here, and the server's can be taken over",
    spoiled: { ...ASKS, ...STARTED_WITH },
    id: "server.password",
    level: "fail",
    commands: [TAKE],
  },
  {
    name: "the file has another one",
    spoiled: {
      ...ASKS,
      ...STARTED_WITH,
      serverEnv: { ...serverEnv, source: "file", password: "other", inFile: "other" },
    },
    id: "server.password",
    level: "fail",
    says: /refuses the one from \/home\/ann\/\.config\/ralph\/server\.env/,
    commands: [TAKE],
  },
  {
    name: "the variable hides the right one",
    spoiled: {
      ...ASKS,
      ...STARTED_WITH,
      serverEnv: { ...serverEnv, source: "variable", password: "other", inFile: secret },
    },
    id: "server.password",
    level: "fail",
    says: /the one from OPENCODE_SERVER_PASSWORD/,
    commands: [UNSET],
  },
  {
    name: "the variable is wrong, and the file too",
    spoiled: {
      ...ASKS,
      ...STARTED_WITH,
      serverEnv: { ...serverEnv, source: "variable", password: "other", inFile: "another" },
    },
    id: "server.password",
    level: "fail",
    commands: [TAKE, UNSET],
  },
  {
    name: "that of the process which has the port, not of a unit for another port",
    spoiled: { ...ASKS, ...heldBy(OTHER), ...STARTED_WITH },
    id: "server.password",
    level: "fail",
    commands: [/read -rs p/],
  },
  {
    name: "it matches",
    spoiled: { serverEnv: { ...serverEnv, source: "variable", password: secret } },
    id: "server.password",
    level: "ok",
    says: /^from OPENCODE_SERVER_PASSWORD/,
  },
  {
    name: "the server asks for none, and others have a login",
    spoiled: { ...OPEN, otherUsers: () => Promise.resolve(["bob\x1b", "eve", "joe", "kim"]) },
    id: "server.password",
    level: "fail",
    says: /^the server asks for none \| .*bob\\x1b, eve, joe and 1 more \(\/etc\/passwd\)/,
    commands: [MAKE, RESTART],
  },
  {
    name: "the server asks for none, and nobody else has a login",
    spoiled: OPEN,
    id: "server.password",
    level: "warn",
    says: /^the server asks for none/,
    commands: [MAKE, RESTART],
  },
  {
    name: "the server asks for none, as the file's is empty",
    spoiled: { ...OPEN, serverEnv: { ...serverEnv, unread: "OPENCODE_SERVER_PASSWORD is empty" } },
    id: "server.password",
    level: "warn",
    says: /^the server asks for none: in \S+server\.env OPENCODE_SERVER_PASSWORD is empty/,
    commands: [MAKE, RESTART],
  },
  {
    name: "the server asks for none, and was not started since there is one",
    spoiled: {
      ...OPEN,
      serverEnv: { ...serverEnv, source: "file", password: secret, inFile: secret },
    },
    id: "server.password",
    level: "warn",
    commands: [RESTART],
  },
  {
    name: "the server asks for none, without systemd, and a variable has one",
    spoiled: {
      ...OPEN,
      ...withManager(NO_SYSTEMD),
      serverEnv: { ...serverEnv, source: "variable", password: secret },
    },
    id: "server.password",
    level: "warn",
    commands: [MAKE, /^set -a; \. \S+server\.env; set \+a; opencode serve .* --port 14096$/, UNSET],
  },
  {
    name: "the server asks for none, and the rest is looked at all the same",
    spoiled: { ...OPEN, otherUsers: () => Promise.resolve(["bob"]) },
    id: "server.model",
    level: "ok",
  },
  {
    name: "it is kept from a server that the project names",
    spoiled: { ...ASKS, isPasswordWithheld: true },
    id: "server.password",
    level: "fail",
    says: /cannot ask OpenCode: unauthorized/,
  },
  {
    name: "it is another user's",
    spoiled: withoutAnswer("foreign"),
    id: "server.answers",
    level: "fail",
  },
  {
    name: "not a tested one",
    spoiled: withServer({
      health: () => Promise.resolve({ value: { version: "0.9.1", generation: 1 } }),
    }),
    id: "server.version",
    level: "warn",
    commands: [/^npm install -g opencode-ai@\S+ && systemctl --user restart/],
  },
  {
    name: "an OpenCode 2",
    spoiled: withServer({
      health: () => Promise.resolve({ value: { version: "2.0.26", generation: 2 } }),
    }),
    id: "server.version",
    level: "warn",
    says: /^2\.0\.26 \(OpenCode 2\)/,
    commands: [/doctor --deep server\.turn$/],
  },
  {
    name: "another one is installed",
    spoiled: withServer({
      health: () => Promise.resolve({ value: { version: "1.1.53", generation: 1 } }),
    }),
    id: "server.version",
    level: "warn",
    says: /1\.1\.53 runs, 1\.18\.33 is installed/,
    commands: [RESTART],
  },
  {
    name: "the unit finds another one than the shell",
    spoiled: {
      ...withServer({
        health: () => Promise.resolve({ value: { version: "1.1.53", generation: 1 } }),
      }),
      program: () => "/home/ann/.npm/bin/opencode",
      versionOf: () => Promise.resolve("1.18.33"),
    },
    id: "server.version",
    level: "warn",
    says:
      /the unit has \/home\/ann\/\.opencode\/bin\/opencode, and your shell \/home\/ann\/\.npm\//,
    commands: [REINSTALL],
  },
  {
    name: "no session can be made",
    spoiled: withServer({
      roundTrip: () =>
        Promise.resolve({ session: { error: problemOf("timeout") }, event: { value: false } }),
    }),
    id: "server.session",
    level: "fail",
    commands: [LOG],
  },
  {
    name: "outside of git",
    spoiled: { project: undefined },
    id: "server.session",
    level: "ok",
  },
  {
    name: "no password is accepted",
    spoiled: ASKS,
    id: "server.session",
    level: "skip",
    says: /password matches/,
  },
  {
    name: "none came",
    spoiled: withServer({
      roundTrip: () => Promise.resolve({ session: { value: undefined }, event: { value: false } }),
    }),
    id: "server.events",
    level: "warn",
    commands: [RESTART, LOG],
  },
  {
    name: "the server has none",
    spoiled: withModels({ chosen: undefined }),
    id: "server.model",
    level: "fail",
    commands: [/^opencode auth login$/, RESTART],
  },
  {
    name: "its provider cannot be used",
    spoiled: withModels({ chosen: "else/large\x1b", chosenBy: "ralph" }),
    id: "server.model",
    level: "fail",
    says: /^else\/large\\x1b: its provider cannot be used/,
    commands: [/^opencode auth login$/, RESTART, /^opencode models$/],
  },
  {
    name: "a name without a provider",
    spoiled: withModels({ chosen: "large" }),
    id: "server.model",
    level: "fail",
    says: /^large: /,
  },
  {
    name: "the server does not know it",
    spoiled: withModels({ chosen: "acme/larger", chosenBy: "ralph" }),
    id: "server.model",
    level: "fail",
    says: /^acme\/larger: the server does not know it/,
    commands: [/^opencode models acme$/],
  },
  {
    name: "the project names another one",
    spoiled: withProject({
      openCodeChoices: () => ({ model: "acme/small", hasProviders: false, rules: [] }),
    }),
    id: "server.model",
    level: "ok",
    says: /^acme\/small \(this project's opencode\.json\)/,
  },
  {
    name: "the project brings its provider",
    spoiled: withProject({
      openCodeChoices: () => ({ model: "own/one\x1b", hasProviders: true, rules: [] }),
    }),
    id: "server.model",
    level: "skip",
    says: /own\/one\\x1b may be of the providers/,
  },
  {
    name: "only free models",
    spoiled: withModels({
      chosen: "opencode/free",
      chosenBy: "default",
      providers: [{ id: "opencode", hasCredentials: false, models: ["opencode/free"] }],
    }),
    id: "server.model",
    level: "warn",
    says: /^opencode\/free \(the default\); no credentials/,
    commands: [/^opencode auth login$/],
  },
  {
    name: "the server does not say",
    spoiled: withServer({ models: failing(problemOf("server_error")) }),
    id: "server.model",
    level: "fail",
    commands: [LOG],
  },
  {
    name: "rules that deny, and that are allowed again",
    spoiled: withServer({
      denials: () =>
        Promise.resolve({
          value: { inForce: ["bash git push*", "edit \x1b"], overruled: ["webfetch"] },
        }),
    }),
    id: "server.rules",
    level: "ok",
    says:
      /^denied: bash git push\*, edit \\x1b; denied, and allowed again by a later rule: webfetch/,
  },
  {
    name: "the project has rules of its own",
    spoiled: withProject({
      openCodeChoices: () => ({ hasProviders: false, rules: ["allow bash *", "deny edit\x1b"] }),
    }),
    id: "server.rules",
    level: "ok",
    says:
      /^denied: bash git push\*; this project's opencode\.json adds: allow bash \*, deny edit\\x1b/,
  },
  {
    name: "nothing is denied",
    spoiled: withServer({
      denials: () => Promise.resolve({ value: { inForce: [], overruled: [] } }),
    }),
    id: "server.rules",
    level: "ok",
    says: /^nothing is denied: agents may do what your user may/,
  },
  {
    name: "the server does not tell its rules",
    spoiled: withServer({ denials: failing(problemOf("timeout")) }),
    id: "server.rules",
    level: "skip",
  },
  {
    name: "no worker is at work here",
    spoiled: withServer({ waiting: () => Promise.resolve(undefined) }),
    id: "server.waiting",
    level: "skip",
    says: /would load it/,
  },
  {
    name: "a permission",
    spoiled: withServer({
      waiting: () => Promise.resolve({ value: { permissions: [request], questions: [question] } }),
    }),
    id: "server.waiting",
    level: "warn",
    says: /^2 requests in this project, the first: permission `bash\\x1b`/,
    commands: [
      /^opencode attach http:\/\/127\.0\.0\.1:14096 --dir \/home\/ann\/shop --session ses_1$/,
    ],
  },
  {
    name: "a question",
    spoiled: withServer({
      waiting: () => Promise.resolve({ value: { permissions: [], questions: [question] } }),
    }),
    id: "server.waiting",
    level: "warn",
    says: /^1 request in this project, the first: a question/,
    commands: [/--session ses_2$/],
  },
  {
    name: "the server does not say",
    spoiled: withServer({ waiting: failing(problemOf("timeout")) }),
    id: "server.waiting",
    level: "fail",
    commands: [LOG],
  },
  {
    name: "the provider refuses",
    spoiled: withServer({
      turn: failing(
        new OpenCodeError("refused", "the turn ended so: no credit", {
          hints: [{ text: "log in", command: "opencode auth login" }],
        }),
      ),
    }),
    id: "server.turn",
    level: "fail",
    says: /no credit/,
    commands: [/^opencode auth login$/],
  },
  {
    name: "the model answers with control characters",
    spoiled: withServer({
      turn: () => Promise.resolve({ value: { ms: 900, tokens: 1, text: "re\x1b[2Jady" } }),
    }),
    id: "server.turn",
    level: "ok",
    says: /“re\\x1b\[2Jady” after 0\.9s, 1 token /,
  },
]);

const damaged = new RalphError("state", "cannot use the database: malformed\x1b", [
  { text: "put it aside", command: "mkdir /d/aside && mv /d/sessions.db /d/aside" },
]);
const newer = new RalphError("state", "written by a newer ralph", [
  { text: "use the newer ralph; this one is", command: "ralph --version" },
]);
const dead = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    taskName: `task ${i}\x1b`,
    taskDir: `/home/ann/shop/tasks/task ${i}`,
  }));
const OLDER = { schema: { found: 1, newest: 2 }, sessions: undefined };
const PUT_ASIDE = /^mkdir \/\S+\/aside && mv \/\S+\/sessions\.db \/\S+\/aside$/;

cases([
  {
    name: "another user's",
    spoiled: { mode: () => ({ mode: 0o700, uid: 0 }) },
    id: "store.folders",
    level: "fail",
    commands: [/^sudo chown -R 1000 \/home\/ann\/\.local\/share\/ralph$/],
  },
  {
    name: "another user's, by an XDG_DATA_HOME that sudo has kept",
    spoiled: {
      names: { ...healthy.names, uid: 0, home: "/root" },
      mode: () => ({ mode: 0o700, uid: 1000 }),
    },
    id: "store.folders",
    level: "fail",
    commands: [/^su - "\$\(id -nu 1000\)"$/],
  },
  {
    name: "others may write there",
    spoiled: { mode: () => ({ mode: 0o720, uid: 1000 }) },
    id: "store.folders",
    level: "fail",
    commands: [
      /^chmod go-w \/home\/ann\/\.local\/share\/ralph \/home\/ann\/\.local\/state\/ralph$/,
    ],
  },
  {
    name: "others may look into them",
    spoiled: { mode: () => ({ mode: 0o755, uid: 1000 }) },
    id: "store.folders",
    level: "warn",
    commands: [/^chmod 700 \/home\/ann\/\.local\/share\/ralph \/home\/ann\/\.local\/state\/ralph$/],
  },
  {
    name: "not made yet",
    spoiled: { mode: () => undefined },
    id: "store.folders",
    level: "ok",
    says: /^not made yet/,
  },
  {
    name: "a network file system",
    spoiled: {
      fileSystemType: (folder) => Promise.resolve(/share/.test(folder) ? "nfs4" : "ext4"),
    },
    id: "store.place",
    level: "warn",
    says: /^\/home\/ann\/\.local\/share\/ralph is on nfs4/,
    commands: [/^export XDG_DATA_HOME=\/var\/tmp\/ann-data$/],
  },
  {
    name: "the home folder, before there is one of ralph",
    spoiled: {
      ...NO_FILE(healthy.names.dataFolder),
      fileSystemType: (folder) => Promise.resolve(folder === "/home/ann" ? "nfs4" : "ext4"),
    },
    id: "store.place",
    level: "warn",
    says: /^\/home\/ann is on nfs4/,
  },
  {
    name: "it cannot be told",
    spoiled: { fileSystemType: () => Promise.resolve(undefined) },
    id: "store.place",
    level: "skip",
  },
  {
    name: "there is none",
    spoiled: { store: { ...healthy.store, read: () => undefined } },
    id: "store.database",
    level: "ok",
    says: /^not made yet/,
  },
  {
    name: "there is none, and can be one",
    spoiled: { store: { ...healthy.store, read: () => undefined } },
    id: "store.writable",
    level: "ok",
    says: /^not made yet/,
  },
  {
    name: "there is none, and can be none",
    spoiled: {
      store: {
        ...healthy.store,
        read: () => undefined,
        unwritable: () => Promise.resolve([{ path: "/home/ann", uid: 0 }]),
      },
    },
    id: "store.writable",
    level: "fail",
    says: /cannot be made: you may not write to \/home\/ann \|/,
    commands: [
      /^ls -ld \/home\/ann; findmnt -T \/home\/ann$/,
      /^export RALPH_STATE=\/var\/tmp\/ann-ralph$/,
    ],
  },
  {
    name: "damaged beyond reading",
    spoiled: { store: { ...healthy.store, read: () => damaged } },
    id: "store.database",
    level: "fail",
    says: /malformed\\x1b/,
    commands: [PUT_ASIDE],
  },
  {
    name: "a newer ralph's",
    spoiled: { store: { ...healthy.store, read: () => newer } },
    id: "store.database",
    level: "fail",
    commands: [/^ralph --version$/],
  },
  {
    name: "no room for a write",
    spoiled: withStore({ notWritable: damaged }),
    id: "store.writable",
    level: "fail",
    says: /malformed\\x1b/,
    commands: [PUT_ASIDE],
  },
  {
    name: "an older one",
    spoiled: withStore(OLDER),
    id: "store.schema",
    level: "ok",
    says: /^1; the next ralph run makes it 2/,
  },
  {
    name: "damage",
    spoiled: withStore({ damage: ["row 3 missing from index\x1b", "more"] }),
    id: "store.sound",
    level: "fail",
    says: /^row 3 missing from index\\x1b/,
    commands: [PUT_ASIDE],
  },
  {
    name: "too large",
    spoiled: withStore({ checked: false }),
    id: "store.sound",
    level: "skip",
    says: /--deep/,
  },
  ...["3.45.1", "3.51.2"].map((version): Case => ({
    name: `the older ${version}`,
    spoiled: { store: { ...healthy.store, sqliteVersion: () => version } },
    id: "store.sqlite",
    level: "warn",
    says: /before 3\.51\.3/,
  })),
  ...["3.51.3", "3.53", "4.0.0"].map((version): Case => ({
    name: `the sound ${version}`,
    spoiled: { store: { ...healthy.store, sqliteVersion: () => version } },
    id: "store.sqlite",
    level: "ok",
  })),
  {
    name: "a dead one",
    spoiled: withStore({ sessions: { running: 2, dead: dead(1), leftSignals: [] } }),
    id: "store.workers",
    level: "warn",
    says: /^the worker of `task 0\\x1b` is gone \|/,
    commands: [/^ralph run '\/home\/ann\/shop\/tasks\/task 0'$/],
  },
  {
    name: "many dead ones",
    spoiled: withStore({ sessions: { running: 7, dead: dead(7), leftSignals: [] } }),
    id: "store.workers",
    level: "warn",
    says: /, and 6 more/,
    commands: dead(5).map(() => /^ralph run /),
  },
  {
    name: "not known with an older schema",
    spoiled: withStore(OLDER),
    id: "store.workers",
    level: "skip",
  },
  {
    name: "left over",
    spoiled: withStore({
      sessions: { running: 0, dead: [], leftSignals: ["/d/signals/a.signal", "/d/signals/b c"] },
    }),
    id: "store.signals",
    level: "warn",
    says: /^2 signal files for no worker/,
    commands: [/^rm \/d\/signals\/a\.signal '\/d\/signals\/b c'$/],
  },
  {
    name: "not known with an older schema",
    spoiled: withStore(OLDER),
    id: "store.signals",
    level: "skip",
  },
]);

const UNWRITABLE = (...places: readonly [below: string, uid: number][]) =>
  withProject({
    unwritable: () =>
      Promise.resolve(places.map(([below, uid]) => ({ path: `/home/ann/shop${below}`, uid }))),
  });
const UNSIGNED = (isSure: boolean) => withProject({ unsigned: () => Promise.resolve({ isSure }) });

const LFS_MISSING = { name: "lfs", required: false };

const REFUSED: Partial<Probes> = {
  project: {
    ...withRepository(undefined).project!,
    gitRefusal: () =>
      Promise.resolve({
        why: "fatal: detected dubious ownership in repository at '/home/ann/shop'",
        remedy: [{
          text: "if you trust what is in there",
          command: "git config --global --add safe.directory /home/ann/shop",
        }],
      }),
  },
};

const brokenPrd = new RalphError("usage", "tasks/two/prd.json:1:18: a comma\x1b is missing");
const fixable = new RalphError("usage", "ralph.json:3:1: no such setting", [
  { text: "see which there are", command: "ralph help settings" },
]);

cases([
  { name: "outside of git", spoiled: { project: undefined }, id: "project.root", level: "skip" },
  {
    name: "git does not answer",
    spoiled: withRepository(undefined),
    id: "project.git",
    level: "fail",
    commands: [/^git -C \/home\/ann\/shop status$/],
  },
  {
    name: "git refuses a repository of another user",
    spoiled: REFUSED,
    id: "project.git",
    level: "fail",
    says: /^git refuses: fatal: detected dubious ownership/,
    commands: [/^git config --global --add safe\.directory \/home\/ann\/shop$/],
  },
  {
    name: "git refuses, and says nothing of who commits: no identity is put over one that is there",
    spoiled: REFUSED,
    id: "project.identity",
    level: "skip",
  },
  {
    name: "a rebase is under way",
    spoiled: withRepository({
      branch: undefined,
      underWay: { what: "rebase", abort: "rebase --abort" },
    }),
    id: "project.git",
    level: "fail",
    says: /^a rebase is under way/,
    commands: [/^git -C \/home\/ann\/shop rebase --abort$/],
  },
  {
    name: "the index is locked",
    spoiled: withRepository({ indexLock: "/home/ann/shop/.git/index.lock" }),
    id: "project.git",
    level: "fail",
    commands: [/^rm \/home\/ann\/shop\/\.git\/index\.lock$/],
  },
  {
    name: "no branch",
    spoiled: withRepository({ branch: undefined }),
    id: "project.git",
    level: "warn",
    commands: [/^git -C \/home\/ann\/shop switch -c ralph$/],
  },
  {
    name: "no commits yet",
    spoiled: withRepository({ hasCommits: false }),
    id: "project.git",
    level: "ok",
    says: /^no commits yet/,
  },
  {
    name: "no git program",
    spoiled: NO_PROGRAM("git"),
    id: "project.git",
    level: "skip",
    says: /needs “git”/,
  },
  {
    name: "commits cannot be signed",
    spoiled: UNSIGNED(true),
    id: "project.signing",
    level: "fail",
    commands: [/commit-tree -S/, /^git -C \/home\/ann\/shop config commit\.gpgsign false$/],
  },
  {
    name: "commits can perhaps be signed where somebody is there",
    spoiled: UNSIGNED(false),
    id: "project.signing",
    level: "warn",
    commands: [/commit-tree -S/],
  },
  {
    name: "files are to go through a filter that is not there",
    spoiled: withProject({ missingFilters: () => Promise.resolve([LFS_MISSING, LFS_MISSING]) }),
    id: "project.filters",
    level: "warn",
    says: /^the filter `lfs` \(gitattributes\) is not set up here, nor can 1 other/,
    commands: [/^git lfs install$/],
  },
  {
    name: "parts of the git folder are root's",
    spoiled: UNWRITABLE(["/.git/objects", 0], ["/.git/objects/00", 0], ["/.git/index", 1000]),
    id: "project.writable",
    level: "fail",
    says:
      /^you may not write to \/home\/ann\/shop\/\.git\/objects, which belongs to root, nor 2 more/,
    commands: [/^sudo chown -R 1000 \/home\/ann\/shop\/\.git\/objects$/],
  },
  {
    name: "the whole project is another user's",
    spoiled: UNWRITABLE(["", 1001], ["/.git", 1001]),
    id: "project.writable",
    level: "fail",
    says: /\/home\/ann\/shop, which belongs to user 1001, nor 1 more in the project/,
    commands: [
      /^git clone \/home\/ann\/shop ~\/shop$/,
      /^sudo chown -R 1000 \/home\/ann\/shop$/,
    ],
  },
  {
    name: "the project is read-only",
    spoiled: UNWRITABLE(["", 1000]),
    id: "project.writable",
    level: "fail",
    says: /which belongs to you/,
    commands: [/^chmod -R u\+w \/home\/ann\/shop$/, /^findmnt -T \/home\/ann\/shop$/],
  },
  {
    name: "no author",
    spoiled: withRepository({ identity: undefined }),
    id: "project.identity",
    level: "fail",
    commands: [/^git config --global user\.name ann && .* user\.email ann@box$/],
  },
  {
    name: "a network file system",
    spoiled: { fileSystemType: () => Promise.resolve("nfs4") },
    id: "project.place",
    level: "warn",
    commands: [/^git clone \/home\/ann\/shop ~\/shop$/],
  },
  {
    name: "broken, with a remedy",
    spoiled: { settingsProblem: fixable },
    id: "project.settings",
    level: "fail",
    commands: [/^ralph help settings$/],
  },
  {
    name: "broken, without one",
    spoiled: { settingsProblem: new RalphError("usage", "config.json: no\x1b") },
    id: "project.settings",
    level: "fail",
    says: /no\\x1b/,
    commands: [/^ls \/home\/ann\/\.config\/ralph$/],
  },
  {
    name: "a broken PRD",
    spoiled: withTasks([{ name: "one", open: 1, total: 1 }, { name: "two", problem: brokenPrd }]),
    id: "project.tasks",
    level: "fail",
    says: /comma\\x1b is missing/,
    commands: [/^ralph tasks$/],
  },
  {
    name: "none",
    spoiled: withTasks([]),
    id: "project.tasks",
    level: "ok",
    says: /ralph new my-feature/,
  },
  {
    name: "one without a PRD",
    spoiled: withTasks([{ name: "one" }]),
    id: "project.tasks",
    level: "ok",
    says: /^1 task, 0 with open stories/,
  },
]);

Deno.test("server.session: the remedies of the server's error come first", async () => {
  const error = new OpenCodeError("refused", "cannot make it", {
    hints: [{ text: "so", command: "mend it" }],
  });
  const results = await diagnose(withServer({
    roundTrip: () => Promise.resolve({ session: { error }, event: { error } }),
  }));
  const session = results.get("server.session");
  assert(session?.level === "fail");
  assert.deepEqual(session.remedy, [{ text: "so", command: "mend it" }]);
  assert.equal(results.get("server.events")?.level, "skip");
});

Deno.test("the server's checks alone know what to start, without those of the unit", async () => {
  const server = selectChecks(checks, ["server.answers"]);
  const commandFor = async (spoiled: Partial<Probes>) => {
    const result = (await diagnose({ ...spoiled, ...withoutAnswer("unreachable") }, server))
      .get("server.answers");
    assert(result?.level === "fail");
    return result.remedy[0].command;
  };
  assert.match(await commandFor({}) ?? "", RESTART);
  assert.match(await commandFor(withUnit({ load: "not-found" })) ?? "", /exec opencode serve /);
  assert.match(await commandFor(withManager(NO_SYSTEMD)) ?? "", /exec opencode serve /);
});

Deno.test("no password is ever shown", async () => {
  const secrets = ["secret-1", "secret-2", "secret-3"];
  const results = await diagnose({
    ...ASKS,
    environmentOf: () => Promise.resolve(new Map([["OPENCODE_SERVER_PASSWORD", secrets[0]]])),
    serverEnv: { ...serverEnv, source: "variable", password: secrets[1], inFile: secrets[2] },
  });
  assert.equal(results.get("server.password")?.level, "fail");
  const shown = JSON.stringify([...results.values()]);
  for (const one of secrets) assert(!shown.includes(one));
});

Deno.test("a machine on which every name is hostile cannot write to the terminal", async () => {
  const evil = (text: string) => `${text}\x1b]0;title\x07\n\x9b2J\u202e'; rm -rf ~`;
  const names = { ...healthy.names };
  for (const key of ["home", "unitFile", "dataFolder", "stateFolder", "database"] as const) {
    names[key] = evil(names[key]);
  }
  const hostile: Partial<Probes> = {
    names,
    program: (name) => evil(`/usr/bin/${name}`),
    versionOf: () => Promise.resolve(evil("1.18.33")),
    completions: { shell: "zsh", file: evil("/home/ann/.zshrc"), text: undefined },
    mode: () => ({ mode: 0o755, uid: 1000 }),
    fileSystemType: () => Promise.resolve(evil("nfs")),
    isNetworkFileSystem: () => true,
    serverEnv: {
      path: evil("/home/ann/server.env"),
      isOpen: true,
      name: "OPENCODE_SERVER_PASSWORD",
    },
    ...withUnit({
      file: evil(UNIT_FILE),
      command: [evil("/bin/opencode"), "serve", "--port", "14096", "--hostname", evil("::")],
      dropIns: [evil("/x.conf")],
      fileState: evil("strange"),
      loadError: evil("error"),
    }, { log: [evil("said")], verify: [evil("line")] }),
    ...heldBy({ ...OTHER, command: evil("nc") }),
    ...withStore({
      damage: [evil("damage")],
      sessions: {
        running: 1,
        dead: [{ taskName: evil("task"), taskDir: evil("/task") }],
        leftSignals: [evil("/signal")],
      },
    }),
    project: {
      root: evil("/home/ann/shop"),
      git: () => Promise.resolve({ hasCommits: true, branch: evil("main"), identity: evil("Ann") }),
      unwritable: () => Promise.resolve([{ path: evil("/home/ann/shop/a"), uid: 0 }]),
      unsigned: () => Promise.resolve(undefined),
      missingFilters: () =>
        Promise.resolve([{ name: evil("x"), program: evil("y"), required: true }]),
      gitRefusal: () => Promise.resolve(undefined),
      gates: () => [{ name: "g", needs: evil("x"), withheld: [] }],
      protection: () => Promise.resolve({ files: 1, work: [], faults: [evil("fault")] }),
      openCodeSettings: () => [],
      openCodeChoices: () => ({ hasProviders: false, rules: [evil("rule")] }),
      code: () => "x",
      tasks: () => [{ name: "one", problem: new RalphError("usage", evil("broken")) }],
    },
    settingsProblem: new RalphError("usage", evil("settings")),
    ...withServer({
      models: () =>
        Promise.resolve({
          value: {
            chosen: evil("acme/large"),
            chosenBy: "ralph",
            providers: [{ id: "acme", hasCredentials: true, models: [] }],
          },
        }),
      waiting: () =>
        Promise.resolve({
          value: {
            permissions: [{ ...request, permission: evil("bash"), sessionId: evil("ses") }],
            questions: [],
          },
        }),
    }),
  };
  for (const more of [{}, withManager({ ...NO_MANAGER, said: evil("no") }), ASKS]) {
    const results = await diagnose({ ...hostile, ...more });
    const remedies = [...results.values()].flatMap((one) => "remedy" in one ? one.remedy : []);
    assert(remedies.length > 10);
    for (const { command = "" } of remedies) {
      // the quote of the name is closed, escaped and opened again: what follows stays a word
      assert.doesNotMatch(command.replaceAll(`'\\''; rm -rf ~`, ""), /'; rm -rf ~/);
    }
  }
});

Deno.test("OpenCode's settings that are malformed are named, with what to do", async () => {
  const fault = "/p/opencode.json, line 1, column 3: InvalidSymbol";
  const { project } = healthy;
  assert(project);
  const broken = { ...project, openCodeSettings: () => [{ name: "opencode.json", fault }] };
  const found = (await diagnose({ project: broken })).get("project.opencode");
  assert(found?.level === "fail");
  assert.equal(found.found, fault);
  assert.match(found.remedy[0].text, /mend it/);
});

Deno.test("protect: what it names and is not there is a warning", async () => {
  const { project } = healthy;
  assert(project);
  const found = async (protection: Awaited<ReturnType<typeof project.protection>>) =>
    (await diagnose({ project: { ...project, protection: () => Promise.resolve(protection) } }))
      .get("project.protect");
  const idle = await found({ files: 2, work: [], faults: ["`a/**` of `protect` matches no file"] });
  assert(idle?.level === "warn");
  assert.equal(idle.found, "`a/**` of `protect` matches no file");
  assert.match(idle.remedy[0].text, /`protect` in ralph\.json/);
  const fine = await found({ files: 2, work: ["app.js"], faults: [] });
  assert(fine?.level === "ok");
  assert.equal(fine.found, "2 protected files; only run, so not protected: app.js");
  assert.equal((await found(undefined))?.level, "skip");
});

Deno.test("gates: a program that is not there fails, a variable that is withheld is a warning", async () => {
  const { project } = healthy;
  assert(project);
  const withGates = async (...gates: ReturnType<typeof project.gates>) => {
    const onPath = (name: string) => name === "gone" ? undefined : healthy.onPath(name);
    const results = await diagnose({ project: { ...project, gates: () => gates }, onPath });
    return results.get("project.gates");
  };
  assert.equal((await withGates())?.level, "warn");
  const db = { name: "db", needs: "opencode", withheld: ["DATABASE_URL"] };
  const line = { name: "x", needs: "gone", line: "cd x && npm test", withheld: [] };
  const listed = await withGates(db, line);
  assert(listed?.level === "fail");
  assert.match(listed.found, /x is a list, so .*, and there is no `gone`$/);
  assert.match(
    listed.remedy[0].text,
    /no brackets of its own: `"verify": \["cd x && npm test"\]`$/,
  );
  const handed = await withGates({ ...line, needs: "opencode", line: "npm test && x" });
  assert(handed?.level === "warn");
  assert.match(handed.found, /whose words no shell reads/);
  const missing = await withGates(db, { name: "x", needs: "gone", withheld: [] });
  assert(missing?.level === "fail");
  assert.equal(missing.found, "the gate x needs gone, which is not on PATH");
  const withheld = await withGates(db);
  assert(withheld?.level === "warn");
  assert.equal(withheld.found, "the gate db names DATABASE_URL, which it does not get");
  assert.match(withheld.remedy[0].text, /"gateEnv": \["DATABASE_URL"\]/);
});

cases([{
  name: "it has the server run something",
  spoiled: withProject({ code: () => ".opencode/tool/0.js" }),
  id: "project.code",
  level: "warn",
  says: /^\.opencode\/tool\/0\.js \|/,
  commands: [
    /^ls -laR \/home\/ann\/shop\/\.opencode; find \/home\/ann\/shop -maxdepth 1 -name 'opencode\.json\*' /,
  ],
}]);

const GIVE = /^\(umask 077 && mkdir -p \S+ && printenv ACME_KEY \| sed .*; mv (\S+)\.new \1; \}\)$/;
const UNUSABLE = {
  models: () =>
    Promise.resolve({
      value: { chosen: "acme/large", chosenBy: "server", providers: [] } as const,
    }),
  keyVariables: (id: string) => Promise.resolve({ value: id === "acme" ? ["ACME_KEY"] : [] }),
};
const LOGIN = /^opencode auth login$/;

cases([
  {
    name: "the provider's key is in this shell alone",
    spoiled: { ...withServer(UNUSABLE), isSet: (name) => name === "ACME_KEY" },
    id: "server.model",
    level: "fail",
    says: /its provider cannot be used: ACME_KEY is set here, and not in the server/,
    commands: [GIVE, RESTART],
  },
  {
    name: "the provider's key is nowhere: the server is restarted after a login",
    spoiled: withServer(UNUSABLE),
    id: "server.model",
    level: "fail",
    commands: [LOGIN, RESTART, /^opencode models$/],
  },
  {
    name: "the server has the key, and cannot use the provider all the same",
    spoiled: {
      ...withServer(UNUSABLE),
      isSet: () => true,
      environmentOf: () => Promise.resolve(new Map([["ACME_KEY", "secret"]])),
    },
    id: "server.model",
    level: "fail",
    commands: [LOGIN, RESTART, /^opencode models$/],
  },
  {
    name: "the provider's key is nowhere, and nothing restarts the server",
    spoiled: { ...withServer(UNUSABLE), ...withManager(NO_SYSTEMD) },
    id: "server.model",
    level: "fail",
    commands: [LOGIN, /^opencode models$/],
  },
  {
    name: "one that only this shell has",
    spoiled: {
      settingsVariables: () => [{ file: "/c/opencode.json\x1b", variable: "ACME_KEY" }],
      isSet: () => true,
    },
    id: "server.variables",
    level: "warn",
    says: /^ACME_KEY is not set in the server, and \/c\/opencode\.json\\x1b has \{env:ACME_KEY\}/,
    commands: [GIVE, RESTART],
  },
  {
    name: "one that is nowhere",
    spoiled: { settingsVariables: () => [{ file: "/c/opencode.json", variable: "ACME_KEY" }] },
    id: "server.variables",
    level: "warn",
    commands: [/^$/, RESTART],
  },
  {
    name: "the server has it",
    spoiled: {
      settingsVariables: () => [{ file: "/c/opencode.json", variable: "ACME_KEY" }],
      environmentOf: () => Promise.resolve(new Map([["ACME_KEY", "secret"]])),
    },
    id: "server.variables",
    level: "ok",
  },
]);
