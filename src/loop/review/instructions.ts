/** Which of the changed files a reviewer's server takes for instructions. */
import { projectSettings } from "../../opencode/settings_files.ts";
import type { FilePatch } from "../../verify/review/changes.ts";
import { instructionFiles } from "../../verify/review/instructions.ts";
import type { LoopTools } from "../context.ts";

export async function changedInstructions(
  readText: LoopTools["readText"],
  root: string,
  { changes = [], earlier = [] }: {
    changes: readonly FilePatch[] | undefined;
    earlier: readonly FilePatch[] | undefined;
  },
): Promise<readonly string[]> {
  const files = [...new Set([...changes, ...earlier].map((file) => file.path))];
  const settings = projectSettings({ root, readText: (path) => readText(path, [root]) });
  const named = settings.flatMap(({ value }) =>
    "instructions" in value && Array.isArray(value.instructions) ? value.instructions : []
  ).filter((one) => typeof one === "string");
  if (named.length === 0) return instructionFiles(files, () => false);
  const { globMatcher, globProblem } = await import("../../settings/glob.ts");
  const isNamed = globMatcher(named.filter((glob) => globProblem(glob) === undefined));
  return instructionFiles(files, (file) => isNamed(file) === true);
}
