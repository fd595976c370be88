/** The prompt of the user's own, if there is one. */
import { RalphError } from "../error.ts";
import { readFileIfAny } from "../host/files.ts";
import { checkTemplate } from "../loop/template.ts";
import type { Settings } from "../settings/settings.ts";
import type { Task } from "../task/find.ts";
import { plain } from "../terminal/plain.ts";

/**
 * `prompt.md` of the task, or else the file that the settings name. Throws `RalphError` (`usage`)
 * when that cannot be read or has a placeholder that there is not.
 */
export function templateOf(
  { promptPath }: Task,
  { prompt }: Pick<Settings, "prompt">,
): string | undefined {
  const file = promptPath ?? prompt;
  if (file === undefined) return undefined;
  const bytes = readFileIfAny(file);
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
  checkTemplate(text, file);
  return text;
}
