/** What the next prompt says of what was found. Pure. */
import type { Claim, Note } from "../store/model.ts";
import { outputsOf } from "./claims.ts";
import { failureSignature, steady } from "./gates/failure_signature.ts";
import type { GateResult } from "./gates/gates.ts";

/** Undefined when there is nothing to say. */
export function failureText({ notes, takenBack, results, testsCount }: {
  notes: readonly Note[];
  takenBack: readonly Pick<Claim, "storyId" | "why">[];
  results: readonly GateResult[];
  testsCount: boolean;
}): string | undefined {
  const lines = notes.map(({ about, text, kind }) => {
    switch (about) {
      case "prd":
        return "Of the PRD only `passes`, ticks and notes are yours to change, and no file of the " +
          `task is to be deleted: ${text}.`;
      case "protected":
        return `A gate has to pass both ways, so changing what checks the work helps nothing: ${text}.`;
      case "tests":
        return `Tests were lost: ${text}.` +
          (testsCount ? " Put them back: until then no claim of a story holds." : "");
      case "git":
        return `About git: ${text}.` +
          (kind === "hooks_off" ? " Undo that: commits are to be checked by them." : "");
      case "refused":
        return `These calls were ${text}. They will be each time: go on without them, and do not ` +
          "look for a way around.";
      case "left":
        return `Mind that ${text}. A check fails where one holds what it needs, such as a port: then ` +
          "end it, and leave none behind.";
      // Told to a person alone.
      case "hook":
        return "";
    }
  });
  const claims = takenBack.map(({ storyId, why }) =>
    `${storyId} was said to be done, and is open again: ${why}.`
  );
  const sections = [...lines, ...claims, outputsOf(results)].filter((one) => one !== "");
  return sections.join("\n\n") || undefined;
}

/** Equal for claims of the same stories that fell for the same reasons. */
export function failureKeyOf(
  takenBack: readonly Pick<Claim, "storyId" | "why">[],
  results: readonly GateResult[],
): string | undefined {
  if (takenBack.length === 0) return undefined;
  const ids = takenBack.map(({ storyId }) => storyId);
  return [...ids, failureSignature(results) || steady(takenBack[0].why ?? "")].join("\n");
}
