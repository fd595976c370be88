/** `ralph plan --check <task>`: what is wrong with a PRD, before an agent works on it. */
import { gatesOfTasks } from "../../app/gates.ts";
import { requireInside } from "../../app/inside.ts";
import { RalphError } from "../../error.ts";
import { readFileIfAny } from "../../host/files/read_file.ts";
import { knownUsage } from "../../loop/turn/usage.ts";
import {
  type Checked,
  type Finding,
  findingWords,
  gateFindings,
  storyFindings,
} from "../../plan/check.ts";
import { checkPrompt, readFindings } from "../../plan/review_prompt.ts";
import type { Settings } from "../../settings/settings.ts";
import { type Gate, gateKey, gateLine } from "../../task/gate.ts";
import type { Prd, Story } from "../../task/prd.ts";
import { readPrd } from "../../task/prd_file.ts";
import type { Task } from "../../task/task_files.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import { hanging } from "../../terminal/table.ts";
import type { CommandContext } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { columnsOf } from "../output/streams.ts";
import { runGatesHere } from "../run_gates.ts";
import { answerFrom } from "./drafting.ts";
import { withModel } from "./with_model.ts";

interface Order {
  task: Task;
  settings: Settings;
  /** Whether the model is asked, too. */
  deep: boolean;
  json: boolean;
}

/** Exit code 1 where something is found. Throws `RalphError`: as `readPrd` and `withModel` do. */
export async function checkTask(context: CommandContext, order: Order): Promise<number> {
  const { task, settings, deep, json } = order;
  requireInside(context, task, settings);
  const prd = prdOf(task);
  const open = prd.stories.filter(({ passes }) => !passes);
  const checked = open.map(checkedOf);
  const gates = gatesOfTasks(settings, [task]);
  const general = [...settings.verify, ...prd.verify ?? []];
  const green = await greenGates(context, { general, open, root: task.projectRoot, settings });
  if ("code" in green) return green.code;
  const asked = deep
    ? await askFor(context, order, { checked, gates })
    : { value: [], usage: null };
  if ("code" in asked) return asked.code;
  const own = new Set(open.filter(({ verify = [] }) => verify.length > 0).map(({ id }) => id));
  const lacking = gateFindings(general.length, { stories: open, own });
  const findings = [...storyFindings(checked), ...lacking, ...green, ...asked.value];
  const { out } = context.output;
  if (json) {
    const shown = findings.map(({ story = null, kind, text }) => ({ story, kind, text }));
    out.line(commandJson({ task: task.name, findings: shown, usage: asked.usage }, 2));
  } else if (findings.length === 0) {
    out.line(`\`${plain(task.name, 80)}\`: nothing is found in its ${open.length} open stories`);
  } else {
    for (const one of findings) {
      const words = plain(findingWords(one), 600);
      for (const line of hanging("! ", words, columnsOf(out))) out.line(line);
    }
  }
  return findings.length === 0 ? EXIT.done : EXIT.failed;
}

function prdOf({ name, prdPath }: Task): Prd {
  if (prdPath !== undefined) return readPrd(readFileIfAny, prdPath);
  throw new RalphError("usage", `\`${plain(name, 80)}\` has no PRD, but a prompt`);
}

const checkedOf = ({ id, title, description, criteria, dependsOn }: Story): Checked => ({
  id,
  title,
  description,
  criteria: criteria.map(({ text }) => text),
  dependsOn,
});

/**
 * Gates of one open story alone that all succeed before any work on it. Those that count for every story are
 * meant to: a suite that passes has to go on passing. The exit code where a signal stopped that.
 */
async function greenGates(
  context: CommandContext,
  { general, open, root, settings }: {
    general: readonly Gate[];
    open: readonly Story[];
    root: string;
    settings: Settings;
  },
): Promise<readonly Finding[] | { code: number }> {
  const isGeneral = new Set(general.map(gateKey));
  const own = open.map(({ id, verify = [] }) => ({
    id,
    gates: verify.filter((gate) => !isGeneral.has(gateKey(gate))),
  }));
  const gates = own.flatMap(({ gates }) => gates);
  if (gates.length === 0) return [];
  const ran = await runGatesHere(context, gates, { root, settings });
  if ("code" in ran) return ran;
  const passed = new Set(ran.results.filter((one) => one.passed).map(({ gate }) => gateKey(gate)));
  // Beside one that fails, one that passes may guard what is not to break.
  const tellNothing = own.filter(({ gates }) => gates.every((gate) => passed.has(gateKey(gate))));
  return tellNothing.flatMap(({ id, gates }) =>
    gates.map((gate): Finding => ({
      story: id,
      kind: "gate",
      text: `its gate \`${gateLine(gate)}\` passes before any work: it does not tell what is done`,
    }))
  );
}

/** What a model finds beside. */
async function askFor(
  context: CommandContext,
  { task: { projectRoot: root }, settings }: Order,
  { checked, gates }: { checked: readonly Checked[]; gates: readonly Gate[] },
) {
  const lines = gates.map(gateLine);
  const done = await withModel(
    context,
    { root, settings, what: "check the PRD" },
    (asking) =>
      answerFrom(asking, {
        prompt: (wrong) => checkPrompt(checked, { gates: lines, wrong: wrong?.faults }),
        read: (value) => readFindings(value, checked),
        onWrong: ([fault]) => context.warn(`the answer is asked for again: ${plain(fault, 200)}`),
      }),
  );
  return "code" in done ? done : { value: done.value, usage: knownUsage(done.usage) ?? null };
}
