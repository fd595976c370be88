/** Checks of the OpenCode server, through the same client that the loop uses. */
import type { Health } from "../opencode/client.ts";
import type { OpenCodeError } from "../opencode/error.ts";
import { duration, plural } from "../terminal/format.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import {
  type Check,
  fail,
  NO_PROJECT,
  ok,
  type Remedy,
  skip,
  type Verdict,
  warn,
} from "./check.ts";
import { modelVerdict, unusableProvider } from "./model.ts";
import {
  giveVariableCommand,
  newPasswordCommand,
  serveCommand,
  takePasswordCommand,
  typePasswordCommand,
} from "./password.ts";
import type { Asked, Probes } from "./probes.ts";
import { managedVerdict, programOfUnit, reinstall, tryTurn, unitFacts } from "./service.ts";
import {
  INSTALLED,
  LOG_COMMAND,
  RESTART_COMMAND,
  startedLately,
  UNIT_NAME,
  type UnitFacts,
} from "./unit_facts.ts";
import { attachCommand, type CommandServer, serverCommands } from "../opencode/commands.ts";
import { isSameVersion, isTestedVersion, testedWords } from "../opencode/versions.ts";

const LOG: Remedy = {
  text: "see what it says",
  command: LOG_COMMAND,
};
const RESTART: Remedy = {
  text: "restart it",
  command: RESTART_COMMAND,
};
/** A cold project takes up to 4 s (1.18.33, measured), and then the model takes its time. */
const TURN_MS = 60_000;
/**
 * The first request in a project loads its plugins: 2.7 s on a busy machine, and more than 4.5 s on
 * one with eight other processes at work (1.18.33, measured). Slow is no failure.
 */
const COLD_MS = 15_000;

/** When one of these fails, it says why nothing answers. */
const EXPLAINING = [
  "service.port",
  "service.installed",
  "service.loaded",
  "service.command",
  "service.active",
];

const NEEDS_PASSWORD = "needs “password matches”";
const OTHERS_SHOWN = 3;

const NOTHING_THERE: readonly string[] = ["unreachable", "not_opencode"];

