/** Checks of the project that the command is given in. */
import * as path from "node:path";
import { plural } from "../terminal/format.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { type Check, fail, NO_PROJECT, ok, skip, warn } from "./check.ts";

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
        return fail("git does not answer here", "the loop tells work from talk by it", {
          text: "see why",
          command: `git -C ${root} status`,
        });
      }
      const { underWay, indexLock, hasCommits, branch } = facts;
      if (underWay !== undefined) {
        return fail(`a ${underWay.what} is under way`, "commits would go into it", {
          text: "end it, or give it up",
          command: `git -C ${root} ${underWay.abort}`,
        });
      }
      if (indexLock !== undefined) {
        return fail("another git has the index, or died with it", "commits fail", {
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
    id: "project.identity",
    group: "Project",
    title: "commits have an author",
    needs: ["project.root", "host.git"],
    async run({ project, names }) {
      if (!project) return skip(NO_PROJECT);
      const identity = (await project.git())?.identity;
      if (identity !== undefined) return ok(plain(identity, 80));
      return warn(
        "git does not know who commits",
        "the agent's commits would fail",
        {
          text: "say who",
          command: `git config --global user.name ${shellWord(names.user)} && ` +
            `git config --global user.email ${shellWord(`${names.user}@${names.host}`)}`,
        },
      );
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
      if (type === undefined) return skip("it cannot be told here");
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
];
