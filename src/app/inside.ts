/** A repository names files of its own: what it reads of others, only the user's settings allow. */
import * as path from "node:path";
import { RalphError } from "../error.ts";
import { leadsOutside } from "../host/files/outside.ts";
import { configPath } from "../settings/read.ts";
import { allowedFolders, type Settings } from "../settings/settings.ts";
import { progressPath, type Task } from "../task/task_files.ts";
import { plain } from "../terminal/plain.ts";
import type { Context } from "./context.ts";

/**
 * Throws `RalphError` (`usage`) when the task's folder, or a file of it that is read into the
 * prompt, leads out of the project, and the user's own settings do not allow it.
 */
export function requireInside(
  { environment }: Pick<Context, "environment">,
  task: Task,
  settings: Pick<Settings, "outside" | "prompt">,
): void {
  const { dir, projectRoot, prdPath, promptPath } = task;
  const read = [dir, prdPath, promptPath, settings.prompt, progressPath(task)];
  for (const file of read) {
    if (file === undefined) continue;
    const real = leadsOutside(file, allowedFolders(projectRoot, settings));
    if (real === undefined) continue;
    const ways = real === file ? "" : `, which leads to ${plain(real, 200)}`;
    const allowed = JSON.stringify([file === dir ? real : path.dirname(real)]);
    const own = configPath(environment) ?? "ralph/config.json";
    throw new RalphError(
      "usage",
      `cannot use ${plain(file, 200)}${ways}: it is outside of the project ` +
        plain(projectRoot, 200),
      [{
        text: `if it is yours, allow its folder in your own settings, ${plain(own, 200)}, with ` +
          `\`"outside": ${plain(allowed, 300)}\``,
      }],
    );
  }
}
