/** Checks of the OpenCode server, through the same client that the loop uses. */
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
import type { Names, Probes } from "./probes.ts";
import { unitFacts } from "./service.ts";
import { INSTALLED, LOG_COMMAND, RESTART_COMMAND, startedLately, UNIT_NAME } from "./unit_facts.ts";
import { isTestedVersion, TESTED_VERSIONS } from "../opencode/versions.ts";

const LOG: Remedy = {
  text: "see what it says",
  command: LOG_COMMAND,
};
const RESTART: Remedy = {
  text: "start it anew",
  command: RESTART_COMMAND,
};
/** A cold project takes up to 4 s (1.18.33, measured), and then the model takes its time. */
const TURN_MS = 60_000;
/** The first request in a project loads its plugins: up to 2.7 s on a busy machine (1.18.33). */
const COLD_MS = 4_500;

/** When one of these fails, it says why nothing answers. */
const EXPLAINING = [
  "service.port",
  "service.installed",
  "service.loaded",
  "service.command",
  "service.active",
];

const NOTHING_THERE: readonly string[] = ["unreachable", "not_opencode"];

export const serverChecks: readonly Check[] = [
  {
    id: "server.password_file",
    group: "Server",
    title: "password is private",
    run({ serverEnv: { isOpen, path } }) {
      if (!isOpen) return ok("no file that others may read");
      return fail(`others may read ${path}`, "whoever has it can run commands here", {
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
    timeoutMs: 5_000,
    async run(probes, { levelOf }) {
      const { server, names } = probes;
      const asked = await server.health();
      if ("value" in asked) return ok(names.serverUrl);
      const { error } = asked;
      const found = plain(error.message, 200);
      // Told by the next check.
      if (error.problem === "unauthorized") {
        return ok(`${names.serverUrl}, and asks for a password`);
      }
      if (NOTHING_THERE.includes(error.problem)) {
        if (EXPLAINING.some((id) => levelOf(id) === "fail")) {
          return skip("nothing runs there: see Service");
        }
        const unit = await unitFacts(probes);
        if (!unit || !INSTALLED.includes(unit.load)) {
          return fail(found, "the loop works through this server", {
            text: "start it here, and keep it running",
            command: `opencode serve --hostname 127.0.0.1 --port ${names.port}`,
          });
        }
      }
      if (startedLately(await unitFacts(probes), probes.now())) {
        return fail(`${UNIT_NAME} was only just started, and does not answer yet`, found, {
          text: "give it a moment, then look again",
          command: `sleep 5; ${names.ralph} doctor`,
        }, LOG);
      }
      return fail(found, "the loop works through this server", RESTART, LOG);
    },
  },
  {
    id: "server.password",
    group: "Server",
    title: "password matches",
    needs: ["server.answers"],
    async run(probes) {
      const asked = await probes.server.health();
      const { source, path } = probes.serverEnv;
      if ("value" in asked) {
        return ok(source === undefined ? "none is asked for" : `from ${nameOf(source, path)}`);
      }
      if (asked.error.problem !== "unauthorized") throw asked.error;
      return await wrongPassword(probes);
    },
  },
  {
    id: "server.version",
    group: "Server",
    title: "server's version",
    needs: ["server.password"],
    after: ["service.opencode"],
    async run({ server, program, versionOf }) {
      const asked = await server.health();
      if ("error" in asked) throw asked.error;
      const version = plain(asked.value.version, 20);
      if (!isTestedVersion(version)) {
        return warn(version, `tested are ${TESTED_VERSIONS}`, {
          text: "install one of those, then start the server anew",
          command: `npm install -g opencode-ai@1.18.33 && systemctl --user restart ${UNIT_NAME}`,
        });
      }
      const installed = program("opencode");
      const onDisk = installed === undefined ? undefined : await versionOf(installed);
      if (onDisk !== undefined && onDisk !== asked.value.version) {
        return warn(
          `${version} runs, ${plain(onDisk, 20)} is installed`,
          "`opencode attach` may not fit the server",
          RESTART,
        );
      }
      return ok(version);
    },
  },
  {
    id: "server.session",
    group: "Server",
    title: "works in this project",
    needs: ["server.password"],
    timeoutMs: COLD_MS,
    async run({ server, project }) {
      if (!project) return skip(NO_PROJECT);
      const { session } = await server.roundTrip();
      if ("error" in session) return failure(session.error, "the loop begins each iteration so");
      return ok("made an OpenCode session, found it, deleted it");
    },
  },
  {
    id: "server.events",
    group: "Server",
    title: "events arrive",
    needs: ["server.session"],
    timeoutMs: COLD_MS,
    async run({ server, project }) {
      if (!project) return skip(NO_PROJECT);
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
    needs: ["server.password"],
    timeoutMs: COLD_MS,
    async run({ server }) {
      const asked = await server.models();
      if ("error" in asked) return failure(asked.error, "without a model no agent works");
      const { chosen, chosenBy, providers } = asked.value;
      const login: Remedy = { text: "log in to a provider", command: "opencode auth login" };
      if (chosen === undefined) {
        return fail("the server has no model that can be used", "no agent can work", login);
      }
      const shown = plain(chosen, 100);
      const providerId = chosen.slice(0, chosen.indexOf("/"));
      const provider = providers.find(({ id }) => id === providerId);
      if (!provider) {
        return fail(
          `${shown}: its provider cannot be used`,
          "it has no credentials, or is switched off",
          { ...login, command: `opencode auth login` },
          { text: "see which models can be used", command: "opencode models" },
        );
      }
      if (!provider.models.includes(chosen)) {
        return fail(`${shown}: the server does not know it`, "every iteration would fail", {
          text: "see which it knows",
          command: `opencode models ${shellWord(providerId)}`,
        });
      }
      const by = { ralph: "ralph's setting", server: "OpenCode's setting", default: "the default" };
      const found = `${shown} (${by[chosenBy]})`;
      if (provider.hasCredentials) return ok(found);
      return warn(
        `${found}; no credentials`,
        "only the free models of OpenCode work without, and those are limited",
        login,
      );
    },
  },
  {
    id: "server.waiting",
    group: "Server",
    title: "nothing waits for a person",
    needs: ["server.session"],
    timeoutMs: COLD_MS,
    async run({ server, project, names }) {
      if (!project) return skip(NO_PROJECT);
      const asked = await server.waiting();
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
          command: `opencode attach ${names.serverUrl} --dir ${shellWord(project.root)} --session ${
            shellWord(first.sessionId)
          }`,
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
    async run({ server, project }) {
      if (!project) return skip(NO_PROJECT);
      const asked = await server.turn();
      if ("error" in asked) return failure(asked.error, "every iteration would fail so");
      const { ms, tokens, text } = asked.value;
      return ok(`“${plain(text, 40)}” after ${duration(ms)}, ${plural(tokens, "token")}`);
    },
  },
];

const nameOf = (source: "variable" | "file", path: string) =>
  source === "file" ? path : "OPENCODE_SERVER_PASSWORD";

/** What a request failed with, with the remedies that its error already knows. */
function failure(error: OpenCodeError, because: string): Verdict {
  const [first = LOG, ...more] = error.hints;
  return fail(plain(error.message, 300), because, first, ...more);
}

/**
 * The password that the server was started with is in its process's environment, which its user may
 * read: where it is known, the remedy is exact, and the password is never shown.
 */
async function wrongPassword(probes: Probes): Promise<Verdict> {
  const { serverEnv, names } = probes;
  const found = serverEnv.source === undefined
    ? "the server asks for a password, and ralph has none"
    : `the server refuses the one from ${nameOf(serverEnv.source, serverEnv.path)}`;
  const because = "every request is refused";
  const pid = (await probes.listeners())?.at(0)?.pid;
  const served = pid
    ? (await probes.environmentOf(pid))?.get("OPENCODE_SERVER_PASSWORD")
    : undefined;
  if (served === undefined) {
    return fail(found, because, {
      text: "write the server's password into ralph's file: type it, then press Enter",
      command: passwordCommand(names),
    });
  }
  if (serverEnv.source === "variable" && probes.serverEnv.inFile === served) {
    return fail(found, because, {
      text: "the file has the right one; the variable hides it",
      command: "unset OPENCODE_SERVER_PASSWORD",
    });
  }
  const folder = shellWord(names.configFolder);
  const take: Remedy = {
    text: "take over the one that the server was started with, without showing it",
    command: `(umask 077 && mkdir -p ${folder} && tr '\\0' '\\n' < /proc/${pid}/environ | ` +
      `grep ^OPENCODE_SERVER_ > ${shellWord(serverEnv.path)})`,
  };
  return serverEnv.source === "variable"
    ? fail(found, because, take, {
      text: "and let the file count",
      command: "unset OPENCODE_SERVER_PASSWORD",
    })
    : fail(found, because, take);
}

function passwordCommand({ configFolder }: Names): string {
  const folder = shellWord(configFolder);
  return `(umask 077 && mkdir -p ${folder} && read -rs p && ` +
    `printf 'OPENCODE_SERVER_PASSWORD=%s\\n' "$p" > ${folder}/server.env)`;
}
