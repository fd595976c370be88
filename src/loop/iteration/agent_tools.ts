/** What the tools of a turn can have to do with one file. Pure. */
import type { ToolRun } from "../../opencode/model.ts";
import type { AgentTools } from "../../verify/prd/prd_authors.ts";

/** Those of OpenCode (1.1.53 to 1.18.33, 2) that write no file; what a sub-agent does is in its own. */
const READING = new Set(
  ["read", "grep", "glob", "list", "webfetch", "websearch", "codesearch", "todowrite", "todoread"]
    .concat(["task", "question", "skill", "lsp", "invalid", "plan_enter", "plan_exit"]),
);
/** Those that write one file, which they name. */
const WRITING_ONE = new Set(["edit", "multiedit", "write"]);

/**
 * Any other tool may write anything while it runs. `now` ends those that broke off. `isOther`: whether
 * a path is certain to lead to another file.
 */
export function agentTools(
  toolRuns: readonly ToolRun[] | undefined,
  { isOther, now }: { isOther: (named: string) => boolean; now: number },
): AgentTools | undefined {
  if (!toolRuns) return undefined;
  // `path`: of OpenCode 2.
  const mayWrite = ({ tool, input: { filePath, path: file = filePath }, refused }: ToolRun) =>
    !refused && !READING.has(tool) &&
    !(WRITING_ONE.has(tool) && typeof file === "string" && isOther(file));
  let inputs: string | undefined;
  return {
    writing: toolRuns.filter(mayWrite).map(({ start, end = now }) => ({ start, end })),
    said(text) {
      inputs ??= toolRuns.flatMap(({ input }) => textsIn(input)).join("\n");
      return inputs.includes(text);
    },
  };
}

/** All strings in a value. */
function textsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}
