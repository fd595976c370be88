/** What a PRD is, and what its two readers find in one. */
import type { Gate } from "./gate.ts";
import type { Edit } from "./source.ts";

export interface Criterion {
  text: string;
  /** In markdown alone. */
  ticked?: boolean;
}

export interface Story {
  id: string;
  title: string;
  description: string;
  criteria: readonly Criterion[];
  /** Lower comes first. Infinity when the PRD gives none: after all that have one. */
  priority: number;
  passes: boolean;
  /** In markdown what is in the story and is nothing else. */
  notes: string;
  dependsOn: readonly string[];
  /** What must succeed for this story, beside the PRD's own. In JSON alone. */
  verify?: readonly Gate[];
  /** Where it begins in the file, from 1. */
  line: number;
}

export interface Prd {
  format: "json" | "markdown";
  /** `project` or `name`, or the first H1; empty when there is none. */
  title: string;
  description: string;
  branchName?: string;
  stories: readonly Story[];
  /** What must succeed for every story. In JSON alone. */
  verify?: readonly Gate[];
}

/** A PRD as its reader found it, with what is needed to change it. */
export interface PrdDocument extends Omit<Prd, "stories"> {
  entries: readonly StoryEntry[];
}

export interface StoryEntry {
  story: Story;
  /** The byte at which it begins. */
  offset: number;
  /** What makes it pass, or not; empty when it is so already. */
  passesEdits(passes: boolean): readonly Edit[];
}
