/** `ralph land <task>`: brings the branch of a task's worktree home, when the gates pass. */
import { Command } from "@commander-js/extra-typings";
import { gateEnvironmentOf, gatesOfTasks } from "../../app/gates.ts";
import { openUserStore } from "../../app/store.ts";
import { taskIn } from "../../control/worktree/find.ts";
import { prdOf, storyCount } from "../../control/session_prd.ts";
import { type Landed, landWorktree } from "../../control/worktree/land.ts";
import { nameDependencies, setUp } from "../../control/worktree/set_up.ts";
import { RalphError } from "../../error.ts";
import { readWhole } from "../../host/files/read_file.ts";
import {
  type EnterSandbox,
  enterSandbox,
  runInSandbox,
} from "../../host/process/server_sandbox.ts";
import { untilEnded } from "../../host/process/signals.ts";
import { portOf } from "../../host/system/port.ts";
import { readSettings } from "../../settings/read.ts";
import type { Settings } from "../../settings/settings.ts";
import type { Worktree } from "../../store/model.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import { usefulEnd } from "../../verify/gates/gate_output.ts";
import { type GateResult, runGates } from "../../verify/gates/gates.ts";
import { eventLines } from "../../worker/narration.ts";
import { taskArgument } from "../arguments.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT, exitCodeOfSignal } from "../exit_codes.ts";
import { requireWorktree } from "../select/worktree.ts";
import { storiesAreOpen } from "../../task/stories_open.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("land")
    .addArgument(taskArgument("<task>"))
    .option("--rebase", "put the branch's commits on top of the base, in place of a merge")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
The base comes into the branch, in the worktree; the gates run on that; then the base is moved forward.
A conflict, or a gate that fails, leaves both branches as they were. Nothing is pushed or removed.

Examples:
  ralph land my-feature
  ralph land my-feature --rebase`,
    )
    .action(async (task, { rebase = false, json = false }) => {
      done(await land(context, { task, rebase, json }));
    });
}

async function land(
  context: CommandContext,
  { task, rebase, json }: { task: string; rebase: boolean; json: boolean },
): Promise<number> {
  const { clock, output: { out } } = context;
  const tree = requireWorktree(context, task);
  const { settings } = await readSettings({
    projectRoot: tree.homeRoot,
    environment: context.environment,
    variableNames: [],
    readFile: readWhole,
    flags: {},
  });
  const stories = storyCount(prdOf({ taskDir: tree.taskDir, projectRoot: tree.root }));
  const storiesOpen = stories ? stories.total - stories.passing : null;
  if (stories && storiesOpen) {
    const open = storiesAreOpen(storiesOpen, stories.total);
    context.warn(`of \`${plain(tree.taskName, 80)}\` ${open}; what is done is landed all the same`);
  }
  const enter = enterSandbox(portOf(settings.server), clock);
  using ending = untilEnded();
  const { signal } = ending;
  try {
    const landed = await landWorktree(context, tree, {
      way: rebase ? "rebase" : "merge",
      place: { clock, signal, handOn: settings.gateEnv, enter },
      onStat: (lines) => json || lines.forEach((line) => out.line(plain(line))),
      async runGates(brought) {
        if (nameDependencies(brought)) {
          const tell = (text: string) => json || out.line(text);
          await setUp(context, { settings, signal, root: tree.root, tell, why: "land" });
        }
        return await gatesIn(context, tree, { settings, enter, signal, json });
      },
    });
    recordLanded(context, tree);
    tell(context, tree, { ...landed, storiesOpen }, json);
    return EXIT.done;
  } catch (error) {
    if (ending.name === undefined || error instanceof RalphError && error.kind !== "failed") {
      throw error;
    }
    context.warn(`\`${plain(tree.taskName, 80)}\` was not landed; nothing was changed`);
    return exitCodeOfSignal(ending.name);
  }
}

/** Those of the project at home, whatever the branch made of its settings, and of the task. */
async function gatesIn(
  context: CommandContext,
  tree: Worktree,
  { settings, enter, signal, json }: {
    settings: Settings;
    enter: EnterSandbox;
    signal: AbortSignal;
    json: boolean;
  },
): Promise<readonly string[]> {
  const { clock, output: { out } } = context;
  const gates = gatesOfTasks(settings, [taskIn(tree)]);
  if (gates.length === 0) {
    context.warn("there are no gates: nothing says whether the base and the work go together");
  }
  const results = await runGates(gates, {
    cwd: tree.root,
    env: gateEnvironmentOf(context, settings.gateEnv).variables,
    run: runInSandbox(enter),
    clock,
    signal,
    defaultTimeoutMs: settings.limits.gateMs,
  });
  const failing = (results ?? []).filter(({ passed }) => !passed);
  if (!json) {
    for (const result of results ?? []) for (const line of gateLines(result)) out.line(line);
  }
  return failing.map(({ gate }) => gate.name);

  function gateLines({ gate: { name }, passed, why, output, durationMs }: GateResult): string[] {
    const event = { type: "gate", name, passed, flaky: false, why, durationMs } as const;
    const end = passed ? [] : usefulEnd(output).split("\n").filter(Boolean);
    return [...eventLines(event, out.colors), ...end.map((line) => `      ${line}`)];
  }
}

function recordLanded(context: CommandContext, { taskDir }: Worktree): void {
  const store = openUserStore(context);
  try {
    store.setLanded(taskDir);
  } finally {
    store.close();
  }
}

const HOW: Readonly<Record<Landed["how"], string>> = {
  merged: "was merged into",
  fast_forward: "was merged into",
  rebased: "was put on top of",
  nothing_to_land: "is all in",
};

function tell(
  { output: { out } }: CommandContext,
  { taskName, branch, base, root }: Worktree,
  { how, commit, storiesOpen }: Landed & { storiesOpen: number | null },
  json: boolean,
): void {
  if (json) {
    return out.line(
      commandJson({ task: taskName, how, branch, base, commit, worktree: root, storiesOpen }),
    );
  }
  const [from, to] = [branch, base].map((name) => `\`${plain(name, 80)}\``);
  out.line(`${from} ${HOW[how]} ${to}, which is at ${commit.slice(0, 12)}`);
  out.line("next      ralph clean --worktrees --dry-run");
}
