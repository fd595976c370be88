/** The prompt of the user's own, if there is one. */
import { RalphError } from "../error.ts";
import { readFileIfAny } from "../host/files/read_file.ts";
import { checkTemplate, isTemplate } from "../loop/iteration/prompt_template.ts";
import type { Settings } from "../settings/settings.ts";
import type { Task } from "../task/task_files.ts";
import { plain } from "../terminal/plain.ts";

/** In bytes. A longer one leaves no room for an answer, whatever the model. */
const PROMPT_BYTES_MAX = 1024 ** 2;

interface OwnPrompt {
  /** What it says. */
  template?: string;
  /** Where it is. */
  file?: string;
  /** A `prompt.md` that another loop came with: path of what is not used. */
  foreign?: string;
}

/**
 * `prompt.md` of the task, or else the file that the settings name. Beside a PRD, a `prompt.md` that
 * places nothing is another loop's, and is used only when the settings name it. Throws `RalphError`
 * (`usage`) when a file cannot be read or has a placeholder that there is not.
 */
export function promptOf(
  { promptPath, prdPath }: Pick<Task, "promptPath" | "prdPath">,
  { prompt }: Pick<Settings, "prompt">,
): OwnPrompt {
  const text = promptPath === undefined ? undefined : textOf(promptPath);
  const isForeign = text !== undefined && prdPath !== undefined && promptPath !== prompt &&
    !isTemplate(text);
  const file = isForeign ? prompt : promptPath ?? prompt;
  if (file === undefined) return { foreign: isForeign ? promptPath : undefined };
  const template = file === promptPath && text !== undefined ? text : textOf(file);
  checkTemplate(template, file);
  return { template, file, foreign: isForeign ? promptPath : undefined };
}

function textOf(file: string): string {
  const bytes = readFileIfAny(file, PROMPT_BYTES_MAX);
  if (!bytes) {
    throw new RalphError(
      "usage",
      `cannot read the prompt ${plain(file, 200)}: there is no such file`,
    );
  }
  const text = new TextDecoder().decode(bytes);
  if (text.trim() === "") {
    throw new RalphError("usage", `cannot use the prompt ${plain(file, 200)}: it is empty`);
  }
  return text;
}
