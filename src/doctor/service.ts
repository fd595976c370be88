/** Checks of the systemd unit, and of who has the port. */
import * as path from "node:path";
import type { Listener } from "../host/system/port.ts";
import { age } from "../terminal/format.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { type Check, fail, ok, type Remedy, skip, type Verdict, warn } from "./check.ts";
import { MANAGER_MS } from "./host.ts";
import { newPasswordCommand, serveCommand } from "./password.ts";
import type { Names, Probes } from "./probes.ts";
import { isTestedVersion, majorOf, testedWords } from "../opencode/versions.ts";
import {
  INSTALLED,
  isRestless,
  LOG_COMMAND,
  RESTART_COMMAND,
  searchPathOf,
  serveOptions,
  startedAgain,
  UNIT_NAME,
  type UnitFacts,
  whyNotActive,
} from "./unit_facts.ts";

const RESTART: Remedy = {
  text: "start it again",
  command: RESTART_COMMAND,
};
const LOG: Remedy = {
  text: "see what it said",
  command: LOG_COMMAND,
};
/** What only an OpenCode answers with, if not with a good reply. */
const KNOWN_TO_BE: readonly string[] = ["unauthorized", "unhealthy", "misconfigured", "refused"];
/** `opencode serve --service`: what `opencode` itself keeps running, since OpenCode 2. */
const isManaged = (command: string) => /\bserve\b.*\s--service\b/.test(command);
const NOT_MANAGED = "OpenCode's own background service takes up by itself what was interrupted, " +
  "beside what ralph begins, and is replaced whenever another version of `opencode` is run";

/** What `run` says of the program at the server's port, if there is something to say. */
export function managedWarning(listeners: readonly Listener[]): string | undefined {
  const holder = listeners.find(({ command }) => isManaged(command ?? ""));
  return holder &&
    `${NOT_MANAGED}; end it with \`${
      shellWord(programIn(holder))
    } service stop\`, then: ralph doctor service`;
}

/** Of a server that OpenCode keeps by itself; undefined of any other. */
export async function managedVerdict(
  { listeners, names, exists }: Pick<Probes, "listeners" | "names" | "exists">,
): Promise<Verdict | undefined> {
  const holder = (await listeners())?.find(({ uid, command }) =>
    uid === names.uid && isManaged(command ?? "")
  );
  return holder && fail(
    `${names.port}: ${describeHolder(holder, names)}`,
    NOT_MANAGED,
    { text: "end it, in its own way", command: `${shellWord(programIn(holder))} service stop` },
    exists(names.unitFile)
      ? reinstall(names)
      : { text: "and start one for ralph", command: serveCommand(names) },
  );
}

/** The name that its program has: an OpenCode 1 may be there as `opencode`, and knows no service. */
function programIn({ command = "" }: Listener): string {
  const [program] = command.split(" ");
  return /^[\w./+@-]*opencode2?$/.test(program) ? program : "opencode2";
}

const BASES = ["XDG_CONFIG_HOME", "XDG_DATA_HOME"] as const;
const LOOPBACK = /^(127\.|::1$|localhost$)/;

