/**
 * What systemd says about this user's units: questions only, nothing is started or changed. What
 * each answer looks like was measured with systemd 252.
 */
import { type Clock, sleep } from "../../clock.ts";
import { type Answer, ask } from "../process/ask.ts";
import { userName } from "./accounts.ts";
import { environment } from "./environment.ts";
import { fileExists } from "../files/read_file.ts";
import { once } from "../../once.ts";

export type UserManager =
  | {
    reachable: true;
    /** `running`, `degraded`, `starting`, … (systemctl(1), is-system-running). */
    state: string;
    /** Set when this shell does not lead there, and this XDG_RUNTIME_DIR does. */
    runtimeDir?: string;
    astray?: readonly Astray[];
  }
  | {
    reachable: false;
    problem:
      /** This system is run by something else: a container, macOS. */
      | "no_systemd"
      /** Nobody of this user is logged in, and linger is off, or systemd could not start it. */
      | "no_manager"
      /** The bus is somebody else's. */
      | "denied"
      | "late";
    said: string;
    astray?: readonly Astray[];
  };

/** A variable of this shell that leads elsewhere: `su` and `sudo -E` keep those of who called them. */
export type Astray = "XDG_RUNTIME_DIR" | "DBUS_SESSION_BUS_ADDRESS";

export interface Unit {
  /** `loaded`, `not-found`, `bad-setting`, `masked`, `error`. */
  load: string;
  loadError: string;
  /** `active`, `inactive`, `failed`, `activating`, … and its finer state. */
  active: string;
  sub: string;
  result: string;
  /** Of the main process's last end; 203: it could not be executed (systemd.exec(5)). */
  exitStatus: number;
  /** Automatic restarts since it was started by hand. */
  restarts: number;
  /** `enabled`, `disabled`, `static`, `masked`, `linked`, … */
  fileState: string;
  file: string;
  dropIns: readonly string[];
  /** Zero when it does not run. */
  pid: number;
  controlGroup: string;
  /** The files changed since systemd read them. */
  needsReload: boolean;
  /** The command line, its program first; empty when it has none. */
  command: readonly string[];
  environment: readonly string[];
  /** Since when it is active, in epoch milliseconds. */
  activeSince?: number;
}

export interface Systemd {
  userManager(): Promise<UserManager>;
  /** Undefined when the user manager does not say. */
  unit(): Promise<Unit | undefined>;
  /** Where the user manager looks for the user's own units; undefined when it does not say. */
  unitFolder(): Promise<string | undefined>;
  /** The last lines of its log, oldest first: those of the program, else those of systemd about it. */
  log(): Promise<readonly string[]>;
  /** What systemd finds wrong with the unit's file, a line each. */
  verify(file: string): Promise<readonly string[]>;
  /** Whether this user's units outlive the last logout; undefined when it is not known. */
  linger(): Promise<boolean | undefined>;
  /** Whether this user may switch that on without being root. */
  mayLinger(): Promise<boolean>;
}

const ASK_MS = 2_000;
/**
 * How long a user manager is waited for where linger is on: systemd then starts it by itself, at
 * boot and when linger is switched on, and `loginctl` does not wait for that (252, measured: under a
 * second on a quiet machine, several on a busy one).
 */
const START_MS = 10_000;
const START_LOOK_MS = 250;
const LOG_LINES = 30;

type Put = (command: readonly string[], env?: Record<string, string>) => Promise<Answer>;

/** About one unit of this user's. Each question is asked once, however often it is put. */
export function createSystemd({ clock, unit }: { clock: Clock; unit: string }): Systemd {
  const put: Put = (command, env) => ask(command, { clock, timeoutMs: ASK_MS, env });
  const isLingering = once(() => linger(put));
  const userManager = once(startedManager);

  async function startedManager(): Promise<UserManager> {
    const end = clock.monotonic() + START_MS;
    let manager = await findManager(put);
    while (
      !manager.reachable && manager.problem === "no_manager" && clock.monotonic() < end &&
      await isLingering()
    ) {
      await sleep(clock, START_LOOK_MS);
      manager = await findManager(put);
    }
    return manager;
  }

  /** The same question to the user manager that was found; undefined when there is none. */
  async function putToManager(command: readonly string[]): Promise<Answer | undefined> {
    const manager = await userManager();
    if (!manager.reachable) return undefined;
    return await put(
      command,
      manager.runtimeDir === undefined ? undefined : leadingTo(manager.runtimeDir),
    );
  }

  return {
    userManager,

    unit: once(async () => {
      const answer = await putToManager([
        "systemctl",
        "--user",
        "show",
        "--timestamp=unix",
        `--property=${PROPERTIES.join(",")}`,
        unit,
      ]);
      return answer?.kind === "ended" && answer.code === 0 ? unitFrom(answer.stdout) : undefined;
    }),

    unitFolder: once(async () => unitFolderIn(await putToManager(UNIT_PATH))),

    log: once(async () => {
      const answer = await putToManager([
        "journalctl",
        "--user",
        `--unit=${unit}`,
        `--lines=${LOG_LINES}`,
        "--output=json",
        "--output-fields=MESSAGE,SYSLOG_IDENTIFIER",
        "--quiet",
        "--no-pager",
      ]);
      return answer?.kind === "ended" ? logFrom(answer.stdout) : [];
    }),

    async verify(file) {
      const answer = await putToManager(["systemd-analyze", "--user", "verify", file]);
      return answer?.kind === "ended" ? answer.stderr.split("\n").filter((line) => line) : [];
    },

    linger: isLingering,
    mayLinger: once(() => mayLinger(put)),
  };
}

