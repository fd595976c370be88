/** Checks of the machine and of this user on it. */
import { shellWord } from "../terminal/shell_word.ts";
import type { Astray } from "../host/system/systemd.ts";
import { type Check, fail, ok, type Remedy, skip, warn } from "./check.ts";
import { homeFault } from "./folders.ts";
import { completionSetup, isSetUp } from "./completion_setup.ts";
import type { Probes } from "./probes.ts";

/**
 * For what asks for the user manager: with linger it is waited for, up to 10 s and a last question
 * (`Systemd.userManager`).
 */
export const MANAGER_MS = 13_000;
const GB = 1024 ** 3;
/** A night of agents' logs and build output takes some hundred MB. */
const SPACE = { fail: 0.2 * GB, warn: 2 * GB };

/** What all others need: in another's HOME nothing that they say would help. */
export const homeCheck: Check = {
  id: "host.home",
  group: "Host",
  title: "HOME is yours",
  run({ names }) {
    const fault = homeFault(names);
    return fault ? fail(fault.found, fault.because, ...fault.fixes) : ok(names.home);
  },
};

export const hostChecks: readonly Check[] = [
  {
    id: "host.platform",
    group: "Host",
    title: "platform",
    run: ({ machine }) => ok(`${machine.os} ${machine.arch}, ${machine.versions}`),
  },
  {
    id: "host.systemd",
    group: "Host",
    title: "systemd user manager",
    timeoutMs: MANAGER_MS,
    async run(probes) {
      const { systemd, names } = probes;
      const manager = await systemd.userManager();
      if (manager.reachable) {
        if (manager.runtimeDir === undefined) return ok(manager.state);
        return warn(
          `${manager.state}, but this shell does not lead to it`,
          "systemctl --user needs XDG_RUNTIME_DIR, which cron, su and sudo do not set, or keep",
          ...leadCommands(names, manager.astray),
        );
      }
      switch (manager.problem) {
        case "no_systemd":
          return warn(
            "this system is not run by systemd",
            "nothing starts the server again when it ends, and linger cannot be checked",
          );
        case "late":
          return fail("systemctl does not answer", "systemd of this user hangs", {
            text: "see what it does",
            command: `systemctl status user@${names.uid}.service`,
          });
        case "denied":
          return fail(
            "the user manager that this shell leads to is another user's",
            "the unit must be this user's own",
            ...leadCommands(names, manager.astray),
          );
        default: {
          const found = `not running: ${manager.said || "no answer"}`;
          if (await systemd.linger()) {
            return fail(found, "linger is on, so systemd should have started it", {
              text: "see why it did not",
              command: `systemctl status user@${names.uid}.service`,
            });
          }
          return fail(
            found,
            "it ends with the last login, and the server with it, unless linger is on",
            {
              text: "keep it running, now and after each boot",
              command: await lingerCommand(probes),
            },
            {
              text: "for this shell, when it has started",
              command: `export XDG_RUNTIME_DIR=/run/user/${names.uid} && ` +
                `${names.ralph} doctor host.systemd`,
            },
          );
        }
      }
    },
  },
  {
    id: "host.linger",
    group: "Host",
    title: "server outlives the logout",
    needs: ["host.systemd"],
    async run(probes) {
      const { systemd, names } = probes;
      if (!(await systemd.userManager()).reachable) return skip("there is no systemd user manager");
      const linger = await systemd.linger();
      if (linger) return ok(`linger is on for ${names.user}`);
      if (linger === undefined) {
        return warn(
          "loginctl does not say whether linger is on",
          "without it the server ends with the last logout",
          { text: "see why", command: `loginctl show-user ${shellWord(names.user)}` },
        );
      }
      return fail(
        `linger is off for ${names.user}`,
        "systemd ends the server some 10 s after the last logout",
        {
          text: (await systemd.mayLinger()) ? "allowed without a password" : "needs root here",
          command: await lingerCommand(probes),
        },
      );
    },
  },
  {
    id: "host.space",
    group: "Host",
    title: "room on the disk",
    run({ names, project, freeBytes }) {
      const { home, dataFolder, stateFolder } = names;
      const places = [
        ...new Set([home, dataFolder, stateFolder, ...(project ? [project.root] : [])]),
      ]
        .flatMap((folder) => {
          const free = freeBytes(folder);
          return free === undefined ? [] : [{ folder, free }];
        });
      const least = places.sort((a, b) => a.free - b.free).at(0);
      if (!least) return skip("this system does not say");
      const found = `${(least.free / GB).toFixed(1)} GB free at ${least.folder}`;
      const remedy = {
        text: "see what uses it",
        command: `du -xh --max-depth=1 ${shellWord(least.folder)} | sort -h | tail`,
      };
      if (least.free < SPACE.fail) return fail(found, "commits and builds will fail", remedy);
      if (least.free < SPACE.warn) return warn(found, "a night of work may fill it", remedy);
      return ok(found);
    },
  },
  {
    id: "host.git",
    group: "Host",
    title: "git",
    async run({ program, versionOf }) {
      const git = program("git");
      if (git !== undefined) return ok(`${(await versionOf(git)) ?? "version unknown"} (${git})`);
      return fail(
        "there is no program `git` on PATH",
        "without it the loop cannot see what changed",
        {
          text: "install it",
          command: "sudo apt-get install -y git",
        },
      );
    },
  },
  {
    id: "host.completions",
    group: "Host",
    title: "shell completions",
    run({ completions, names }) {
      if (!completions) return skip("the shell is not bash, zsh or fish");
      if (names.ralph !== "ralph") {
        return skip("they ask `ralph` of PATH, which is not this program, or is not there");
      }
      if (isSetUp(completions)) return ok(`${completions.shell}: ${completions.file}`);
      return skip(`not installed: ${completionSetup(completions, names.home)}`);
    },
  },
];

/** What leads this shell to its own user manager. */
function leadCommands(
  { uid }: Pick<Probes["names"], "uid">,
  astray: readonly Astray[] = [],
): readonly [Remedy, ...Remedy[]] {
  const lead = { text: "for this shell", command: `export XDG_RUNTIME_DIR=/run/user/${uid}` };
  if (!astray.includes("DBUS_SESSION_BUS_ADDRESS")) return [lead];
  const unset = { text: "for this shell", command: "unset DBUS_SESSION_BUS_ADDRESS" };
  return astray.includes("XDG_RUNTIME_DIR") ? [lead, unset] : [unset];
}

/** The command that switches linger on, with root's help where this user may not. */
async function lingerCommand({ systemd, names, program }: Probes): Promise<string> {
  const command = `loginctl enable-linger ${shellWord(names.user)}`;
  if (await systemd.mayLinger()) return command;
  return program("sudo") === undefined ? `su -c ${shellWord(command)}` : `sudo ${command}`;
}