export const serviceChecks: readonly Check[] = [
  {
    id: "service.opencode",
    group: "Service",
    title: "opencode",
    async run({ program, versionOf, refusalOf, names, exists }) {
      const found = program("opencode");
      if (found === undefined) return noOpenCode(program("opencode2"), names);
      const version = await versionOf(found);
      const refusal = version === undefined ? await refusalOf(found) : undefined;
      if (refusal !== undefined) {
        return fail(`${found} does not run: ${plain(refusal, 160)}`, AGENT, {
          text: "see all that it says",
          command: `${shellWord(found)} --version`,
        }, { ...INSTALL, text: "or install it in another way" });
      }
      if (version === undefined) {
        return warn(`${found}, version unknown`, "whether it was tested is not known", {
          text: "see what it says",
          command: `${shellWord(found)} --version`,
        });
      }
      if (isTestedVersion(version)) return ok(`${plain(version, 20)} (${found})`);
      if (majorOf(version) !== 1) {
        const own = exists(path.join(names.home, ".local/state/opencode/service.json"))
          ? "; its own background service is left alone"
          : "";
        return warn(`${plain(version, 30)} (${found})${own}`, testedWords(version), tryTurn(names));
      }
      return warn(`${plain(version, 20)} (${found})`, testedWords(version), {
        text: "install one of those",
        command: "npm install -g opencode-ai@1.18.33",
      });
    },
  },
  {
    id: "service.port",
    group: "Service",
    title: "port",
    after: ["host.systemd"],
    timeoutMs: MANAGER_MS,
    async run(probes) {
      const { names } = probes;
      const listeners = await probes.listeners();
      if (listeners === undefined) {
        return warn(
          "this system does not say who listens there",
          "whether it is you is not known before the password is sent",
          { text: "see for yourself", command: `lsof -nP -iTCP:${names.port} -sTCP:LISTEN` },
        );
      }
      if (listeners.length === 0) return ok(`${names.port}: free`);
      const foreign = listeners.find(probes.isForeign);
      if (foreign) {
        return fail(
          `${names.port} is taken by ${describeHolder(foreign, names)}`,
          "who answers there would work on your files: nothing is sent to it, and no password",
          lookWho(names),
          otherPort(probes),
        );
      }
      const open = listeners.find(({ address }) => !LOOPBACK.test(address));
      if (open) {
        return fail(
          `${names.port} is open to the network (${open.address})`,
          "anyone who reaches it can run commands here",
          endRemedy(open, names) ?? lookWho(names),
        );
      }
      const unit = await unitFacts(probes);
      const [holder] = listeners;
      const managed = await managedVerdict(probes);
      if (managed) return managed;
      if (unit && isOfUnit(holder, unit)) {
        return ok(`${names.port}: ${UNIT_NAME} (pid ${holder.pid})`);
      }
      const who = describeHolder(holder, names);
      const asked = await probes.server.health();
      const isOpenCode = "value" in asked || KNOWN_TO_BE.includes(asked.error.problem);
      if (unit === undefined && isOpenCode) return ok(`${names.port}: ${who}`);
      const remedy = endRemedy(holder, names) ?? lookWho(names);
      if (isOpenCode) {
        return warn(
          `${names.port}: another OpenCode, not the unit's: ${who}`,
          "it ends with the process that started it, and the unit cannot start",
          remedy,
        );
      }
      return fail(`${names.port} is taken by ${who}`, "the server cannot listen there", remedy);
    },
  },
  {
    id: "service.installed",
    group: "Service",
    title: "unit is installed",
    after: ["host.systemd"],
    timeoutMs: MANAGER_MS,
    async run(probes) {
      const { names } = probes;
      const unit = await unitFacts(probes);
      if (!unit) return skip("there is no systemd user manager");
      if (INSTALLED.includes(unit.load)) return ok(unit.file ?? names.unitFile);
      const isMasked = unit.load === "masked";
      const remedy = {
        text: "install it, enable it and start it",
        command: (isMasked ? `systemctl --user unmask ${UNIT_NAME} && ` : "") +
          installCommand(names),
      };
      const found = isMasked ? `${UNIT_NAME} is masked` : `there is no ${UNIT_NAME}`;
      return "value" in await probes.server.health()
        ? warn(found, "nobody keeps the server that answers now", remedy)
        : fail(found, "nothing keeps an OpenCode server running", remedy);
    },
  },
  {
    id: "service.loaded",
    group: "Service",
    title: "unit is sound",
    needs: ["service.installed"],
    async run(probes) {
      const unit = await runnable(probes);
      if (!unit) return skip("systemd does not say");
      const file = unit.file ?? "";
      const problems = file === "" ? [] : await probes.systemd.verify(file);
      const shown = problems.map((problem) => problem.replace(`${file}:`, "line "));
      if (unit.load !== "loaded") {
        return fail(
          `systemd refuses it: ${plain(shown.at(0) ?? unit.loadError ?? unit.load, 200)}`,
          "it cannot be started",
          reinstall(probes.names),
        );
      }
      if (unit.needsReload) {
        return warn(
          "its file changed since systemd read it",
          "the next start will differ from what runs now",
          { text: "let systemd read it", command: "systemctl --user daemon-reload" },
        );
      }
      if (shown.length > 0) {
        return warn(plain(shown[0], 200), "systemd ignores that line", reinstall(probes.names));
      }
      return ok(unit.dropIns?.length ? `with ${dropInNames(unit.dropIns)}` : "no drop-ins");
    },
  },
  {
    id: "service.command",
    group: "Service",
    title: "unit starts the server",
    needs: ["service.loaded"],
    async run(probes) {
      const { names } = probes;
      const unit = await runnable(probes);
      if (!unit) return skip("systemd does not say");
      const command = unit.command ?? [];
      const { port, hostname } = serveOptions(command);
      const shown = plain(command.join(" "), 160);
      if (port !== names.port) {
        return fail(
          `${shown}: port ${port ?? "not said"}, not ${names.port}`,
          `the server is looked for at ${names.serverUrl}`,
          reinstall(names),
        );
      }
      if (hostname !== undefined && !LOOPBACK.test(hostname)) {
        return fail(
          `${shown}: listens on ${plain(hostname, 60)}`,
          "anyone who reaches it can run commands here",
          reinstall(names),
        );
      }
      if (isManaged(shown)) return fail(shown, NOT_MANAGED, reinstall(names));
      const missing = missingProgram(probes, command, unit);
      if (missing !== undefined) {
        return fail(
          `${plain(missing, 120)} is not there`,
          "the unit cannot start",
          reinstall(names),
        );
      }
      return ok(shown);
    },
  },
  {
    id: "service.enabled",
    group: "Service",
    title: "unit starts at boot",
    needs: ["service.installed"],
    async run(probes) {
      const unit = await unitFacts(probes);
      if (!unit || !INSTALLED.includes(unit.load)) return skip("the unit is not installed");
      if (
        ["enabled", "enabled-runtime", "linked", "linked-runtime", "alias"].includes(unit.fileState)
      ) {
        return ok(unit.fileState);
      }
      if (unit.fileState === "static") {
        return fail(
          "its file has no [Install] section",
          "nothing starts it at boot",
          reinstall(probes.names),
          {
            text: "then enable it",
            command: `systemctl --user enable ${UNIT_NAME}`,
          },
        );
      }
      return fail(unit.fileState || "its file is gone", "after a boot there is no server", {
        text: "enable it",
        command: `systemctl --user enable ${UNIT_NAME}`,
      });
    },
  },
  {
    id: "service.active",
    group: "Service",
    title: "unit is running",
    needs: ["service.command"],
    after: ["service.port"],
    async run(probes) {
      const unit = await runnable(probes);
      if (!unit) return skip("systemd does not say");
      const now = probes.now();
      const restless = isRestless(unit, now);
      const log = unit.active === "active" && !restless ? [] : await probes.systemd.log();
      if (restless) {
        return warn(
          `it ${startedAgain(unit, now, log)}`,
          "it may be in a circle of ending and starting",
          LOG,
        );
      }
      if (unit.active === "active") {
        const since = unit.activeSince === undefined ? "" : ` for ${age(unit.activeSince, now)}`;
        return ok(`running${since} (pid ${unit.pid})`);
      }
      if (
        unit.active === "reloading" || (unit.active === "activating" && unit.sub !== "auto-restart")
      ) {
        return ok("starting");
      }
      return fail(
        whyNotActive(unit, log),
        "there is no server to run the agent",
        unit.active === "inactive"
          ? { text: "start it", command: `systemctl --user start ${UNIT_NAME}` }
          : RESTART,
        ...(unit.active === "inactive" ? [] : [LOG]),
      );
    },
  },
  {
    id: "service.folders",
    group: "Service",
    title: "unit's settings and logins",
    needs: ["service.active"],
    async run(probes) {
      const { names } = probes;
      const unit = await runnable(probes);
      const there = unit?.pid ? await probes.foldersOf(unit.pid) : undefined;
      if (!there) return skip("the unit does not run, or does not say");
      const other = BASES.find((name) => there[name] !== names.folders[name]);
      if (other === undefined) return ok("where this shell has them");
      return warn(
        `${other} is ${plain(names.folders[other], 100)} here, and ${plain(there[other], 100)} ` +
          "for the server",
        "it reads other settings and logins of OpenCode than your shell",
        reinstall(names),
      );
    },
  },
];

