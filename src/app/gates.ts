/** The gates of a project's tasks, and what they run with. */
import { deadline } from "../clock.ts";
import { projectFiles } from "../host/files/project_files.ts";
import { readFileIfAny } from "../host/files/read_file.ts";
import { RalphError } from "../error.ts";
import { environmentNames } from "../host/system/environment.ts";
import type { Settings } from "../settings/settings.ts";
import { agentFiles, type Task } from "../task/task_files.ts";
import type { Gate } from "../task/gate.ts";
import { readPrd } from "../task/prd_file.ts";
import { type GateEnvironment, gateEnvironment } from "../verify/gates/gate_environment.ts";
import { findProtected, type Protection } from "../verify/protected/find_protected.ts";
import type { Context } from "./context.ts";

/** Those of the settings, of each task and of its stories. Throws `RalphError` as `readPrd` does. */
export function gatesOfTasks(
  { verify }: Pick<Settings, "verify">,
  tasks: readonly Task[],
): readonly Gate[] {
  return [
    ...verify,
    ...tasks.flatMap(({ prdPath }) => {
      if (prdPath === undefined) return [];
      const { verify = [], stories } = readPrd(readFileIfAny, prdPath);
      return [...verify, ...stories.flatMap((story) => story.verify ?? [])];
    }),
  ];
}

/**
 * Which files a session of these tasks would protect that began now. Throws `RalphError`: as `readPrd`
 * does, and `failed` when git cannot list the files within `limitMs`.
 */
export async function protectionOf(
  { clock }: Pick<Context, "clock">,
  { root, tasks, settings, limitMs }: {
    root: string;
    tasks: readonly Task[];
    settings: Pick<Settings, "verify" | "protect">;
    limitMs: number;
  },
): Promise<Protection> {
  const gates = gatesOfTasks(settings, tasks);
  const order = { root, gates, protect: settings.protect, agentFiles: tasks.flatMap(agentFiles) };
  const limit = deadline(clock, limitMs);
  try {
    const { protection } = await findProtected(order, projectFiles(clock), limit.signal);
    return protection;
  } catch (error) {
    if (!limit.signal.aborted) throw error;
    throw new RalphError("failed", `git did not list the files within ${limitMs / 1000} s`);
  } finally {
    limit.cancel();
  }
}

/** What gates get of the variables that `environment` gives, by default this process's. */
export function gateEnvironmentOf(
  { environment }: Pick<Context, "environment">,
  handOn: readonly string[],
  names: readonly string[] = environmentNames(),
): GateEnvironment {
  return gateEnvironment(environment, { names, handOn });
}