/** Beside that of what `systemctl set-property` writes, which no other folder is called like. */
const UNIT_PATH = ["systemctl", "--user", "show", "--property=UnitPath", "--value"];
const CONTROL = ".control";
const unitFolderIn = (answer: Answer | undefined): string | undefined =>
  answer?.kind !== "ended"
    ? undefined
    : answer.stdout.split(" ").find((one) => one.endsWith(CONTROL) && !one.startsWith("/run/"))
      ?.slice(0, -CONTROL.length);

async function findManager(put: Put): Promise<UserManager> {
  const none: UserManager = { reachable: false, problem: "no_systemd", said: "" };
  if (Deno.build.os !== "linux" || !fileExists("/run/systemd/system")) return none;
  const question = ["systemctl", "--user", "is-system-running"];
  const answer = await put(question);
  if (answer.kind === "missing") return none;
  const state = stateOf(answer);
  if (state !== undefined) return { reachable: true, state };
  const runtimeDir = `/run/user/${Deno.uid()}`;
  const right = leadingTo(runtimeDir);
  const astray = ASTRAY.filter((name) => !isOrBegins(environment(name), right[name]));
  if (astray.length > 0 && fileExists(`${runtimeDir}/bus`)) {
    const again = stateOf(await put(question, right));
    if (again !== undefined) return { reachable: true, state: again, runtimeDir, astray };
  }
  if (answer.kind !== "ended") return { reachable: false, problem: "late", said: "" };
  const denied = /denied|not permitted/i.test(answer.stderr);
  return {
    reachable: false,
    problem: denied ? "denied" : "no_manager",
    said: answer.stderr,
    astray,
  };
}

const ASTRAY: readonly Astray[] = ["XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];

const leadingTo = (runtimeDir: string): Readonly<Record<Astray, string>> => ({
  XDG_RUNTIME_DIR: runtimeDir,
  DBUS_SESSION_BUS_ADDRESS: `unix:path=${runtimeDir}/bus`,
});

/** An address may go on with its guid. Without one of its own, a bus is looked for in XDG_RUNTIME_DIR. */
const isOrBegins = (value: string | undefined, right: string) =>
  value === undefined
    ? right.startsWith("unix:")
    : value === right || value.startsWith(`${right},`);

async function linger(put: Put): Promise<boolean | undefined> {
  const answer = await put([
    "loginctl",
    "show-user",
    userName(),
    "--property=Linger",
    "--value",
  ]);
  if (answer.kind !== "ended") return undefined;
  if (answer.code === 0) return answer.stdout === "yes";
  // A user with linger on is always known to logind.
  return /not logged in or lingering/.test(answer.stderr) ? false : undefined;
}

async function mayLinger(put: Put): Promise<boolean> {
  if (Deno.uid() === 0) return true;
  const answer = await put([
    "pkcheck",
    "--action-id",
    "org.freedesktop.login1.set-self-linger",
    "--process",
    String(Deno.pid),
  ]);
  return answer.kind === "ended" && answer.code === 0;
}

function stateOf(answer: Answer): string | undefined {
  if (answer.kind !== "ended") return undefined;
  const state = answer.stdout;
  return state === "" || state === "offline" || state === "unknown" ? undefined : state;
}

const PROPERTIES = [
  "LoadState",
  "LoadError",
  "ActiveState",
  "SubState",
  "Result",
  "ExecMainStatus",
  "NRestarts",
  "UnitFileState",
  "FragmentPath",
  "DropInPaths",
  "MainPID",
  "ControlGroup",
  "NeedDaemonReload",
  "ExecStart",
  "Environment",
  "ActiveEnterTimestamp",
];

/** Reads what `systemctl show` prints: `Name=value`, in an order of its own. */
export function unitFrom(shown: string): Unit {
  const values = new Map(
    shown.split("\n").map((line) => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
  const text = (name: string) => values.get(name) ?? "";
  const words = (name: string) => text(name).split(" ").filter((word) => word);
  const since = /^@(\d+)/.exec(text("ActiveEnterTimestamp"))?.[1];
  return {
    load: text("LoadState"),
    loadError: text("LoadError"),
    active: text("ActiveState"),
    sub: text("SubState"),
    result: text("Result"),
    exitStatus: Number(text("ExecMainStatus")),
    restarts: Number(text("NRestarts")),
    fileState: text("UnitFileState"),
    file: text("FragmentPath"),
    dropIns: words("DropInPaths"),
    pid: Number(text("MainPID")),
    controlGroup: text("ControlGroup"),
    needsReload: text("NeedDaemonReload") === "yes",
    command: (/argv\[\]=(.*?) ; /.exec(text("ExecStart"))?.[1] ?? "").split(" ")
      .filter((word) => word),
    environment: words("Environment"),
    activeSince: since === undefined ? undefined : Number(since) * 1_000,
  };
}

/** Reads what `journalctl --output=json` prints: an object in each line. */
export function logFrom(printed: string): readonly string[] {
  const entries = printed.split("\n").flatMap((line) => {
    try {
      const { MESSAGE, SYSLOG_IDENTIFIER } = JSON.parse(line);
      // What is not UTF-8 comes as a list of numbers.
      if (typeof MESSAGE !== "string" || MESSAGE.trim() === "") return [];
      return [{ message: MESSAGE, bySystemd: SYSLOG_IDENTIFIER === "systemd" }];
    } catch {
      return [];
    }
  });
  const own = entries.filter(({ bySystemd }) => !bySystemd);
  return (own.length > 0 ? own : entries).map(({ message }) => message);
}
