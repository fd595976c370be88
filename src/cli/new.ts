/** `ralph new <name>`: a new task with a PRD to fill in. */
import * as path from "node:path";
import { RalphError } from "../error.ts";
import { systemTree } from "../host/tree.ts";
import { findProjectRoot } from "../task/find.ts";
import { checkTaskName } from "../task/name.ts";
import { newPrd } from "../task/new_prd.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import type { Context } from "./context.ts";
import { EXIT } from "./exit_codes.ts";

export function newTask(
  context: Context,
  { name, json }: { name: string; json: boolean },
): number {
  checkTaskName(name);
  const root = findProjectRoot(context.cwd(), systemTree);
  if (root === undefined) {
    throw new RalphError(
      "not_found",
      `cannot make the task \`${name}\`: ${plain(context.cwd(), 200)} is not in a git repository`,
      [{ text: "to make the folder you are in one", command: "git init" }],
    );
  }
  const folder = path.join(root, "tasks", name);
  const prd = path.join(folder, "prd.md");
  try {
    Deno.mkdirSync(path.dirname(folder), { recursive: true });
    Deno.mkdirSync(folder);
    Deno.writeTextFileSync(prd, newPrd(name), { createNew: true });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new RalphError("conflict", `cannot make the task \`${name}\`: ${folder} exists`, [
        { text: "see what is in it", command: `ls ${shellWord(folder)}` },
      ]);
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new RalphError("failed", `cannot make the task \`${name}\`: ${plain(reason, 300)}`, [
      { text: "see who may write there", command: `ls -ld ${shellWord(root)}` },
    ]);
  }
  const { out } = context.output;
  if (json) out.line(JSON.stringify({ task: name, taskDir: folder, prd }));
  else {
    out.line(prd);
    out.line(`Write its stories, commit it, then: ralph run ${shellWord(name)}`);
  }
  return EXIT.done;
}
