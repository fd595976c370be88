/** Checks of the project that the command is given in. */
import * as path from "node:path";
import { filterCommand, missingFilterWords } from "./missing_filter.ts";
import { plural } from "../terminal/format.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import type { Names, Probes } from "./probes.ts";
import { RESTART_COMMAND } from "./unit_facts.ts";
import { writableFault } from "./writable.ts";
import { type Check, fail, NO_PROJECT, ok, skip, type Verdict, warn } from "./check.ts";

const NO_GIT_ANSWER = "git does not answer here";

/** Faults of `protect`, and files that gates run. */
const SHOWN_MAX = 3;

export const projectChecks: readonly Check[] = [
  {
    id: "project.root",
    group: "Project",
    title: "project",
    run({ project }) {
      return project ? ok(project.root) : skip(NO_PROJECT);
    },
  },
  {
    id: "project.git",
    group: "Project",
    title: "git is ready",
    needs: ["project.root", "host.git"],
    async run({ project }) {
      if (!project) return skip(NO_PROJECT);
      const root = shellWord(project.root);
      const facts = await project.git();
      if (!facts) {
        const refusal = await project.gitRefusal();
        return fail(
          refusal ? `git refuses: ${plain(refusal.why, 300)}` : NO_GIT_ANSWER,
          "no session starts: without git the loop cannot see what changed",
          refusal?.remedy[0] ?? { text: "see why", command: `git -C ${root} status` },
        );
      }
      const { underWay, indexLock, hasCommits, branch } = facts;
      if (underWay !== undefined) {
        return fail(`a ${underWay.what} is under way`, "commits would go into it", {
          text: "end it, or give it up",
          command: `git -C ${root} ${underWay.abort}`,
        });
      }
      if (indexLock !== undefined) {
        return fail("another git holds the index, or died holding it", "commits fail", {
          text: "when no git is running",
          command: `rm ${shellWord(indexLock)}`,
        });
      }
      if (!hasCommits) return ok("no commits yet");
      if (branch === undefined) {
        return warn("no branch is checked out", "commits would be hard to find again", {
          text: "make one here",
          command: `git -C ${root} switch -c ralph`,
        });
      }
      return ok(`on ${plain(branch, 80)}`);
    },
  },
  {
    id: "project.writable",
    group: "Project",
    title: "can be written",
    needs: ["project.root"],
    async run({ project, names }) {
      if (!project) return skip(NO_PROJECT);
      const { root } = project;
      const fault = writableFault(await project.unwritable(), { root, uid: names.uid });
      if (!fault) return ok("the project, its git folder and its tasks");
      return fail(fault.found, "no session starts: its work could not be kept", ...fault.remedy);
    },
  },
  {
    id: "project.identity",
    group: "Project",
    title: "commits have an author",
    needs: ["project.root", "host.git"],
    async run({ project, names }) {
      if (!project) return skip(NO_PROJECT);
      const facts = await project.git();
      // What it would say of who commits is not known.
      if (!facts) return skip(NO_GIT_ANSWER);
      const { identity } = facts;
      if (identity !== undefined) return ok(plain(identity, 80));
      return fail(
        "git does not know who commits",
        "no session starts: its commits would fail",
        {
          text: "say who",
          command: `git config --global user.name ${shellWord(names.user)} && ` +
            `git config --global user.email ${shellWord(`${names.user}@${names.host}`)}`,
        },
      );
    },
  },
  {
    id: "project.signing",
    group: "Project",
    title: "commits can be signed",
    needs: ["project.root", "host.git"],
    async run({ project }) {
      if (!project) return skip(NO_PROJECT);
      const unsigned = await project.unsigned();
      if (!unsigned) return ok("as far as they are to be");
      const root = shellWord(project.root);
      const signs = `git -C ${root} commit-tree -S -m test 'HEAD^{tree}'`;
      if (unsigned.isSure) {
        return fail(
          "they are to be (commit.gpgsign), and cannot be",
          "no session starts: its commits would fail",
          { text: "mend it until this prints a commit", command: signs },
          { text: "or do without", command: `git -C ${root} config commit.gpgsign false` },
        );
      }
      return warn(
        "signing does not work where nobody can be asked",
        "commits fail while you are away",
        { text: "unlock the key before", command: signs },
      );
    },
  },
  {
    id: "project.filters",
    group: "Project",
    title: "git's filters can run",
    needs: ["project.root", "host.git"],
    async run({ project }) {
      if (!project) return skip(NO_PROJECT);
      const [first, ...more] = await project.missingFilters();
      if (!first) return ok("as far as files name any");
      const { found, matters, todo } = missingFilterWords(first);
      const others = more.length > 0 ? `, nor can ${plural(more.length, "other")}` : "";
      return warn(found + others, matters, {
        text: todo,
        command: filterCommand(first, project.root),
      });
    },
  },
  {
    id: "project.place",
    group: "Project",
    title: "on a local disk",
    needs: ["project.root"],
    async run({ project, fileSystemType, isNetworkFileSystem }) {
      if (!project) return skip(NO_PROJECT);
      const type = await fileSystemType(project.root);
      if (type === undefined) return skip("this system does not say");
      if (!isNetworkFileSystem(type)) return ok(type);
      return warn(
        `on ${plain(type, 40)}`,
        "git and the agent's tools are slow there, and may hang",
        {
          text: "work on a copy",
          command: `git clone ${shellWord(project.root)} ~/${
            shellWord(path.basename(project.root))
          }`,
        },
      );
    },
  },
  {
    id: "project.settings",
    group: "Project",
    title: "settings can be read",
    run({ settingsProblem, names }) {
      if (!settingsProblem) return ok("config.json, ralph.json, RALPH_*");
      const [first = {
        text: "see them",
        command: `ls ${shellWord(names.configFolder)}`,
      }, ...more] = settingsProblem.hints;
      return fail(
        plain(settingsProblem.message, 300),
        "no session starts with them",
        first,
        ...more,
      );
    },
  },
  {
    id: "project.opencode",
    group: "Project",
    title: "OpenCode's settings",
    needs: ["project.root"],
    run({ project }) {
      if (!project) return skip(NO_PROJECT);
      const files = project.openCodeSettings();
      const broken = files.find(({ fault }) => fault !== undefined);
      if (broken?.fault === undefined) {
        return ok(files.map(({ name }) => name).join(", ") || "none in this project");
      }
      return fail(broken.fault, "a server that reads it works no more in this project", {
        text: "mend it; if the server was started since it broke, then start that anew",
        command: RESTART_COMMAND,
      });
    },
  },
  {
    id: "project.code",
    group: "Project",
    title: "no code for the server",
    needs: ["project.root"],
    run({ project }) {
      if (!project) return skip(NO_PROJECT);
      const code = project.code();
      if (code === undefined) return ok("no plugin, tool or command of its own");
      return warn(code, "OpenCode runs it as you as soon as a task is run here", {
        text: "read it before the first run",
        command: `ls -laR ${shellWord(path.join(project.root, ".opencode"))}; ` +
          // no glob of the shell's: zsh ends a line whose glob finds nothing
          `find ${shellWord(project.root)} -maxdepth 1 -name 'opencode.json*' -exec cat {} +`,
      });
    },
  },
  {
    id: "project.tasks",
    group: "Project",
    title: "tasks can be read",
    needs: ["project.root"],
    run({ project, names }) {
      if (!project) return skip(NO_PROJECT);
      const tasks = project.tasks();
      if (tasks.length === 0) return ok(`none yet; ${names.ralph} new my-feature makes one`);
      const broken = tasks.find(({ problem }) => problem);
      if (broken?.problem) {
        const { message, hints } = broken.problem;
        const [first = {
          text: "see the tasks",
          command: `${names.ralph} tasks`,
        }, ...more] = hints;
        return fail(plain(message, 300), "no session of it starts", first, ...more);
      }
      const open = tasks.filter((task) => (task.open ?? 0) > 0).length;
      return ok(`${plural(tasks.length, "task")}, ${open} with open stories`);
    },
  },
  {
    id: "project.gates",
    group: "Project",
    title: "gates can be run",
    needs: ["project.root", "project.settings", "project.tasks"],
    run: ({ project, onPath, names }) =>
      project ? gatesVerdict(project.gates(), { onPath, names }) : skip(NO_PROJECT),
  },
  {
    id: "project.protect",
    group: "Project",
    title: "protected files are there",
    needs: ["project.root", "host.git", "project.settings", "project.tasks"],
    async run({ project }) {
      if (!project) return skip(NO_PROJECT);
      const protection = await project.protection();
      if (!protection) return skip("git cannot list the files, or not in time");
      const { files, work, faults } = protection;
      if (faults.length > 0) {
        return warn(
          plain(faults.slice(0, SHOWN_MAX).join("; "), 400),
          "the agent may change what it was meant to protect",
          { text: "mend `protect` in ralph.json: globs, from the project root" },
        );
      }
      const runs = work.slice(0, SHOWN_MAX).map((file) => plain(file, 80)).join(", ");
      return ok(
        plural(files, "protected file") + (runs && `; only run, so not protected: ${runs}`),
      );
    },
  },
];

