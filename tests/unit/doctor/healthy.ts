/** A machine on which all is well, for a test to spoil one thing of. */
import type { Models, Probes, ServerProbes, StoreFacts } from "../../../src/doctor/probes.ts";
import type { Repository } from "../../../src/host/git/repository.ts";
import { isForeign } from "../../../src/host/system/port.ts";
import type { Systemd, Unit, UserManager } from "../../../src/host/system/systemd.ts";
import { OpenCodeError, type Problem } from "../../../src/opencode/error.ts";

export const NOW = Date.UTC(2026, 10, 20, 12);
export const UNIT_FILE = "/home/ann/.config/systemd/user/opencode.service";
export const OPENCODE = "/home/ann/.opencode/bin/opencode";

const names: Probes["names"] = {
  user: "ann",
  uid: 1000,
  home: "/home/ann",
  host: "box",
  serverUrl: "http://127.0.0.1:14096",
  port: 14096,
  ralph: "ralph",
  folders: {
    XDG_CONFIG_HOME: "/home/ann/.config",
    XDG_DATA_HOME: "/home/ann/.local/share",
    XDG_STATE_HOME: "/home/ann/.local/state",
  },
  unitFile: UNIT_FILE,
  dataFolder: "/home/ann/.local/share/ralph",
  stateFolder: "/home/ann/.local/state/ralph",
  configFolder: "/home/ann/.config/ralph",
  ownFolders: ["/home/ann/.local/share/ralph", "/home/ann/.local/state/ralph"],
  database: "/home/ann/.local/share/ralph/sessions.db",
};

const unit: Unit = {
  load: "loaded",
  loadError: "",
  active: "active",
  sub: "running",
  result: "success",
  exitStatus: 0,
  restarts: 0,
  fileState: "enabled",
  file: UNIT_FILE,
  dropIns: [],
  pid: 700,
  controlGroup: "/user.slice/user-1000.slice/user@1000.service/app.slice/opencode.service",
  needsReload: false,
  command: ["/usr/bin/env", "opencode", "serve", "--hostname", "127.0.0.1", "--port", "14096"],
  environment: ["PATH=/home/ann/.opencode/bin:/usr/bin"],
  activeSince: NOW - 3_600_000,
};

const systemd: Systemd = {
  userManager: () => Promise.resolve({ reachable: true, state: "running" }),
  unit: () => Promise.resolve(unit),
  unitFolder: () => Promise.resolve("/home/ann/.config/systemd/user"),
  log: () => Promise.resolve([]),
  verify: () => Promise.resolve([]),
  linger: () => Promise.resolve(true),
  mayLinger: () => Promise.resolve(true),
};

const models: Models = {
  chosen: "acme/large",
  chosenBy: "server",
  providers: [{ id: "acme", hasCredentials: true, models: ["acme/large", "acme/small"] }],
};

const server: ServerProbes = {
  health: () => Promise.resolve({ value: { version: "1.18.33", generation: 1 } }),
  isOpen: () => Promise.resolve(false),
  roundTrip: () => Promise.resolve({ session: { value: undefined }, event: { value: true } }),
  models: () => Promise.resolve({ value: models }),
  keyVariables: () => Promise.resolve({ value: [] }),
  denials: () => Promise.resolve({ value: { inForce: ["bash git push*"], overruled: [] } }),
  waiting: () => Promise.resolve({ value: { permissions: [], questions: [] } }),
  turn: () => Promise.resolve({ value: { ms: 1_200, tokens: 1_050, text: "ready" } }),
};

const store: StoreFacts = {
  schema: { found: 2, newest: 2 },
  damage: [],
  checked: true,
  fixes: [{ text: "put it aside", command: "mkdir /d/aside && mv /d/sessions.db /d/aside" }],
  sessions: { running: 1, dead: [], leftSignals: [] },
};

const repository: Repository = {
  branch: "main",
  hasCommits: true,
  identity: "Ann <ann@example.com>",
};

const files = new Set([OPENCODE, UNIT_FILE, names.dataFolder]);