const AGENT = "it is the agent and its server";
const INSTALL: Remedy = {
  text: "install it",
  command: "curl -fsSL https://opencode.ai/install | bash",
};

/** The packages of OpenCode 2 bring both names. */
function noOpenCode(opencode2: string | undefined, { home }: Pick<Names, "home">): Verdict {
  const found = "there is no program `opencode`";
  if (opencode2 === undefined) return fail(found, AGENT, INSTALL);
  const folder = shellWord(path.join(home, ".local/bin"));
  return fail(`${found}, only ${opencode2}`, "the unit starts it by its other name", {
    text: "give it that name, too",
    command: `mkdir -p ${folder} && ln -s ${shellWord(opencode2)} ${folder}/opencode`,
  });
}

/**
 * What is known of the unit: from systemd, or from its files when systemd does not answer now, so
 * that what is missing is found at the first look. Undefined without systemd.
 */
export async function unitFacts(probes: Probes): Promise<UnitFacts | undefined> {
  const manager = await probes.systemd.userManager();
  if (manager.reachable) return await probes.systemd.unit();
  if (manager.problem === "no_systemd") return undefined;
  const { unitFile } = probes.names;
  const isMasked = probes.mode(unitFile)?.isLinkTo === "/dev/null";
  const wanted = path.join(path.dirname(unitFile), "default.target.wants", UNIT_NAME);
  return {
    load: isMasked ? "masked" : probes.exists(unitFile) ? "loaded" : "not-found",
    fileState: probes.exists(wanted) ? "enabled" : "disabled",
  };
}

