/** What a task's worktree and its branch are called. Pure. */
import * as path from "node:path";

/** The branch of a task whose PRD names none: a name that git takes (git-check-ref-format(1)). */
export function branchFor(taskName: string): string {
  const slug = taskName.normalize("NFC").replaceAll(/[^\p{L}\p{M}\p{N}._-]+/gu, "-")
    .replaceAll(/\.{2,}/g, ".").replaceAll(/^[.-]+|[.-]+$/g, "").replace(/\.lock$/, "");
  return `ralph/${slug || "task"}`;
}

/** The folder that a project's worktrees are in, beside it. */
export const folderBeside = (homeRoot: string): string => `${homeRoot}.ralph`;

/** The same task in another tree of the repository. */
export function movedTo(
  root: string,
  { dir, projectRoot }: { dir: string; projectRoot: string },
): string {
  return path.join(root, path.relative(projectRoot, dir));
}
