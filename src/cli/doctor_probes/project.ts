/** What the doctor learns of the tasks of a project, and of their gates. */
import type { Context } from "../../app/context.ts";
import { gateEnvironmentOf, gatesOfTasks, protectionOf } from "../../app/gates.ts";
import { RalphError } from "../../error.ts";
import { readFileIfAny } from "../../host/files/read_file.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import type { Gate } from "../../task/gate.ts";
import type { Settings } from "../../settings/settings.ts";
import { listTasks } from "../../task/find.ts";
import { readPrd } from "../../task/prd_file.ts";
import { withheldNames } from "../../verify/gates/gate_lacks.ts";

/** Each with its stories, or with what is wrong with its PRD. */
export function tasksOf(root: string) {
  return listTasks(root, systemTree).map(({ name, prdPath }) => {
    if (prdPath === undefined) return { name };
    try {
      const { stories } = readPrd(readFileIfAny, prdPath);
      return { name, total: stories.length, open: stories.filter(({ passes }) => !passes).length };
    } catch (error) {
      if (error instanceof RalphError) return { name, problem: error };
      throw error;
    }
  });
}

/** The gates of the settings and of all tasks. Throws `RalphError` where a PRD cannot be read. */
export function gateFacts(
  context: Context,
  root: string,
  settings: Pick<Settings, "verify" | "gateEnv">,
) {
  return factsOf(context, gatesOfTasks(settings, listTasks(root, systemTree)), settings.gateEnv);
}

/** What can be told of gates without running them. */
export function factsOf(context: Context, gates: readonly Gate[], gateEnv: readonly string[]) {
  const { withheld } = gateEnvironmentOf(context, gateEnv);
  return gates.map((gate) => {
    const args = "args" in gate.run ? gate.run.args : ["sh"];
    const [program = ""] = args;
    // `cd app/web && npm test` is no path
    const isPath = program.includes("/") && !/^[^/\s]+\s/.test(program);
    const needs = isPath ? undefined : program;
    const isLine = !isPath && /\s/.test(program.trim()) || args.includes("&&") ||
      args.includes("||");
    return {
      line: isLine ? args.join(" ") : undefined,
      name: gate.name,
      needs,
      withheld: withheldNames(gate, withheld),
    };
  });
}

/** For git to list the files, of which 100,000 take it some 0.5 s: a check has little more. */
const PROTECTION_MS = 2_000;

/** What a session would protect; undefined when git cannot tell. */
export async function protectionFacts(
  context: Context,
  root: string,
  settings: Pick<Settings, "verify" | "protect">,
) {
  const tasks = listTasks(root, systemTree);
  try {
    const { files, work, faults } = await protectionOf(context, {
      root,
      tasks,
      settings,
      limitMs: PROTECTION_MS,
    });
    return { files: files.length, work, faults };
  } catch (error) {
    if (error instanceof RalphError) return undefined;
    throw error;
  }
}