/** The unit as systemd itself knows it, when it is installed. */
async function runnable(probes: Probes): Promise<UnitFacts | undefined> {
  const manager = await probes.systemd.userManager();
  const unit = manager.reachable ? await probes.systemd.unit() : undefined;
  return unit && INSTALLED.includes(unit.load) ? unit : undefined;
}

/**
 * One pipeline from a password, which comes first so that the server is never without, and the file in this program to a server that answers: a cold one takes some 3 s
 * (1.18.33, measured), for which the last command waits.
 */
export function installCommand(
  names: Pick<Names, "ralph" | "unitFile" | "serverUrl" | "port" | "configFolder">,
): string {
  const { ralph, unitFile } = names;
  const doctor = `${ralph} doctor${serverOption(names)}`;
  return `${newPasswordCommand(names)} && mkdir -p ${shellWord(path.dirname(unitFile))} && ` +
    `${writeUnitCommand(names)} && ` +
    `systemctl --user daemon-reload && systemctl --user enable --now ${UNIT_NAME} && ` +
    `${doctor} server.answers`;
}

/** Beside it first: a program that fails leaves what is there. */
function writeUnitCommand(names: Pick<Names, "ralph" | "unitFile" | "serverUrl" | "port">): string {
  const file = shellWord(names.unitFile);
  return `${names.ralph} doctor${serverOption(names)} --print-unit > ${file}.new && ` +
    `mv ${file}.new ${file}`;
}

export function reinstall(names: Names): Remedy {
  const file = shellWord(names.unitFile);
  return {
    text: "put the right one in its place, and keep the old one",
    command: `cp ${file} ${file}.old && ${writeUnitCommand(names)} && ` +
      `systemctl --user daemon-reload && systemctl --user restart ${UNIT_NAME}`,
  };
}

const DEFAULT_PORT = 14096;
const serverOption = ({ serverUrl, port }: Pick<Names, "serverUrl" | "port">) =>
  port === DEFAULT_PORT ? "" : ` --server ${shellWord(serverUrl)}`;

function missingProgram(
  { exists }: Probes,
  command: readonly string[],
  unit: UnitFacts,
): string | undefined {
  const name = startedBy(command);
  if (path.isAbsolute(name)) return exists(name) ? undefined : name;
  const searched = searchPathOf(unit.environment ?? []);
  if (searched === undefined || inPath(name, searched, exists)) return undefined;
  return `${name} (in the unit's PATH)`;
}

