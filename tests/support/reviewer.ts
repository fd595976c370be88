/**
 * Scripted reviewers: how a model answers that is asked for a review. They know what is asked from the
 * prompt alone, by the form of the answer at its end and the list of changed files.
 */

/** Whether a prompt asks for a review. */
export function isReview(prompt: string): boolean {
  return prompt.startsWith("You review work that another agent did.");
}

export interface Asked {
  readonly stories: readonly { readonly id: string; readonly criteria: number }[];
  /** Those that were changed. */
  readonly files: readonly string[];
  readonly prompt: string;
}

/** What a reviewer's prompt asks. */
export function askedIn(prompt: string): Asked {
  const form = /^# How to answer$.*?^```json\n(.*?)\n```$/ms.exec(prompt)?.[1];
  if (form === undefined) throw new Error("the prompt has no form of an answer");
  const { stories } = JSON.parse(form) as { stories: { id: string; criteria: unknown[] }[] };
  const files = /^<<<files-\w+\n(.*?)\nfiles-\w+>>>$/ms.exec(prompt)?.[1] ?? "";
  return {
    stories: stories.map(({ id, criteria }) => ({ id, criteria: criteria.length })),
    files: files.split("\n").map((line) => line.split("  ")[0]).filter(Boolean),
    prompt,
  };
}

interface Said {
  readonly met: boolean;
  readonly why?: string;
  readonly file?: string;
  readonly line?: number;
}

export interface Problem {
  readonly kind: string;
  readonly what: string;
  readonly file: string;
  readonly line: number;
}

/** An answer in the form that is asked for, the same for each criterion. */
export function answer(
  { stories }: Pick<Asked, "stories">,
  { met, why = met ? "it is there" : "it is not there", file, line = 1 }: Said,
  problems: readonly Problem[] = [],
): string {
  const evidence = file === undefined ? [] : [{ file, line }];
  const said = stories.map(({ id, criteria }) => ({
    id,
    criteria: Array.from(
      { length: criteria },
      (_, i) => ({ criterion: i + 1, met, why, evidence }),
    ),
    problems,
  }));
  return `I have looked.\n\n\`\`\`json\n${JSON.stringify({ stories: said })}\n\`\`\``;
}

/** Reviewers that need to know nothing of the work. */
export const REVIEWERS = {
  /** Passes all, with the first changed file as its evidence. */
  lazy: (asked: Asked) => answer(asked, { met: true, file: asked.files[0] ?? "ralph.json" }),
  hostile: (asked: Asked) => answer(asked, { met: false, why: "I would have done it otherwise" }),
  /** Passes all with places that are not there. */
  fabricating: (asked: Asked) => answer(asked, { met: true, file: "src/perfect.ts", line: 4_711 }),
  noJson: () => "It all looks good to me. Approved.",
  empty: () => "",
} satisfies Record<string, (asked: Asked) => string>;
