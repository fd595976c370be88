/** Which tasks of a project have to be completed before which. Pure. */
import { RalphError } from "../error.ts";
import { plain } from "../terminal/plain.ts";
import { findCycle } from "./dependency_cycle.ts";
import { didYouMean } from "./did_you_mean.ts";
import { callName, type Task } from "./task_files.ts";

/**
 * What each of `tasks` depends on, and what that depends on in turn, by the tasks' folders. `namesOf`:
 * as people wrote them. Throws `RalphError` (`usage`) for a name that is no task's or several tasks',
 * and for tasks that depend on each other in a cycle.
 */
export function taskDependencies(
  tasks: readonly Task[],
  { all, namesOf }: { all: readonly Task[]; namesOf: (task: Task) => readonly string[] },
): ReadonlyMap<string, readonly Task[]> {
  const found = new Map<string, readonly Task[]>();
  const open = [...tasks];
  for (const task of open) {
    if (found.has(task.dir)) continue;
    const dependsOn = namesOf(task).map((name) => taskOf(name, { task, all }));
    found.set(task.dir, dependsOn);
    open.push(...dependsOn);
  }
  const cycle = findCycle(
    new Map([...found].map(([dir, others]) => [dir, others.map((one) => one.dir)])),
  );
  if (!cycle) return found;
  const named = new Map([...open, ...all].map((task) => [task.dir, callName(task, all)]));
  const shown = cycle.map((dir) => `\`${plain(named.get(dir) ?? dir, 80)}\``).join(" → ");
  throw new RalphError("usage", `tasks wait for each other in a cycle: ${shown}`, [LOOK]);
}

const LOOK = { text: "see `dependsOn` in ralph.json, and in the tasks' PRDs" };

function taskOf(name: string, { task, all }: { task: Task; all: readonly Task[] }): Task {
  const named = all.filter((one) => callName(one, all) === name);
  if (named.length === 1) return named[0];
  const called = all.map((one) => callName(one, all));
  const alike = all.filter((one) => one.name === name).map((one) => callName(one, all));
  const near = didYouMean(name, called);
  const shown = `\`${plain(task.name, 80)}\` depends on \`${plain(name, 80)}\``;
  const why = alike.length > 1
    ? "which several tasks are called"
    : "and there is no such task here";
  throw new RalphError("usage", `${shown}, ${why}`, [
    ...near === undefined ? [] : [{ text: `did you mean \`${plain(near, 80)}\`?` }],
    ...alike.length > 1 ? [{ text: `they are: ${plain(alike.join(", "), 300)}` }] : [],
    LOOK,
  ]);
}
