/** The small project of the demo, and what the scripted agent does to it. */
import { bash, edit, write } from "../support/agent.ts";
import type { ToolCall } from "../support/scripted_model.ts";

export const TASK = "shop";
export const PRD = `tasks/${TASK}/prd.md`;

const test = (name: string, imports: string, body: string): string =>
  `import assert from "node:assert/strict";
${imports}

Deno.test("${name}", () => {
${body}
});
`;

/** What is in the repository before the first iteration. */
export const FILES: Readonly<Record<string, string>> = {
  "ralph.json": `{ "verify": [["deno", "test"]] }\n`,
  "README.md": "# Shop\n\nA shopping list. Tests: `deno test`\n",
  "src/list.js":
    `/** Returns the list with one more item: { name, count, price }, the price in euros. */
export function addItem(list, item) {
  return [...list, item];
}
`,
  "tests/list_test.js": test(
    "an item is added at the end",
    'import { addItem } from "../src/list.js";',
    `  const list = addItem([], { name: "apple", count: 1, price: 0.3 });
  assert.deepEqual(list, [{ name: "apple", count: 1, price: 0.3 }]);`,
  ),
  [PRD]: `# PRD: Shop

A shopping list that knows what it costs. No dependencies, \`deno test\` passes after each story.

## User Stories

### US-001: Merge equal items

**Acceptance Criteria:**

- [ ] Adding an item whose name is in the list raises that item's count
- [ ] Other items stay as they are

### US-002: Total price

**Acceptance Criteria:**

- [ ] \`total(list)\` in \`src/total.js\` is the price of all items in euros
- [ ] It is exact: 0.10 and 0.20 make 0.30

### US-003: Print the list

**Acceptance Criteria:**

- [ ] \`format(list)\` in \`src/format.js\` has a line for each item and one for the total
- [ ] Prices have two decimals

### US-004: Command line

**Acceptance Criteria:**

- [ ] \`deno run main.js apple:2:0.10 pear:1:0.20\` prints the list
`,
};

/** How the agent goes about a story. */
export interface Work {
  /** Files to read first, since only those can be edited in every version. */
  readonly read?: readonly string[];
  readonly build: readonly ToolCall[];
  /** What the first attempt gets wrong, how the next one mends it, and what it has to read. */
  readonly mistake?: { read: readonly string[]; mend: readonly ToolCall[] };
  readonly learned: string;
}

export const WORK: Readonly<Record<string, Work>> = {
  "US-001": {
    read: ["src/list.js"],
    build: [
      edit("src/list.js", {
        from: "  return [...list, item];",
        to: `  if (!list.some(({ name }) => name === item.name)) return [...list, item];
  return list.map((old) =>
    old.name === item.name ? { ...old, count: old.count + item.count } : old
  );`,
      }),
      write(
        "tests/merge_test.js",
        test(
          "equal items are merged, others stay",
          'import { addItem } from "../src/list.js";',
          `  const pear = { name: "pear", count: 1, price: 0.2 };
  const apple = { name: "apple", count: 1, price: 0.1 };
  assert.deepEqual(addItem([pear, apple], apple), [pear, { ...apple, count: 2 }]);`,
        ),
      ),
    ],
    learned: "Lists are never changed in place: functions return a new one.",
  },
  "US-002": {
    build: [
      write(
        "src/total.js",
        `/** The price of all items in euros. */
export function total(list) {
  return list.reduce((sum, { count, price }) => sum + count * price, 0);
}
`,
      ),
      write(
        "tests/total_test.js",
        test(
          "the total is exact",
          'import { total } from "../src/total.js";',
          `  assert.equal(total([]), 0);
  assert.equal(total([{ count: 1, price: 0.1 }, { count: 1, price: 0.2 }]), 0.3);`,
        ),
      ),
    ],
    mistake: {
      read: ["src/total.js"],
      mend: [
        edit("src/total.js", {
          from: "  return list.reduce((sum, { count, price }) => sum + count * price, 0);",
          to:
            `  const cents = list.reduce((sum, { count, price }) => sum + count * Math.round(price * 100), 0);
  return cents / 100;`,
        }),
      ],
    },
    learned: "Money is added in cents and shown in euros.",
  },
  "US-003": {
    build: [
      write(
        "src/format.js",
        `import { total } from "./total.js";

/** The list as text: a line for each item and one for the total. */
export function format(list) {
  const rows = list.map(({ name, count, price }) => \`\${count} x \${name} \${price.toFixed(2)}\`);
  return [...rows, \`total \${total(list).toFixed(2)}\`].join("\\n");
}
`,
      ),
      write(
        "tests/format_test.js",
        test(
          "a line for each item and one for the total",
          'import { format } from "../src/format.js";',
          `  const list = [{ name: "apple", count: 2, price: 0.1 }];
  assert.equal(format(list), "2 x apple 0.10\\ntotal 0.20");`,
        ),
      ),
    ],
    learned: "`format` is the only place that rounds for show.",
  },
  "US-004": {
    build: [
      write(
        "main.js",
        `import { format } from "./src/format.js";
import { addItem } from "./src/list.js";

const items = Deno.args.map((arg) => {
  const [name, count, price] = arg.split(":");
  return { name, count: Number(count), price: Number(price) };
});
console.log(format(items.reduce(addItem, [])));
`,
      ),
      bash("deno run main.js apple:2:0.10 pear:1:0.20"),
    ],
    learned: "An argument is name:count:price.",
  },
};
