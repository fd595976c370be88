import { gatesOfLines } from "./gate.ts";
import { parsePrd, type Story } from "./prd.ts";

/** Those of a PRD that nobody has written yet: as they are in the one that a new task begins with. */
export function unwritten(stories: readonly Story[]): readonly Story[] {
  const bytes = new TextEncoder().encode(newPrd("template"));
  const template = parsePrd({ path: "prd.md", bytes }).stories.map(wordsOf);
  return stories.filter((story) => template.includes(wordsOf(story)));
}

const wordsOf = ({ title, description, criteria }: Story) =>
  JSON.stringify([title, description, criteria.map(({ text }) => text)]);

/** The PRD that a new task begins with: its form by example. */
export function newPrd(name: string): string {
  return `# PRD: ${name}

What this is about, in a few sentences: what is wrong or missing now, and for whom.

## User Stories

Each story is worked on by itself, with a fresh context: keep it small, and say how one can tell
that it is done.

### US-001: The first thing

**Description:** As a user, I want something, so that something is better.

**Acceptance Criteria:**

- [ ] What can be seen when it works
- [ ] The project's tests pass

### US-002: The second thing

**Description:** As a user, I want something more.
**Depends on:** US-001

**Acceptance Criteria:**

- [ ] What can be seen when it works
- [ ] The project's tests pass
`;
}

/** What a person has said of a new task. */
export interface PrdWords {
  /** What it is about, in one line. */
  title: string;
  stories: readonly { title: string; criteria: readonly string[] }[];
  /** Commands that have to succeed before a story passes: lines for `sh`. */
  verify: readonly string[];
}

/** The PRD that says it, as JSON, where a PRD can name its gates. Stories are in order of priority. */
export function prdOf({ title, stories, verify }: PrdWords): string {
  const prd = {
    project: title,
    ...verify.length > 0 && { verify: gatesOfLines(verify) },
    userStories: stories.map(({ title, criteria }, i) => ({
      id: `US-${String(i + 1).padStart(3, "0")}`,
      title,
      acceptanceCriteria: criteria,
      priority: i + 1,
      passes: false,
      notes: "",
    })),
  };
  return JSON.stringify(prd, undefined, 2) + "\n";
}
