/** A PRD taken apart into what is protected and what the agent may change. */
import type { Source } from "../../task/source.ts";

/** `C`: what a format knows of a part of a PRD. */
export interface PrdParts<C> {
  /** What is protected outside of the stories. */
  outside: C;
  /** The same, with the place of each story in it. */
  placed: C;
  /** In document order. */
  stories: readonly StoryParts<C>[];
  /** The words of all of it, ticks aside, where a format can tell: equal when only the layout differs. */
  words?: string;
}

export interface StoryParts<C> {
  id: string;
  content: C;
  /** In markdown: how many boxes it has. */
  boxes?: number;
  /** Undefined when what stands there is neither yes nor no. */
  passes: boolean | undefined;
  /** What an agent claims it by says so: `passes`, or its boxes. Other signs of its state may not yet. */
  claimed: boolean;
  /** Of what the agent may write, in bytes. */
  notesLength: number;
}

export interface Difference {
  /** Names of what is missing or says another thing. */
  changed: readonly string[];
  /** What has come, and gives nothing that was there another meaning. */
  added: readonly string[];
}

/** How a format is taken apart and compared. */
export interface PrdReader<C> {
  /** Reads what can be read. Throws `RalphError` (`usage`) where nothing can. */
  read(source: Source): PrdParts<C>;
  compare(good: C, now: C): Difference;
}