export const serverChecks: readonly Check[] = [
  {
    id: "server.password_file",
    group: "Server",
    title: "password is private",
    run({ serverEnv: { isOpen, path, problem } }) {
      if (problem !== undefined) {
        return fail(
          `cannot read ${path}: ${plain(problem, 200)}`,
          "no command can use the server",
          {
            text: "see what it is",
            command: `ls -ld ${shellWord(path)}`,
          },
        );
      }
      if (!isOpen) return ok("no file that other users may read");
      return fail(`other users may read ${path}`, "anyone who has it can run commands here", {
        text: "keep it to yourself",
        command: `chmod 600 ${shellWord(path)}`,
      });
    },
  },
  {
    id: "server.answers",
    group: "Server",
    title: "server answers",
    after: EXPLAINING,
    timeoutMs: COLD_MS + 1_000,
    async run(probes, { levelOf }) {
      const { server, names } = probes;
      const managed = await managedVerdict(probes);
      if (managed) {
        return levelOf("service.port") === "fail"
          ? skip("it is OpenCode's own background service: see Service")
          : managed;
      }
      const asked = await server.health();
      if ("value" in asked) return ok(`${names.serverUrl}, OpenCode ${asked.value.generation}`);
      const { error } = asked;
      const found = plain(error.message, 200);
      if (error.problem === "foreign") {
        return failure(error, "a server works on your files: it has to be your own");
      }
      // Reported by the next check.
      if (error.problem === "unauthorized") {
        return ok(`${names.serverUrl}, and asks for a password`);
      }
      if (error.problem === "refused") return failure(error, "the loop works through this server");
      if (NOTHING_THERE.includes(error.problem)) {
        if (EXPLAINING.some((id) => levelOf(id) === "fail")) {
          return skip("nothing runs there: see Service");
        }
        const unit = await unitFacts(probes);
        if (!unit || !INSTALLED.includes(unit.load)) {
          return fail(found, "the loop works through this server", {
            text: "start it here, and keep it running",
            command: serveCommand(names),
          });
        }
      }
      if (startedLately(await unitFacts(probes), probes.now())) {
        return fail(`${UNIT_NAME} was only just started, and does not answer yet`, found, {
          text: "give it a moment, then look again",
          command: `sleep 5; ${names.ralph} doctor`,
        }, LOG);
      }
      const impact = error.problem === "timeout"
        ? "it holds its port; sessions wait for it, and go on once it answers or was restarted"
        : "the loop works through this server";
      return fail(found, impact, RESTART, LOG);
    },
  },
  {
    id: "server.password",
    group: "Server",
    title: "password matches",
    needs: ["server.answers"],
    async run(probes) {
      const asked = await probes.server.health();
      const { source } = probes.serverEnv;
      if ("value" in asked) {
        if (await probes.server.isOpen()) return await openToAll(probes);
        return ok(source === undefined ? "it was accepted" : `from ${nameOf(probes.serverEnv)}`);
      }
      if (asked.error.problem !== "unauthorized") throw asked.error;
      if (probes.isPasswordWithheld) return failure(asked.error, "every request is refused");
      return await wrongPassword(probes);
    },
  },
  {
    id: "server.version",
    group: "Server",
    title: "server's version",
    needs: ["server.answers"],
    after: ["service.opencode", "server.password"],
    async run(probes) {
      const { server, program, versionOf, names } = probes;
      const asked = await server.health();
      if ("error" in asked) return skip(NEEDS_PASSWORD);
      const version = plain(asked.value.version, 20);
      if (asked.value.generation === 2) {
        return warn(`${version} (OpenCode 2)`, testedWords(version), tryTurn(names));
      }
      if (!isTestedVersion(version)) {
        return warn(version, testedWords(version), {
          text: "install one of those, then restart the server",
          command: `npm install -g opencode-ai@1.18.33 && systemctl --user restart ${UNIT_NAME}`,
        });
      }
      const installed = program("opencode");
      const onDisk = installed === undefined ? undefined : await versionOf(installed);
      if (onDisk !== undefined && !isSameVersion(onDisk, asked.value.version)) {
        const because = "`opencode attach` may not fit the server";
        const found = `${version} runs, ${plain(onDisk, 20)} is installed`;
        const ofUnit = await programOfUnit(probes);
        if (ofUnit === undefined || ofUnit === installed) return warn(found, because, RESTART);
        return warn(
          `${found}: the unit has ${plain(ofUnit, 100)}, and your shell ${installed}`,
          because,
          { ...reinstall(names), text: "have the unit start that of your shell" },
        );
      }
      return ok(version);
    },
  },
  {
    id: "server.session",
    group: "Server",
    title: "makes OpenCode sessions",
    needs: ["server.answers"],
    after: ["server.password"],
    timeoutMs: COLD_MS,
    async run({ server }) {
      if ("error" in await server.health()) return skip(NEEDS_PASSWORD);
      const { session } = await server.roundTrip();
      if ("error" in session) {
        return failure(session.error, "each iteration of the loop begins with one");
      }
      return ok("made an OpenCode session, found it, deleted it");
    },
  },
  {
    id: "server.events",
    group: "Server",
    title: "events arrive",
    needs: ["server.session"],
    timeoutMs: COLD_MS,
    async run({ server }) {
      const { event } = await server.roundTrip();
      if ("error" in event) return failure(event.error, "the loop follows the agent by them");
      if (event.value) return ok("that of the new OpenCode session");
      return warn(
        "none of the new OpenCode session came",
        "the loop then asks again and again, and sees the agent's work late",
        RESTART,
        LOG,
      );
    },
  },
  {
    id: "server.model",
    group: "Server",
    title: "model",
    needs: ["server.answers"],
    after: ["server.password"],
    timeoutMs: COLD_MS,
    async run(probes) {
      const { server, project } = probes;
      const health = await server.health();
      if ("error" in health) return skip(NEEDS_PASSWORD);
      const asked = await server.models();
      if ("error" in asked) return failure(asked.error, "without a model no agent works");
      const ofProject = project?.openCodeChoices();
      const ofServer = commandServer(probes, health);
      const verdict = modelVerdict(asked.value, { server: ofServer, ofProject });
      if (verdict.level !== "fail") return verdict;
      const providerId = unusableProvider(asked.value, ofProject);
      return (providerId !== undefined && await keyInShell(probes, verdict.found, providerId)) ||
        await restartedAfterLogin(probes, verdict, serverCommands(ofServer).login);
    },
  },
  {
    id: "server.variables",
    group: "Server",
    title: "variables of its settings",
    needs: ["server.answers"],
    async run(probes) {
      const pid = await ownPid(probes);
      const [environment, folders] = pid === undefined
        ? []
        : await Promise.all([probes.environmentOf(pid), probes.foldersOf(pid)]);
      if (!environment || !folders) return skip("the server's environment is not known");
      const wanted = probes.settingsVariables(folders.XDG_CONFIG_HOME);
      const missing = wanted.find(({ variable }) => !environment.has(variable));
      if (missing === undefined) return ok(wanted.length > 0 ? "all are set" : "none");
      const { file, variable } = missing;
      return warn(
        `${variable} is not set in the server, and ${plain(file, 100)} has {env:${variable}}`,
        "the server takes it for empty",
        ...await giveVariable(probes, variable),
      );
    },
  },
  {
    id: "server.rules",
    group: "Server",
    title: "what agents may not do",
    needs: ["server.answers"],
    after: ["server.password"],
    timeoutMs: COLD_MS,
    async run({ server, project }) {
      if ("error" in await server.health()) return skip(NEEDS_PASSWORD);
      const asked = await server.denials();
      if ("error" in asked) return skip(plain(asked.error.message, 200));
      const { inForce, overruled } = asked.value;
      const list = (rules: readonly string[]) => rules.map((rule) => plain(rule, 80)).join(", ");
      const off = overruled.length === 0
        ? ""
        : `; denied, and allowed again by a later rule: ${list(overruled)}`;
      const rules = project?.openCodeChoices().rules ?? [];
      const own = rules.length === 0 ? "" : `; this project's opencode.json adds: ${list(rules)}`;
      return ok(
        (inForce.length === 0
          ? "nothing is denied: agents may do what your user may"
          : `denied: ${list(inForce)}`) + off + own,
      );
    },
  },
  {
    id: "server.waiting",
    group: "Server",
    title: "nothing waits for a person",
    needs: ["server.session"],
    timeoutMs: COLD_MS,
    async run(probes) {
      const { server, project } = probes;
      if (!project) return skip(NO_PROJECT);
      const health = await server.health();
      const asked = "error" in health ? health : await server.waiting();
      if (asked === undefined) {
        return skip("no session works in this project, and to tell, the server would load it");
      }
      if ("error" in asked) return failure(asked.error, "a question may block an agent");
      const { permissions, questions } = asked.value;
      const total = permissions.length + questions.length;
      if (total === 0) return ok("no permission request, no question");
      const [first] = [...permissions, ...questions];
      const what = "permission" in first
        ? `permission \`${plain(first.permission, 40)}\``
        : "a question";
      return warn(
        `${plural(total, "request")} in this project, the first: ${what}`,
        "an OpenCode session waits for an answer; ralph answers only its own",
        {
          text: "answer it there",
          command: attachCommand(commandServer(probes, health), {
            directory: project.root,
            sessionId: first.sessionId,
          }),
        },
      );
    },
  },
];