const asLine = (line: string) => ({
  text: `a line for the shell has no brackets of its own: \`"verify": [${
    plain(JSON.stringify(line), 200)
  }]\``,
});

/** Whether gates can run at all, as far as their commands tell. */
export function gatesVerdict(
  gates: ReturnType<NonNullable<Probes["project"]>["gates"]>,
  { onPath, names }: Pick<Probes, "onPath"> & { names: Pick<Names, "ralph"> },
): Verdict {
  if (gates.length === 0) {
    return warn("there are none", "the agent's word decides what is done", {
      text: 'name the project\'s checks in ralph.json, such as `{"verify": [["npm", "test"]]}`',
    });
  }
  for (const { name, needs, line } of gates) {
    if (needs === undefined || onPath(needs) !== undefined) continue;
    if (line !== undefined) {
      return fail(
        `the gate ${plain(name)} is a list, so its first word is a program, and there is no ` +
          `\`${plain(needs, 80)}\``,
        "no session starts with it",
        { ...asLine(line), command: `${names.ralph} verify` },
      );
    }
    const found = `the gate ${plain(name)} needs ${plain(needs, 80)}, which is not on PATH`;
    return fail(found, "no session starts with it", {
      text: "install it, then see whether it runs",
      command: `${names.ralph} verify`,
    });
  }
  for (const { name, line } of gates) {
    if (line === undefined) continue;
    return warn(
      `the gate ${plain(name)} is a list, whose words no shell reads`,
      "`&&` and `||` are handed to the program as they are",
      asLine(line),
    );
  }
  for (const { name, withheld: [variable] } of gates) {
    if (variable === undefined) continue;
    return warn(
      `the gate ${plain(name)} names ${variable}, which it does not get`,
      "gates get few variables of your shell",
      { text: `add \`"gateEnv": ["${variable}"]\` to ralph.json` },
    );
  }
  return ok(plural(gates.length, "gate"));
}
