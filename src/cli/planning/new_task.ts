/** A new task from an idea: drafted, shown, and written when told. */
import * as path from "node:path";
import type { Asking } from "../../app/ask_model.ts";
import { requireInside } from "../../app/inside.ts";
import { newTaskPlace, requireFolder, writeNewTask } from "../../app/new_task.ts";
import { projectChecks } from "../../app/project_checks.ts";
import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { draftRemarks } from "../../plan/check.ts";
import { type Draft, prdText, readDraft } from "../../plan/draft.ts";
import { type Again, draftPrompt, type Wanted } from "../../plan/prompt.ts";
import { knownUsage } from "../../loop/turn/usage.ts";
import type { Settings } from "../../settings/settings.ts";
import { listTasks } from "../../task/find.ts";
import { type Gate, gateLine } from "../../task/gate.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import type { CommandContext } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { gateLines, shownGate } from "../output/gate_lines.ts";
import { columnsOf } from "../output/streams.ts";
import { runGatesHere } from "../run_gates.ts";
import { answerFrom } from "./drafting.ts";
import { draftLines } from "./show_draft.ts";
import { talkAbout } from "./talk.ts";
import { withModel } from "./with_model.ts";

interface Order {
  root: string;
  settings: Settings;
  idea: string;
  name?: string;
  yes: boolean;
  json: boolean;
}

/** Throws `RalphError`: as `newTaskPlace`, `withModel` and `answerFrom` do. */
export async function planNewTask(context: CommandContext, order: Order): Promise<number> {
  const { out, inputIsTerminal } = context.output;
  const { root, settings, json, yes } = order;
  requireTasksFolder(context, order);
  if (order.name !== undefined) newTaskPlace(context, order.name);
  const wanted = wantedOf(order);
  const mayAsk = !yes && !json && out.isTerminal && inputIsTerminal;
  const done = await withModel(context, { root, settings, what: "draft a PRD" }, async (asking) => {
    const drafted = await draft(context, { asking, wanted });
    if (!drafted || !mayAsk) return drafted && { draft: drafted, write: yes };
    return await talkAbout(context, {
      draft: drafted,
      show: (one) => show(context, { draft: one, name: order.name ?? one.name, settings }),
      gatesOf: ({ gates }) =>
        gates.length > 0 ? () => runProposed(context, order, gates) : undefined,
      again: (before, words) => draft(context, { asking, wanted, again: { before, words } }),
    });
  });
  if ("code" in done) return done.code;
  const { draft: drafted, write } = done.value;
  const name = order.name ?? drafted.name;
  const text = prdText(drafted);
  const prd = write ? writeDraft(context, { name, text }) : undefined;
  if (json) {
    const { changed } = done;
    const remarks = remarksOn(drafted, settings);
    const about = { draft: { ...drafted, name }, remarks, changed };
    const usage = knownUsage(done.usage) ?? null;
    const kept = prd === undefined ? keep(text) : null;
    out.line(commandJson({ task: name, prd: prd ?? null, kept, ...about, usage }, 2));
    return EXIT.done;
  }
  if (!mayAsk) show(context, { draft: drafted, name, settings });
  out.line("");
  if (prd) {
    out.line(prd);
    out.line(`Read it once more, commit it, then: ralph run ${shellWord(name)}`);
  } else {out.line(
      `Nothing was written. To write this draft: ${writeCommand(root, { name, text })}`,
    );}
  return EXIT.done;
}

/** Throws `RalphError`: what was paid for is kept where it cannot be written. */
function writeDraft(
  context: CommandContext,
  { name, text }: { name: string; text: string },
): string {
  try {
    const prd = path.join(newTaskPlace(context, name).folder, "prd.json");
    writeNewTask(prd, { name, text });
    return prd;
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    throw new RalphError(
      error.kind,
      `${error.message}. The draft is kept as ${keep(text)}`,
      error.hints,
    );
  }
}

function wantedOf({ root, settings, idea, name }: Order): Wanted {
  const gates = settings.verify.map(gateLine);
  const found = projectChecks(root) ?? [];
  return {
    idea,
    name,
    taken: [
      ...new Set([
        ...listTasks(root, systemTree).map((task) => task.name),
        ...systemTree.list(path.join(root, "tasks")),
      ]),
    ],
    gates,
    checks: found.map((args) => args.join(" ")).filter((line) => !gates.includes(line)),
  };
}

function draft(
  { output: { err } }: CommandContext,
  { asking, wanted, again }: { asking: Asking; wanted: Wanted; again?: Again },
): Promise<Draft | undefined> {
  return answerFrom(asking, {
    prompt: (wrong) => draftPrompt(wanted, wrong ? { ...wrong, words: again?.words } : again),
    read: (value) => readDraft(value, { taken: wanted.name === undefined ? wanted.taken : [] }),
    onWrong: (faults) =>
      err.line(`the answer cannot be used, and is asked for again: ${plain(faults[0], 200)}`),
  });
}

function show(
  { output: { out } }: CommandContext,
  { draft, name, settings }: { draft: Draft; name: string; settings: Settings },
): void {
  const look = { columns: columnsOf(out), colors: out.colors, name };
  for (const line of draftLines(draft, look)) out.line(line);
  const remarks = remarksOn(draft, settings);
  if (remarks.length > 0) out.line("");
  for (const text of remarks) out.line(out.colors.yellow(`! ${plain(text, 300)}`));
}

const remarksOn = (draft: Draft, { verify }: Settings) =>
  draftRemarks(draft, verify.length + draft.gates.length);

/** Throws `RalphError` before anything is paid for: where no session could read the PRD, none is drafted. */
function requireTasksFolder(context: CommandContext, { root, settings }: Order): void {
  const dir = path.join(root, "tasks");
  requireFolder(dir);
  requireInside(context, { name: "tasks", dir, projectRoot: root }, settings);
}

/** A person has seen the lines, and wants them run. */
async function runProposed(
  context: CommandContext,
  order: Order,
  lines: readonly string[],
): Promise<void> {
  const { out } = context.output;
  const gates = lines.map((shell): Gate => ({ name: plain(shell, 60), run: { shell } }));
  const ran = await runGatesHere(context, gates, order);
  if ("code" in ran) return;
  for (const result of ran.results) {
    for (const line of gateLines(shownGate(result, ran.withheld), out.colors)) out.line(line);
  }
}

function keep(text: string): string {
  const kept = path.join(Deno.makeTempDirSync({ prefix: "ralph-plan-" }), "prd.json");
  Deno.writeTextFileSync(kept, text);
  return kept;
}

/** Keeps the draft, and says how to put this very one into its place. */
function writeCommand(root: string, { name, text }: { name: string; text: string }): string {
  const tasks = path.join(root, "tasks");
  const folder = shellWord(path.join(tasks, name));
  return `mkdir -p ${shellWord(tasks)} && mkdir ${folder} && cp ${shellWord(keep(text))} ${folder}`;
}
