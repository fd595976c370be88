/** A PRD taken apart into what is protected and what the agent may change. */
export interface PrdParts {
  /** What is protected outside of the stories: its name, and a text that differs when it does. */
  parts: ReadonlyMap<string, string>;
  /** In document order. */
  stories: readonly StoryParts[];
  /** Differs when a story stands elsewhere. */
  layout: string;
}

export interface StoryParts {
  id: string;
  /** As those of the PRD. */
  parts: ReadonlyMap<string, string>;
  /** Undefined when what stands there is neither yes nor no. */
  passes: boolean | undefined;
  /** Of what the agent may write, in bytes. */
  notesLength: number;
}
