/** A project with three tasks whose stories all pass, so that only gates run. */
import { join } from "node:path";
import { makeProject, type Project } from "../support/project.ts";
import { until } from "../support/wait.ts";
import { makeRalph, type Ralph, type RalphResult } from "../support/ralph.ts";

const FINISHED = "# PRD\n\n### US-001: Only\n\n- [x] it is done\n";

/** A gate that waits for the file `go`, fails for the task in the file `fails`, and passes else. */
const GATE = 'until [ -e "$1/go" ]; do sleep 0.05; done; ! [ -e "$1/fails" ]';

export interface Here {
  project: Project;
  ralph: Ralph;
  run: (...args: string[]) => Promise<RalphResult>;
  /** Lets the gates end. */
  go: () => Promise<void>;
  /** The tasks of the queue as `task state`, and why where there is a reason. */
  queued: () => Promise<readonly string[]>;
  /** Waits for the session of the first task, and hands back the id of its worker's process. */
  begun: () => Promise<number>;
}

export async function withTasks(
  settings: object,
  body: (here: Here) => Promise<void>,
): Promise<void> {
  await using ralph = await makeRalph();
  const gate = { shell: GATE.replaceAll("$1", ralph.home) };
  await using project = await makeProject({
    files: {
      ...Object.fromEntries(["a", "b", "c"].map((name) => [`tasks/${name}/prd.md`, FINISHED])),
      "ralph.json": JSON.stringify({ verify: [gate.shell], ...settings }),
    },
  });
  const run = (...args: string[]) => ralph(args, { cwd: project.root });
  const rowsOf = async () => JSON.parse((await run("status", "--json")).stdout);
  await body({
    project,
    ralph,
    run,
    go: () => Deno.writeTextFile(join(ralph.home, "go"), ""),
    async begun() {
      const row = await until(
        async () =>
          (await rowsOf()).find(({ task, status }: Record<string, string>) =>
            task === "a" && status === "running"
          ),
        { what: "its session" },
      );
      return row.workerPid;
    },
    async queued() {
      return (await rowsOf()).map(({ task, status, detail }: Record<string, string>) =>
        status === "skipped" ? `${task} ${status}: ${detail}` : `${task} ${status}`
      ).sort();
    },
  });
}
