/** `ralph plan <task> --revise "…"`: the open stories of a PRD changed in words; done ones stay. */
import * as path from "node:path";
import type { Asking } from "../../app/ask_model.ts";
import { requireInside } from "../../app/inside.ts";
import { handOver } from "../../control/hand_over.ts";
import { runningSession } from "../../control/liveness.ts";
import { tellTurn } from "../../control/tell_edit.ts";
import { RalphError } from "../../error.ts";
import { readFileIfAny } from "../../host/files/read_file.ts";
import { knownUsage } from "../../loop/turn/usage.ts";
import { draftRemarks } from "../../plan/check.ts";
import { type Again, revisionPrompt } from "../../plan/prompt.ts";
import {
  openStoriesOf,
  readRevision,
  requireRevisable,
  revisedPrd,
  type Revision,
} from "../../plan/revise.ts";
import type { Settings } from "../../settings/settings.ts";
import { gateLine } from "../../task/gate.ts";
import { openPrd, type PrdDocument } from "../../task/prd.ts";
import { PRD_BYTES_MAX } from "../../task/prd_file.ts";
import type { Task } from "../../task/task_files.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { storyChanges } from "../../verify/prd/story_changes.ts";
import type { CommandContext } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { columnsOf } from "../output/streams.ts";
import { requirePerson } from "../require_person.ts";
import { answerFrom } from "./drafting.ts";
import { storyLines } from "./show_draft.ts";
import { talkAbout } from "./talk.ts";
import { withModel } from "./with_model.ts";

interface Order {
  task: Task;
  settings: Settings;
  /** What is to be changed. */
  words: string;
  yes: boolean;
  json: boolean;
}

/** Throws `RalphError`: as `withModel`, `answerFrom` and `handOver` do. */
export async function reviseTask(context: CommandContext, order: Order): Promise<number> {
  const { task: { projectRoot: root }, settings, yes, json } = order;
  const { out, inputIsTerminal } = context.output;
  requirePerson(context, "plan --revise");
  requireInside(context, order.task, settings);
  const task = withPrd(order.task);
  const base = readFileIfAny(task.prdPath, PRD_BYTES_MAX) ?? new Uint8Array();
  const prd = openPrd({ path: task.prdPath, bytes: base });
  requireRevisable(prd);
  const mayAsk = !yes && !json && out.isTerminal && inputIsTerminal;
  const what = `change the PRD of \`${plain(task.name, 80)}\``;
  const done = await withModel(context, { root, settings, what }, async (asking) => {
    const revised = await revision(context, { asking, prd, order });
    if (!revised || !mayAsk) return revised && { draft: revised, write: yes };
    return await talkAbout(context, {
      draft: revised,
      show: (one) => show(context, { prd, revision: one, base, settings }),
      again: (before, words) => revision(context, { asking, prd, order, again: { before, words } }),
    });
  });
  if ("code" in done) return done.code;
  const { draft, write } = done.value;
  const edited = revisedPrd(prd, draft);
  const changes = storyChanges(base, edited);
  if (!mayAsk && !json) show(context, { prd, revision: draft, base, settings });
  const draftFile = keep(edited, task);
  const handed = write && changes.length > 0
    ? handOver(context, task, { base, edited, draft: draftFile })
    : undefined;
  const isKept = handed === undefined && changes.length > 0;
  if (!isKept) Deno.removeSync(path.dirname(draftFile), { recursive: true });
  const told = handed?.iteration === undefined ? undefined : await tellTurn(context, task, changes);
  if (json) {
    const usage = knownUsage(done.usage) ?? null;
    const { changed } = done;
    const { questions } = draft;
    const remarks = remarksOn(draft, { prd, settings });
    const about = { questions, remarks, changed, told: told ?? null, usage };
    const written = handed !== undefined;
    const kept = isKept ? draftFile : null;
    out.line(commandJson({ task: task.name, written, kept, changes, ...about }, 2));
    return EXIT.done;
  }
  out.line("");
  out.line(outcome(context, { task, handed, changes, draftFile }));
  return EXIT.done;
}

function withPrd(task: Task): Task & { prdPath: string } {
  const { prdPath } = task;
  if (prdPath !== undefined) return { ...task, prdPath };
  throw new RalphError("usage", `\`${plain(task.name, 80)}\` has no PRD, but a prompt`);
}

function revision(
  { output: { err } }: CommandContext,
  { asking, prd, order, again }: {
    asking: Asking;
    prd: PrdDocument;
    order: Order;
    again?: Again;
  },
): Promise<Revision | undefined> {
  const wanted = {
    done: prd.stories.filter(({ passes }) => passes).map(({ id, title }) => `${id}: ${title}`),
    open: JSON.stringify(openStoriesOf(prd), undefined, 2),
    words: [order.words],
    gates: [...order.settings.verify, ...prd.verify ?? []].map(gateLine),
  };
  return answerFrom(asking, {
    prompt: (wrong) => revisionPrompt(wanted, wrong ? { ...wrong, words: again?.words } : again),
    read: (value) => readRevision(value, prd),
    onWrong: ([fault]) =>
      err.line(`the answer cannot be used, and is asked for again: ${plain(fault, 200)}`),
  });
}

/** The stories that are another, and what that is in words. */
function show(
  { output: { out } }: CommandContext,
  { prd, revision, base, settings }: {
    prd: PrdDocument;
    revision: Revision;
    base: Uint8Array;
    settings: Settings;
  },
): void {
  const was = new Map(openStoriesOf(prd).map((story) => [story.id, JSON.stringify(story)]));
  const changed = revision.stories.filter((story) => was.get(story.id) !== JSON.stringify(story));
  for (const story of changed) {
    for (const line of storyLines(story, { columns: columnsOf(out), colors: out.colors })) {
      out.line(line);
    }
  }
  out.line("");
  const changes = storyChanges(base, revisedPrd(prd, revision)).join(", ");
  out.line(changes === "" ? "nothing of its stories is another" : changes);
  for (const { question } of revision.questions) out.line(`open: ${plain(question)}`);
  for (const text of remarksOn(revision, { prd, settings })) {
    out.line(out.colors.yellow(`! ${plain(text, 300)}`));
  }
}

/** Gates of stories are not the revision's: where there are some, all count. */
function remarksOn(
  revision: Revision,
  { prd, settings }: { prd: PrdDocument; settings: Settings },
): readonly string[] {
  const ofStories = prd.stories.flatMap(({ verify = [] }) => verify);
  return draftRemarks(
    revision,
    settings.verify.length + (prd.verify?.length ?? 0) + ofStories.length,
  );
}

/** In a file that is named where the PRD cannot be handed over. */
function keep(edited: PrdDocument, { prdPath }: { prdPath: string }): string {
  const folder = Deno.makeTempDirSync({ prefix: "ralph-plan-" });
  const file = path.join(folder, path.basename(prdPath));
  Deno.writeFileSync(file, edited.source.bytes);
  return file;
}

function outcome(
  context: CommandContext,
  { task, handed, changes, draftFile }: {
    task: Task & { prdPath: string };
    handed: { iteration?: number } | undefined;
    changes: readonly string[];
    draftFile: string;
  },
): string {
  if (changes.length === 0) return "nothing is to be written";
  if (!handed) {
    return `Nothing was written. To write it: cp ${shellWord(draftFile)} ${
      shellWord(task.prdPath)
    }`;
  }
  const isRunning = runningSession(context, task) !== undefined;
  return `\`${plain(task.name, 80)}\`: ${
    isRunning ? "handed over to the session that runs" : "saved"
  }`;
}
