/**
 * `deploy/slurm/` on a real cluster of one node: an array of four tasks, one of which Slurm requeues, and
 * two whose node loses its power, and each is completed once.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { textOf } from "../../src/host/files/read_file.ts";
import { assignment, tickingAgent } from "../support/agent.ts";
import { temporaryFolder } from "../support/folder.ts";
import { NEWEST, opencodeBinary } from "../support/install.ts";
import { configOf, environment, writeConfig } from "../support/opencode_server.ts";
import { makeProject, type Project } from "../support/project.ts";
import { RALPH } from "../support/ralph.ts";
import { hang, type ScriptedModel, startModel } from "../support/scripted_model.ts";
import { type Cluster, startCluster, whyNoCluster } from "../support/slurm.ts";
import { until } from "../support/wait.ts";
import { ONE_STORY } from "../e2e/one_story.ts";

const TASKS = ["one", "two", "three", "four"];
const DEPLOY = fileURLToPath(new URL("../../deploy/", import.meta.url));
/** Four servers begin at once, on two cores that are shared. */
const RUN_MS_MAX = 240_000;

// Continuous integration installs it (`.ci/run`): where it is missing there, something is wrong.
const reason = whyNoCluster();
const ignore = reason !== undefined && Deno.env.get("CI") === undefined;

Deno.test({
  name: `four tasks as an array of Slurm, requeued and killed: each is completed once${
    ignore ? ` (not run: ${reason})` : ""
  }`,
  ignore,
  async fn() {
    assert.equal(reason, undefined);
    const files = Object.fromEntries(TASKS.map((task) => [`tasks/${task}/prd.md`, ONE_STORY]));
    await using project = await makeProject({ files });
    const begun = new Map<string, number>();
    const agent = tickingAgent();
    await using model = await startModel((request) => {
      const { prd } = assignment(request.prompt);
      const task = prd.split("/")[1];
      if (request.step === 0) begun.set(task, (begun.get(task) ?? 0) + 1);
      // What was taken away in its first turn is done in the second.
      return begun.get(task) === 1 && task !== "four" ? hang() : agent(request);
    });
    using home = temporaryFolder();
    const { env, folder } = await prepare(home.path, model);
    await using cluster = await startCluster();

    await submit(cluster, { env, folder, project });
    await until(() => TASKS.every((task) => begun.has(task)), {
      what: "all four to begin",
      timeoutMs: RUN_MS_MAX,
    });
    await until(async () => /^1_4 COMPLETED/m.test(await jobs(cluster)), {
      what: "the one that nobody disturbs",
      timeoutMs: RUN_MS_MAX,
    });
    await cluster.slurm("scontrol", "requeue", "1_1");
    await until(() => eventsOf(folder, "one").some(({ type }) => type === "session_ended"), {
      what: "the first to record what was under way",
      timeoutMs: RUN_MS_MAX,
    });
    await until(async () => (await cluster.slurm("sinfo", "-h", "-o", "%C")).startsWith("2/"), {
      what: "its job to be gone",
      timeoutMs: RUN_MS_MAX,
    });
    await cluster.losePower();
    // Slurm has most of them wait for two minutes.
    for (const job of ["1_1", "1_2", "1_3"]) {
      await cluster.slurm("scontrol", "update", `JobId=${job}`, "StartTime=now").catch(() => {});
    }
    await until(async () => !/PENDING|RUNNING|COMPLETING/.test(await jobs(cluster)), {
      what: "the end of all",
      timeoutMs: RUN_MS_MAX,
    }).catch(async (error) => {
      throw new Error(await logsIn(folder), { cause: error });
    });

    for (const task of TASKS) {
      assert.deepEqual(await cameOf(folder, task), {
        ends: task === "four"
          ? ["completed"]
          : task === "one"
          ? ["failed", "completed"]
          : ["completed"],
        sessions: [1],
        work: "US-001\n",
        commits: 2,
      }, `${task}\n${await logsIn(folder)}`);
    }
  },
});

/** The jobs' home, with the programs that they find, and the folder that all nodes have. */
async function prepare(home: string, model: ScriptedModel) {
  const [bin, folder] = [join(home, "bin"), join(home, "shared")];
  await Deno.mkdir(bin);
  await Deno.mkdir(folder);
  await writeConfig(home, configOf(model));
  const command = RALPH.map((word) => `'${word}'`).join(" ");
  await Deno.writeTextFile(join(bin, "ralph"), `#!/bin/sh\nexec ${command} "$@"\n`, {
    mode: 0o755,
  });
  await Deno.symlink(join(DEPLOY, "ralph-job"), join(bin, "ralph-job"));
  await Deno.symlink(await opencodeBinary(NEWEST), join(bin, "opencode"));
  await Deno.writeTextFile(join(folder, "tasks"), `${TASKS.join("\n")}\n`);
  const base = environment(home);
  const cache = Deno.env.get("DENO_DIR") ?? join(Deno.env.get("HOME") ?? "", ".cache/deno");
  return { folder, env: { ...base, PATH: `${bin}:${base.PATH}`, DENO_DIR: cache } };
}

async function submit(
  cluster: Cluster,
  { env, folder, project }: { env: Record<string, string>; folder: string; project: Project },
): Promise<void> {
  const { success, stderr } = await new Deno.Command("sbatch", {
    args: [`--array=1-${TASKS.length}`, join(DEPLOY, "slurm/ralph.sbatch"), project.root, folder],
    cwd: folder,
    clearEnv: true,
    env: { ...env, ...cluster.env },
  }).output();
  assert(success, new TextDecoder().decode(stderr));
}

/** Each job of the array and its state, one a line. */
const jobs = (cluster: Cluster) => cluster.slurm("squeue", "-h", "-r", "-t", "all", "-o", "%i %T");

interface Event {
  type: string;
  session?: number;
  status?: string;
}

/** Of all jobs of a task. */
function eventsOf(folder: string, task: string): Event[] {
  const text = textOf(join(folder, `ralph-1_${TASKS.indexOf(task) + 1}.jsonl`)) ?? "";
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

/** How the sessions of a task ended, by the events of all its jobs, and what is in its tree. */
async function cameOf(folder: string, task: string) {
  const events = eventsOf(folder, task);
  const tree = join(folder, "trees", task);
  const { stdout } = await new Deno.Command("git", {
    args: ["-C", tree, "rev-list", "--count", "HEAD"],
  }).output();
  return {
    ends: events.filter(({ type }) => type === "session_ended").map(({ status }) => status),
    sessions: [...new Set(events.flatMap(({ session }) => session ?? []))],
    work: textOf(join(tree, "work.txt")),
    commits: Number(new TextDecoder().decode(stdout)),
  };
}

async function logsIn(folder: string): Promise<string> {
  const names = Array.from(Deno.readDirSync(folder), ({ name }) => name).toSorted()
    .filter((name) => name.startsWith("ralph-"));
  const texts = names.map(async (name) =>
    `${name}:\n${await Deno.readTextFile(join(folder, name))}`
  );
  return (await Promise.all(texts)).join("\n");
}
