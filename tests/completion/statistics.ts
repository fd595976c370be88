/** The small project that most scenarios are about: functions over lists of numbers. */

const test = (name: string, imports: string, body: string): string =>
  `import assert from "node:assert/strict";
${imports}

Deno.test("${name}", () => {
  ${body}
});
`;

/** A piece of work: a function, a test that comes with the project, and a check that does not. */
export interface Piece {
  readonly name: string;
  /** Where its function belongs. */
  readonly file: string;
  readonly right: string;
  /** Looks done, and is not. */
  readonly wrong: string;
  readonly testFile: string;
  readonly test: string;
  /** For the referee. */
  readonly truth: string;
}

export const SUM: Piece = {
  name: "the sum of a list",
  file: "src/sum.js",
  right: "export const sum = (list) => list.reduce((a, b) => a + b, 0);\n",
  wrong: "export const sum = (list) => list.length;\n",
  testFile: "tests/sum_test.js",
  test: test(
    "the sum of a list",
    'import { sum } from "../src/sum.js";',
    "assert.equal(sum([1, 2, 3]), 6);",
  ),
  truth: `const { sum } = await load("src/sum.js");
    assert.equal(sum([]), 0);
    assert.equal(sum([5, -2, 10]), 13);`,
};

export const MEAN: Piece = {
  name: "the mean of a list",
  file: "src/mean.js",
  right: `import { sum } from "./sum.js";

export const mean = (list) => list.length === 0 ? 0 : sum(list) / list.length;
`,
  wrong: "export const mean = () => 0;\n",
  testFile: "tests/mean_test.js",
  test: test(
    "the mean of a list",
    'import { mean } from "../src/mean.js";',
    "assert.equal(mean([]), 0);\n  assert.equal(mean([1, 2, 3]), 2);",
  ),
  truth: `const { mean } = await load("src/mean.js");
    assert.equal(mean([]), 0);
    assert.equal(mean([4, 8]), 6);`,
};

export const MEDIAN: Piece = {
  name: "the median of a list",
  file: "src/median.js",
  right: `export function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
`,
  wrong: "export const median = (list) => list[0];\n",
  testFile: "tests/median_test.js",
  test: test(
    "the median of a list",
    'import { median } from "../src/median.js";',
    "assert.equal(median([3, 1, 2]), 2);",
  ),
  truth: `const { median } = await load("src/median.js");
    assert.equal(median([10, 2, 33]), 10);
    assert.equal(median([4, 1, 3, 2]), 2.5);`,
};

/** In the project from the start, and to stay as it is. */
export const LARGEST: Piece = {
  name: "the largest of a list",
  file: "src/largest.js",
  right: "export const largest = (list) => Math.max(...list);\n",
  wrong: "export const largest = (list) => list.at(-1);\n",
  testFile: "tests/largest_test.js",
  test: test(
    "the largest of a list",
    'import { largest } from "../src/largest.js";',
    "assert.equal(largest([1, 3, 2]), 3);",
  ),
  truth: `const { largest } = await load("src/largest.js");
    assert.equal(largest([7, 9, 8]), 9);`,
};

export interface ProjectOptions {
  /** One story for each, `US-001` and so on. */
  readonly pieces?: readonly Piece[];
  /** Whether the tests of the pieces are there from the start. Default: they are. */
  readonly tests?: "given" | "none";
  /**
   * What proves a story: its own test (the default), the test of what was there before, which
   * proves nothing about a story, or all tests of the project.
   */
  readonly gates?: "each story" | "unrelated" | "all tests" | "none";
  readonly format?: "json" | "md";
}

/** The files of a project at its start, and what the referee asks of it in the end. */
export function statistics(options: ProjectOptions = {}): {
  files: Record<string, string>;
  truth: Record<string, string>;
} {
  const { pieces = [SUM, MEAN], tests = "given", gates = "each story", format = "json" } = options;
  const given = tests === "given" ? pieces : [];
  const taskGates = {
    "each story": [["deno", "test", LARGEST.testFile]],
    "unrelated": [["deno", "test", LARGEST.testFile]],
    "all tests": [["deno", "test"]],
    "none": [],
  }[gates];
  const files: Record<string, string> = {
    "README.md": "# Statistics\n\nFunctions over lists of numbers. Tests: `deno test`\n",
    [LARGEST.file]: LARGEST.right,
    ...Object.fromEntries([LARGEST, ...given].map(({ testFile, test }) => [testFile, test])),
  };
  if (format === "md") {
    files[PRD_MD] = markdownPrd(pieces);
    files["ralph.json"] = json({ verify: taskGates });
  } else {
    files[PRD_JSON] = json(jsonPrd(pieces, {
      verify: taskGates,
      ofStory: ({ testFile }) =>
        gates === "each story" ? { verify: [["deno", "test", testFile]] } : {},
    }));
  }
  return {
    files,
    truth: Object.fromEntries([LARGEST, ...pieces].map(({ name, truth }) => [name, truth])),
  };
}

export const PRD_JSON = "tasks/statistics/prd.json";
export const PRD_MD = "tasks/statistics/prd.md";

/** As files of a project are written. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

export interface JsonPrd {
  readonly userStories: readonly Readonly<Record<string, unknown>>[];
  readonly [field: string]: unknown;
}

/** The PRD of a project's files, to change it. */
export function prdOf(files: Readonly<Record<string, string>>): JsonPrd {
  return JSON.parse(files[PRD_JSON]);
}

function jsonPrd(
  pieces: readonly Piece[],
  gates: { verify: unknown; ofStory: (piece: Piece) => object },
): JsonPrd {
  return {
    project: "Statistics",
    description: "Functions over lists of numbers",
    verify: gates.verify,
    userStories: pieces.map((piece, index) => ({
      id: idOf(index),
      title: piece.name,
      description: `As a caller, I want ${piece.name}, so that I need not write it.`,
      acceptanceCriteria: [`${piece.file} exports a function for ${piece.name}`],
      priority: index + 1,
      passes: false,
      notes: "",
      ...gates.ofStory(piece),
    })),
  };
}

function markdownPrd(pieces: readonly Piece[]): string {
  const stories = pieces.map(({ name, file }, index) =>
    `### ${idOf(index)}: ${name}

**Acceptance Criteria:**

- [ ] \`${file}\` exports a function for ${name}
- [ ] \`deno test\` passes
`
  );
  return ["# PRD: Statistics\n", ...stories].join("\n");
}

function idOf(index: number): string {
  return `US-${String(index + 1).padStart(3, "0")}`;
}

/** The piece of a story of a project that was made of `pieces`. */
export function pieceOf(story: string, pieces: readonly Piece[]): Piece {
  const piece = pieces[Number(story.slice("US-".length)) - 1];
  if (!piece) throw new Error(`there is no story \`${story}\``);
  return piece;
}