/** Costs a model call: only with `--deep`. */
export const deepChecks: readonly Check[] = [
  {
    id: "server.turn",
    group: "Server",
    title: "the agent answers",
    needs: ["server.session", "server.model"],
    timeoutMs: TURN_MS,
    async run({ server }) {
      const asked = await server.turn();
      if ("error" in asked) return failure(asked.error, "every iteration would fail so");
      const { ms, tokens, text } = asked.value;
      return ok(`“${plain(text, 40)}” after ${duration(ms)}, ${plural(tokens, "token")}`);
    },
  },
];

/** For commands to the server. */
const commandServer = (
  { names, serverEnv }: Pick<Probes, "names" | "serverEnv">,
  health: Asked<Health>,
): CommandServer => ({
  generation: "value" in health ? health.value.generation : 1,
  url: names.serverUrl,
  passwordFile: serverEnv.source === "file" ? serverEnv.path : undefined,
});

const nameOf = ({ source, path, name }: Probes["serverEnv"]) => source === "file" ? path : name;

/** What a request failed with, with the remedies that its error already knows. */
function failure(error: OpenCodeError, because: string): Verdict {
  const [first = LOG, ...more] = error.hints;
  return fail(plain(error.message, 300), because, first, ...more);
}

/** A server without a password does what anybody on this machine asks of it, as this user. */
async function openToAll(probes: Probes): Promise<Verdict> {
  const { names, serverEnv } = probes;
  const { source, inFile, path } = serverEnv;
  const [others, unit] = await Promise.all([probes.otherUsers(), unitFacts(probes)]);
  const make = {
    text: "make a random one, in a file of yours",
    command: newPasswordCommand(names),
  };
  const restart = startAnew(probes, unit);
  const unset = { text: "and let the file count", command: `unset ${shellWord(serverEnv.name)}` };
  const remedy: readonly [Remedy, ...Remedy[]] = inFile !== undefined
    ? [restart]
    : source === "variable"
    ? [make, restart, unset]
    : [make, restart];
  const { unread } = serverEnv;
  const found = "the server asks for none" +
    (unread !== undefined && source === undefined ? `: in ${path} ${unread}` : "");
  if (others.length === 0) {
    return warn(
      found,
      "every program of this machine, of any account, can use your files",
      ...remedy,
    );
  }
  const shown = others.slice(0, OTHERS_SHOWN).map((name) => plain(name, 40)).join(", ");
  const more = others.length > OTHERS_SHOWN ? ` and ${others.length - OTHERS_SHOWN} more` : "";
  return fail(
    found,
    `who has a login here can run commands as you: ${shown}${more} (/etc/passwd)`,
    ...remedy,
  );
}

