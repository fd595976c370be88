import assert from "node:assert/strict";
import { type CauseFacts, causeOf } from "../../../src/doctor/cause.ts";
import { newPasswordCommand, serveCommand } from "../../../src/doctor/password.ts";
import type { Unit } from "../../../src/host/system/systemd.ts";
import { healthy, NOW } from "./healthy.ts";

const unit = await healthy.systemd.unit();
assert(unit);
const stopped: Unit = { ...unit, active: "inactive", sub: "dead", pid: 0, activeSince: undefined };
const well: CauseFacts = {
  problem: "unreachable",
  names: healthy.names,
  manager: { reachable: true, state: "running" },
  unit: stopped,
  listeners: [],
  log: [],
  now: NOW,
};
const listener = {
  address: "127.0.0.1",
  uid: 1000,
  pid: 4711,
  command: "python3 -m http.server\x1b[31m",
};
const noManager = { reachable: false, problem: "no_manager", said: "" } as const;
const noSystemd = { reachable: false, problem: "no_systemd", said: "" } as const;

const START = "systemctl --user start opencode";
const RESTART = "systemctl --user restart opencode.service";
const LOG = "journalctl --user -u opencode.service -n 50 --no-pager";
const DOCTOR = "ralph doctor";
const names = { configFolder: "/home/ann/.config/ralph", port: 14096 };
const SERVE = serveCommand(names);
const UNIT = "/home/ann/.config/systemd/user/opencode.service";
const INSTALL = `${newPasswordCommand(names)} && ` +
  "mkdir -p /home/ann/.config/systemd/user && " +
  `ralph doctor --print-unit > ${UNIT}.new && mv ${UNIT}.new ${UNIT} && ` +
  "systemctl --user daemon-reload && systemctl --user enable --now opencode.service && " +
  "ralph doctor server.answers";

const CASES: readonly {
  name: string;
  facts: Partial<CauseFacts>;
  why: string;
  commands: readonly string[];
}[] = [
  {
    name: "another program of this user has the port",
    facts: { listeners: [listener] },
    why: "port 14096 is taken by python3 -m http.server\\x1b[31m (pid 4711)",
    commands: ["kill 4711", START, DOCTOR],
  },
  {
    name: "what has the port may be an OpenCode that is busy",
    facts: { problem: "timeout", listeners: [listener] },
    why: "python3 -m http.server\\x1b[31m (pid 4711) has the port",
    commands: [DOCTOR],
  },
  {
    name: "a program of another user has it",
    facts: { listeners: [{ address: "127.0.0.1", uid: 1001 }] },
    why: "port 14096 is taken by a process of user 1001",
    commands: ["sudo ss -ltnp 'sport = :14096'", START, DOCTOR],
  },
  {
    name: "a program has it where systemd does not answer",
    facts: { manager: noManager, unit: undefined, listeners: [listener] },
    why: "port 14096 is taken by python3 -m http.server\\x1b[31m (pid 4711)",
    commands: ["kill 4711", START, DOCTOR],
  },
  {
    name: "there is no systemd",
    facts: { manager: noSystemd, unit: undefined },
    why: "nothing runs there",
    commands: [START, SERVE],
  },
  {
    name: "the user manager is away",
    facts: { manager: noManager, unit: undefined },
    why: "the systemd user manager does not answer",
    commands: [DOCTOR, START],
  },
  {
    name: "no unit",
    facts: { unit: { ...stopped, load: "not-found", file: "", fileState: "", command: [] } },
    why: "opencode.service is not installed",
    commands: [INSTALL, START],
  },
  {
    name: "a masked unit",
    facts: { unit: { ...stopped, load: "masked", fileState: "masked", command: [] } },
    why: "opencode.service is masked",
    commands: [`systemctl --user unmask opencode.service && ${INSTALL}`, START],
  },
  {
    name: "a unit that systemd refuses",
    facts: { unit: { ...stopped, load: "bad-setting", command: [] } },
    why: "systemd refuses opencode.service: bad-setting",
    commands: [DOCTOR, START],
  },
  {
    name: "a unit for another port",
    facts: { unit, names: { ...healthy.names, port: 5000, serverUrl: "http://127.0.0.1:5000" } },
    why: "nothing runs there, and opencode.service is for port 14096",
    commands: ["export RALPH_SERVER=http://127.0.0.1:14096", DOCTOR, START],
  },
  {
    name: "a unit that runs and has the port, and says nothing",
    facts: { unit, listeners: [{ ...listener, pid: 700 }] },
    why: "opencode.service runs, but does not answer",
    commands: [RESTART, LOG],
  },
  {
    name: "a unit whose child has the port",
    facts: { unit, listeners: [{ ...listener, pid: 701, controlGroup: unit.controlGroup }] },
    why: "opencode.service runs, but does not answer",
    commands: [RESTART, LOG],
  },
  {
    name: "a unit that failed",
    facts: {
      unit: { ...stopped, active: "failed", sub: "failed", result: "exit-code", exitStatus: 3 },
      log: ["one", "the disk is full\x07"],
    },
    why: "opencode.service failed (exit code 3); it said last: the disk is full\\x07",
    commands: [LOG, RESTART, DOCTOR],
  },
  {
    name: "a unit that ends again and again",
    facts: {
      unit: {
        ...stopped,
        active: "activating",
        sub: "auto-restart",
        result: "exit-code",
        exitStatus: 127,
      },
    },
    why: "opencode.service ends at once, again and again (its program was not found)",
    commands: [LOG, RESTART, DOCTOR],
  },
  {
    name: "a unit that ends again and again, and runs at this moment",
    facts: { unit: { ...unit, restarts: 1, activeSince: NOW - 400 }, log: ["ouch\x07"] },
    why: "opencode.service was started again 1 time, the last time 0s ago; it said last: ouch\\x07",
    commands: [LOG, DOCTOR],
  },
  {
    name: "a unit that is stopped",
    facts: {},
    why: "opencode.service is not running",
    commands: [START],
  },
  {
    name: "a unit that is stopped and disabled",
    facts: { unit: { ...stopped, fileState: "disabled" } },
    why: "opencode.service is not running, and is not enabled",
    commands: [START, "systemctl --user enable --now opencode.service"],
  },
];

for (const { name, facts, why, commands } of CASES) {
  Deno.test(`why the server is away: ${name}`, () => {
    const cause = causeOf({ ...well, ...facts });
    assert.equal(cause?.why, why);
    assert.deepEqual(cause?.hints.map(({ command }) => command), commands);
  });
}

Deno.test("why the server is away: nothing is made up where systemd does not say", () => {
  assert.equal(causeOf({ ...well, unit: undefined }), undefined);
});