/** The program of a command line, or what env(1) looks for there. */
function startedBy([first = "", ...rest]: readonly string[]): string {
  if (path.basename(first) !== "env") return first;
  return rest.find((word) => !word.includes("=") && !word.startsWith("-")) ?? "";
}

const inPath = (name: string, searched: string, exists: Probes["exists"]) =>
  searched.split(":").map((folder) => path.join(folder, name)).find(exists);

/** Which program the unit starts, as far as it says. */
export async function programOfUnit(probes: Probes): Promise<string | undefined> {
  const unit = await runnable(probes);
  const name = startedBy(unit?.command ?? []);
  if (path.isAbsolute(name)) return name;
  const searched = searchPathOf(unit?.environment ?? []);
  return searched === undefined ? undefined : inPath(name, searched, probes.exists);
}

/** The system may have a unit by that name, too. */
const OF_UNIT = new RegExp(`/user@\\d+\\.service/(?:.*/)?${RegExp.escape(UNIT_NAME)}(?:/|$)`);

/** Whether the listener is the unit's process, or one of its children. */
export function isOfUnit({ pid, controlGroup }: Listener, unit: UnitFacts): boolean {
  return pid !== undefined &&
    (pid === unit.pid || OF_UNIT.test(controlGroup ?? ""));
}

/** A turn tells more than a version. */
export const tryTurn = ({ ralph }: Pick<Names, "ralph">): Remedy => ({
  text: "see with one turn that it works",
  command: `${ralph} doctor --deep server.turn`,
});

/** Who listens, as far as this user may know. */
export function describeHolder(
  { pid, uid, user, command }: Listener,
  names: Pick<Names, "uid">,
): string {
  if (uid !== names.uid) return `a process of ${plain(user ?? `user ${uid}`, 40)}`;
  return `${plain(command ?? "an unknown program", 80)} (pid ${pid ?? "unknown"})`;
}

/** They start other programs, which are not theirs to start again. */
const LAUNCHERS = /^(?:crond?|atd|sshd?|docker|containerd)\.service$/;

/** The command that ends the holder, when it is this user's; systemd would start what is killed again. */
export function endRemedy(
  { pid, uid, controlGroup = "" }: Listener,
  names: Pick<Names, "uid">,
): Remedy | undefined {
  if (pid === undefined || uid !== names.uid) return undefined;
  const [, slice, unit] =
    /^\/(system|user)\.slice\/(?:.*\/)?([\w.@:-]+\.service)$/.exec(controlGroup) ?? [];
  if (unit === undefined || unit === UNIT_NAME && slice === "user" || LAUNCHERS.test(unit)) {
    return { text: "end it", command: `kill ${pid}` };
  }
  return slice === "system"
    ? {
      text: `stop the system's unit ${unit}, which would start it again`,
      command: `sudo systemctl stop ${shellWord(unit)}`,
    }
    : {
      text: `stop the unit ${unit}, which would start it again`,
      command: `systemctl --user stop ${shellWord(unit)}`,
    };
}

/** The way out where the holder is not one's own to end. */
function otherPort({ names, exists }: Pick<Probes, "names" | "exists">): Remedy {
  const url = `http://127.0.0.1:${names.port + 1}`;
  const file = path.join(names.configFolder, "config.json");
  const setting = `{ "server": "${url}" }`;
  const text = "have your own server on another port";
  if (exists(file)) return { text: `${text}: put \`${setting.slice(2, -2)}\` into ${file}` };
  const folder = shellWord(names.configFolder);
  return {
    text,
    command: `mkdir -p ${folder} && echo ${shellWord(setting)} > ${folder}/config.json && ` +
      `${names.ralph} doctor service`,
  };
}

const lookWho = ({ port }: Names): Remedy => ({
  text: "see whose it is",
  command: `sudo ss -ltnp 'sport = :${port}'`,
});

function dropInNames(files: readonly string[]): string {
  return `drop-ins ${files.map((file) => path.basename(file)).join(", ")}`;
}
