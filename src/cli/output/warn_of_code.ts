import { textOf } from "../../host/files/read_file.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { codeWords, projectCode } from "../../opencode/project_code.ts";
import type { CommandContext } from "../command_context.ts";

/**
 * Says what code of the repository's own OpenCode runs. Nobody is asked, since nobody may be there; who
 * reads the first lines of a run sees it.
 */
export function warnOfCode(
  context: CommandContext,
  { projectRoot: root }: { projectRoot: string },
): void {
  const code = codeWords(projectCode({ root, list: systemTree.list, readText: textOf }));
  if (code !== undefined) context.warn(`this repository has OpenCode run, as you: ${code}`);
}
