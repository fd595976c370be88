/** What of the changed files a server hands a reviewer as its own instructions. Pure. */
import type { ReviewFinding } from "../../store/model.ts";
import type { Story } from "../../task/prd.ts";

/**
 * Rules, also those beside a file that is read, settings, and what agents and skills are made of. OpenCode
 * 1.18.34 puts the first of the rules, what `instructions` names, the agent's own prompt and the list of skills
 * before each prompt (measured).
 */
const BY_NAME =
  /(^|\/)((AGENTS|CLAUDE|CONTEXT)\.md|opencode\.jsonc?|\.(opencode|claude|agents)\/.*)$/;

/** `isNamed`: whether the project's settings of OpenCode name a file as an instruction. */
export function instructionFiles(
  changed: readonly string[],
  isNamed: (file: string) => boolean,
): readonly string[] {
  return changed.filter((file) => BY_NAME.test(file) || isNamed(file));
}

/** For people, beside the verdict: it says nothing of the work. */
export function instructionsFound(
  [story]: readonly Pick<Story, "id">[],
  files: readonly string[],
): readonly ReviewFinding[] {
  if (story === undefined || files.length === 0) return [];
  return [{
    storyId: story.id,
    criterion: null,
    met: true,
    what: "the session changed what its reviewer's server reads as instructions",
    evidence: files.map((file) => ({ file, line: 1, there: true })),
  }];
}
