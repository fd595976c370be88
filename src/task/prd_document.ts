/** What a PRD is, and what its two readers find in one. */
import type { Gate } from "./gate.ts";
import type { Fault } from "./faults.ts";
import type { LeftOut } from "./left_out.ts";
import type { Edit, Source } from "./source.ts";

interface Criterion {
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
  /** False: nobody reviews it. */
  review?: false;
  /** What must succeed for this story, beside the PRD's own. In JSON alone. */
  verify?: readonly Gate[];
  /** Where it begins in the file, from 1. */
  line: number;
  /** What has to be marked for it to pass, as the file has it; `passes` or its boxes where undefined. */
  marks?: readonly string[];
  /** What in it says that it is done and what says that it is open, where both are there: it is open. */
  disagree?: string;
}

export interface Prd {
  format: "json" | "markdown";
  /** `project` or `name`, or the first H1; empty when there is none. */
  title: string;
  description: string;
  branchName?: string;
  /** Names of tasks that have to be completed before this one. In JSON alone. */
  dependsOn?: readonly string[];
  stories: readonly Story[];
  leftOut: readonly LeftOut[];
  /** What it says beside its stories, bounded, for the prompt; empty when that is nothing. */
  about: string;
  /** What a person has to know of it, one line each. */
  remarks: readonly string[];
  /** Commands that it names as checks in a form that makes none a gate. */
  offers: readonly string[];
  /** What must succeed for every story. In JSON alone. */
  verify?: readonly Gate[];
}

/** What the reader of a format finds. */
export interface PrdReading extends Omit<Prd, "stories"> {
  entries: readonly StoryEntry[];
  /** Why it cannot be used, all of it. */
  faults: readonly Fault[];
}

/** A PRD with the bytes that it was read from, and what is needed to change it. */
export interface PrdDocument extends Prd {
  entries: readonly StoryEntry[];
  source: Source;
}

export interface StoryEntry {
  story: Story;
  /** The byte at which it begins. */
  offset: number;
  /** The byte after it. */
  end: number;
  /** What it depends on is ids, and nothing else. */
  hasOnlyIds?: boolean;
  /** What makes it pass, or not, in order and apart; empty when it is so already. */
  passesEdits(passes: boolean): readonly Edit[];
  /** Gives a story that has nothing to mark a box for the state that it has. */
  boxEdits?: readonly Edit[];
  /** All that holds its state, in order and apart. */
  state: readonly StateSpan[];
}

/** A part of the file that holds a story's state: the bytes from `start` to before `end`. */
export interface StateSpan {
  /** The same for what is the same in another copy; of those with one name their order tells. */
  name: string;
  start: number;
  end: number;
  /** All that goes with it, where a copy does not have it. */
  whole?: { start: number; end: number };
}