export const healthy: Probes = {
  names,
  machine: { os: "linux", arch: "x86_64", versions: "ralph 1.0.0, Deno 2.9.6" },
  now: () => NOW,
  systemd,
  program: (name) => name === "opencode" ? OPENCODE : `/usr/bin/${name}`,
  onPath: (name) => `/usr/bin/${name}`,
  versionOf: (program) => Promise.resolve(program === OPENCODE ? "1.18.33" : "2.39.5"),
  refusalOf: () => Promise.resolve(undefined),
  exists: (path) => files.has(path),
  mode: () => ({ mode: 0o700, uid: 1000 }),
  environmentOf: () => Promise.resolve(new Map()),
  foldersOf: () => Promise.resolve(names.folders),
  isSet: () => false,
  settingsVariables: () => [],
  freeBytes: () => 70 * 1024 ** 3,
  fileSystemType: () => Promise.resolve("ext4"),
  isNetworkFileSystem: (type) => type === "nfs4",
  listeners: () =>
    Promise.resolve([{
      address: "127.0.0.1",
      uid: 1000,
      pid: 700,
      command: "opencode serve --hostname 127.0.0.1 --port 14096",
      controlGroup: unit.controlGroup,
    }]),
  isForeign: (one) => isForeign(one, { url: names.serverUrl, uid: names.uid }),
  completions: {
    shell: "zsh",
    file: "/home/ann/.zshrc",
    text: "# mine\nsource <(ralph completions zsh)\n",
  },
  serverEnv: {
    path: "/home/ann/.config/ralph/server.env",
    isOpen: false,
    name: "OPENCODE_SERVER_PASSWORD",
  },
  isPasswordWithheld: false,
  otherUsers: () => Promise.resolve([]),
  server,
  store: {
    read: () => store,
    sqliteVersion: () => "3.53.0",
    unwritable: () => Promise.resolve([]),
  },
  project: {
    root: "/home/ann/shop",
    git: () => Promise.resolve(repository),
    unwritable: () => Promise.resolve([]),
    unsigned: () => Promise.resolve(undefined),
    missingFilters: () => Promise.resolve([]),
    gitRefusal: () => Promise.resolve(undefined),
    gates: () => [{ name: "test", withheld: [] }, { name: "sh", needs: "opencode", withheld: [] }],
    protection: () => Promise.resolve({ files: 2, work: ["app.js"], faults: [] }),
    openCodeSettings: () => [{ name: "opencode.json" }],
    openCodeChoices: () => ({ hasProviders: false, rules: [] }),
    code: () => undefined,
    tasks: () => [{ name: "one", open: 1, total: 2 }, { name: "two", open: 0, total: 1 }],
  },
};

/** The functions below make what a test puts in the place of a part of `healthy`. */

export function withUnit(
  changes: Partial<Unit>,
  { log = [], verify = [] }: { log?: readonly string[]; verify?: readonly string[] } = {},
): Partial<Probes> {
  return {
    systemd: {
      ...systemd,
      unit: () => Promise.resolve({ ...unit, ...changes }),
      log: () => Promise.resolve(log),
      verify: () => Promise.resolve(verify),
    },
  };
}

export function withManager(
  manager: UserManager,
  { linger, mayLinger = true }: { linger?: boolean; mayLinger?: boolean } = {},
): Partial<Probes> {
  return {
    systemd: {
      ...systemd,
      userManager: () => Promise.resolve(manager),
      unit: () => Promise.resolve(manager.reachable ? unit : undefined),
      linger: () => Promise.resolve(linger),
      mayLinger: () => Promise.resolve(mayLinger),
    },
  };
}

export function withServer(changes: Partial<ServerProbes>): Partial<Probes> {
  return { server: { ...server, ...changes } };
}

/** The server meets the question after its health so. */
export function withoutAnswer(problem: Problem): Partial<Probes> {
  return withServer({ health: () => Promise.resolve({ error: problemOf(problem) }) });
}

export function problemOf(problem: Problem): OpenCodeError {
  return new OpenCodeError(problem, `cannot ask OpenCode: ${problem}`);
}

export function withModels(changes: Partial<Models>): Partial<Probes> {
  return withServer({ models: () => Promise.resolve({ value: { ...models, ...changes } }) });
}

export function withStore(changes: Partial<StoreFacts>): Partial<Probes> {
  return { store: { ...healthy.store, read: () => ({ ...store, ...changes }) } };
}

export function withRepository(changes: Partial<Repository> | undefined): Partial<Probes> {
  const git = () => Promise.resolve(changes && { ...repository, ...changes });
  return { project: healthy.project && { ...healthy.project, git } };
}

export function withTasks(
  tasks: ReturnType<NonNullable<Probes["project"]>["tasks"]>,
): Partial<Probes> {
  return { project: healthy.project && { ...healthy.project, tasks: () => tasks } };
}

export function withProject(changes: Partial<NonNullable<Probes["project"]>>): Partial<Probes> {
  return { project: healthy.project && { ...healthy.project, ...changes } };
}