/** Where this shell has the key of a provider, and the server has not. */
async function keyInShell(
  probes: Probes,
  found: string,
  providerId: string,
): Promise<Verdict | undefined> {
  const [asked, pid] = await Promise.all([probes.server.keyVariables(providerId), ownPid(probes)]);
  const environment = pid === undefined ? undefined : await probes.environmentOf(pid);
  if ("error" in asked || environment === undefined) return undefined;
  const key = asked.value.find((name) => probes.isSet(name) && !environment.has(name));
  if (key === undefined) return undefined;
  const [first, ...more] = await giveVariable(probes, key);
  return fail(
    `${found}: ${key} is set here, and not in the server`,
    "the server has the environment of the service, not that of your shell",
    first,
    ...more,
  );
}

/** The commands that give the server a variable. */
async function giveVariable(
  probes: Probes,
  variable: string,
): Promise<readonly [Remedy, ...Remedy[]]> {
  const { names, serverEnv } = probes;
  const restart = startAnew(probes, await unitFacts(probes));
  return probes.isSet(variable)
    ? [{
      text: "put it into the file that the service reads, without showing it",
      command: giveVariableCommand(names, variable),
    }, restart]
    : [{ text: `write ${variable}="..." into ${serverEnv.path}` }, restart];
}

/** A server knows of a login in a folder that it has loaded once it is started again (1.18.34, measured). */
async function restartedAfterLogin<Failed extends Verdict & { level: "fail" }>(
  probes: Probes,
  verdict: Failed,
  login: string,
): Promise<Failed> {
  const unit = await unitFacts(probes);
  if (!unit || !INSTALLED.includes(unit.load)) return verdict;
  const [first, ...more] = verdict.remedy;
  if (first.command !== login) return verdict;
  const restart = { text: "then have the server read that", command: RESTART_COMMAND };
  return { ...verdict, remedy: [first, restart, ...more] };
}

/** The process of this user that has the port. */
async function ownPid({ listeners, names }: Probes): Promise<number | undefined> {
  return (await listeners())?.find(({ uid }) => uid === names.uid)?.pid;
}

/** What has the server take the password of the file. */
function startAnew({ names, serverEnv }: Probes, unit: UnitFacts | undefined): Remedy {
  if (unit && INSTALLED.includes(unit.load)) {
    return { text: "start the server anew, with it", command: RESTART_COMMAND };
  }
  return {
    text: "end the server, and start it with what that file has",
    command: `set -a; . ${shellWord(serverEnv.path)}; set +a; ` +
      `opencode serve --hostname 127.0.0.1 --port ${names.port}`,
  };
}

/**
 * The password that the server was started with is in its process's environment, which its user may
 * read: where it is known, the remedy is exact, and the password is never shown.
 */
async function wrongPassword(probes: Probes): Promise<Verdict> {
  const { serverEnv, names } = probes;
  const found = serverEnv.source === undefined
    ? "the server asks for a password, and ralph has none"
    : `the server refuses the one from ${nameOf(serverEnv)}`;
  const because = "every request is refused";
  const pid = await ownPid(probes);
  const environment = pid === undefined ? undefined : await probes.environmentOf(pid);
  // OpenCode 2 looks for the shorter name first.
  const served = environment?.get("OPENCODE_PASSWORD") ??
    environment?.get("OPENCODE_SERVER_PASSWORD");
  if (served === undefined && environment) {
    return fail(
      `${found}: it has made one up, as OpenCode 2 does at each start where it is given none`,
      because,
      { text: "make one that lasts, in a file of yours", command: newPasswordCommand(names) },
      startAnew(probes, await unitFacts(probes)),
    );
  }
  if (served === undefined || pid === undefined) {
    return fail(found, because, {
      text: "write the server's password into ralph's file: type it, then press Enter",
      command: typePasswordCommand(names),
    });
  }
  if (serverEnv.source === "variable" && probes.serverEnv.inFile === served) {
    return fail(found, because, {
      text: "the file has the right one; the variable hides it",
      command: `unset ${shellWord(serverEnv.name)}`,
    });
  }
  const take: Remedy = {
    text: "take over the one that the server was started with, without showing it",
    command: takePasswordCommand(names, pid),
  };
  return serverEnv.source === "variable"
    ? fail(found, because, take, {
      text: "and let the file count",
      command: `unset ${shellWord(serverEnv.name)}`,
    })
    : fail(found, because, take);
}
