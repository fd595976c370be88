/**
 * The tasks of docs/recipes, each in a small project that needs it: the gates fail before the work and
 * for an agent that only claims, and pass for one that does it. Gates and tools are real.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { assignment, bash, quote } from "../support/agent.ts";
import { makeWorld } from "../reliability/processes.ts";
import { call, say } from "../support/scripted_model.ts";

const RECIPES = fileURLToPath(new URL("../../docs/recipes/", import.meta.url));

interface Recipe {
  files: Readonly<Record<string, string>>;
  /** What the agent does for each story, as lines of sh(1). */
  work: Readonly<Record<string, string>>;
  /** What it does at first of a story, in place of nothing: it must not pass either. */
  forged?: Readonly<Record<string, string>>;
}

const into = (file: string, text: string) =>
  `mkdir -p "$(dirname ${file})"; printf %s ${quote(text)} > ${file}`;

const PRICES = `exports.net = (gross) => Math.round(gross / 1.19);
exports.rebate = (price, count) => {
  if (count >= 100) return price * 0.8;
  if (count >= 10) {
    return price * 0.9;
  }
  return price;
};
exports.shown = (cents) => {
  const sign = cents < 0 ? "-" : "";
  return sign + (Math.abs(cents) / 100).toFixed(2);
};
`;
const ORDERS = `exports.total = (orders) => {
  let sum = 0;
  for (const { price, count } of orders) {
    if (count < 0) throw new Error("a negative count");
    sum += price * count;
  }
  return sum;
};
exports.newest = (orders) => {
  const sorted = [...orders].sort((a, b) => b.at - a.at);
  return sorted[0];
};
`;
const nodeTest = (name: string, checks: string) =>
  `const test = require("node:test"); const assert = require("node:assert");\n` +
  `const it = require("../src/${name}.js");\ntest("${name}", () => {\n${checks}\n});\n`;
const query = (body: string) => `const assert = require("node:assert");\n${body}`;
/** The commit that a gate would find that looks for the story before. */
const ASIF = "git add -A && git commit -qm 'feat: US-001' --allow-empty";
const queryTest = (blank: string) =>
  into(
    "test/query.test.js",
    query(
      `const test = require("node:test"); const { query } = require("../src/query.js");\n` +
        QUERY_CASES.map(([q, text]) =>
          `test(${JSON.stringify(`of ${q}`)}, () => ` +
          `assert.strictEqual(query(${JSON.stringify(q)}), ${
            JSON.stringify(text.replace("%20", blank))
          }));\n`
        ).join(""),
    ),
  );
const QUERY_CASES = [["a b", "q=a%20b"], ["ä", "q=%C3%A4"], ["", "q="], ["1&2", "q=1%262"]];
const SLUG = (types: string) =>
  `(text${types})${types} => text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");\n`;
const TEXTS = ["", " ", "Hello World", "ÄÖ", "a1", "--", "A  B", "end!"];

const RECORDED = `node -e ${
  quote(
    `const { slug } = require("./src/slug.js");` +
      `const cases = ${JSON.stringify(TEXTS)}.map((text) => ({ in: text, out: slug(text) }));` +
      `require("fs").writeFileSync("cases.json", JSON.stringify(cases));`,
  )
}`;
const SLUG_TEST = into(
  "src/slug.test.ts",
  'import assert from "node:assert/strict";\nimport { slug } from "./slug.ts";\n' +
    'const cases = JSON.parse(Deno.readTextFileSync("cases.json"));\n' +
    'Deno.test("as before", () => {\n' +
    "  for (const one of cases) assert.equal(slug(one.in), one.out);\n});\n",
);

const CASES: Readonly<Record<string, Recipe>> = {
  coverage: {
    files: {
      "src/prices.js": PRICES,
      "src/orders.js": ORDERS,
      "test/prices.test.js": nodeTest("prices", "assert.strictEqual(it.net(119), 100);"),
    },
    work: {
      "US-001": into(
        "test/more.test.js",
        nodeTest(
          "prices",
          "assert.deepStrictEqual([1, 10, 100].map((n) => it.rebate(10, n)), [10, 9, 8]);\n" +
            'assert.strictEqual(it.shown(-150), "-1.50");',
        ),
      ),
      "US-002": into(
        "test/orders.test.js",
        nodeTest(
          "orders",
          "assert.strictEqual(it.total([{ price: 2, count: 3 }]), 6);\n" +
            "assert.throws(() => it.total([{ price: 1, count: -1 }]));\n" +
            "assert.deepStrictEqual(it.newest([{ at: 1 }, { at: 2 }]), { at: 2 });",
        ),
      ),
    },
  },
  migrate: {
    files: {
      "src/query.js": 'const qs = require("node:querystring");\n' +
        "exports.query = (q) => qs.stringify({ q });\n",
    },
    work: {
      "US-001": queryTest("%20"),
      "US-002": `${queryTest("%20")}\n` + into(
        "src/query.js",
        "exports.query = (q) =>\n  new URLSearchParams({ q }).toString().replaceAll('+', '%20');\n",
      ),
    },
    forged: {
      "US-002": [
        queryTest("+"),
        into("src/query.js", "exports.query = (q) => `${new URLSearchParams({ q })}`;\n"),
        ASIF,
      ].join("\n"),
    },
  },
  lint: {
    files: {
      "src/sum.js": "const unused = 1;\nexport function sum(list) {\n  let all = list;\n" +
        "  debugger;\n  return all.reduce((a, b) => a + b, 0);\n}\n",
      "package.json": '{ "type": "module" }\n',
      "src/sum.test.js": 'import test from "node:test";\nimport assert from "node:assert";\n' +
        'import { sum } from "./sum.js";\ntest("sum", () => assert.strictEqual(sum([1, 2]), 3));\n',
    },
    work: {
      "US-001": "sed -i /unused/d src/sum.js",
      "US-002": "sed -i 's/let all/const all/' src/sum.js",
      "US-003": "sed -i /debugger/d src/sum.js",
    },
  },
  port: {
    files: { "src/slug.js": `exports.slug = ${SLUG("")}`, ".gitignore": "node_modules\n" },
    work: {
      "US-001": RECORDED,
      "US-002": [
        "git show HEAD~1:cases.json > cases.json",
        "git rm -q --ignore-unmatch src/slug.js",
        into("src/slug.ts", `export const slug = ${SLUG(": string")}`),
        SLUG_TEST,
      ].join("\n"),
    },
    forged: {
      "US-001": into("cases.json", JSON.stringify(TEXTS.map(() => ({ in: "", out: "" })))),
      "US-002": [
        "git rm -q src/slug.js",
        into("src/slug.ts", "export const slug = (text: string): string => text;\n"),
        into("cases.json", JSON.stringify(TEXTS.map((text) => ({ in: text, out: text })))),
        SLUG_TEST,
        ASIF,
      ].join("\n"),
    },
  },
  examples: {
    files: {
      "src/add.ts": "export const add = (a: number, b: number): number => a + b;\n",
      "README.md": '# Add\n\n```ts\nimport { plus } from "./src/add.ts";\nplus(1, 2);\n```\n',
      "docs/more.md": '# More\n\n```ts\nimport { add } from "../src/add.ts";\nadd("1", 2);\n```\n',
    },
    work: {
      "US-001": "sed -i s/plus/add/ README.md",
      "US-002": `sed -i 's/"1"/1/' docs/more.md`,
    },
  },
};

const MARK = 'const fs = require("fs"), [prd, id] = process.argv.slice(1);' +
  'const all = JSON.parse(fs.readFileSync(prd, "utf8"));' +
  "all.userStories.find((one) => one.id === id).passes = true;" +
  'fs.writeFileSync(prd, JSON.stringify(all, null, 2) + "\\n");';

Deno.test("each recipe has its test", () => {
  const folders = [...Deno.readDirSync(RECIPES)].filter(({ isDirectory }) => isDirectory);
  assert.deepEqual(folders.map(({ name }) => name).toSorted(), Object.keys(CASES).toSorted());
});

for (const [name, { files, work, forged = {} }] of Object.entries(CASES)) {
  Deno.test(`${name}: a claim alone does not pass, and the work does`, async () => {
    const prd = await Deno.readTextFile(`${RECIPES}${name}/prd.json`);
    await using world = await makeWorld({ ...files, [`tasks/${name}/prd.json`]: prd });
    const { cli, fake, url } = world;
    assert.equal((await cli("verify", name)).code, 1, "nothing is done yet");
    const claimed = new Set<string>();
    fake.setScript(({ prompt, step }) => {
      const { story, prd } = assignment(prompt);
      if (step > 0) return say("done");
      const mark = `node -e ${quote(MARK)} ${prd} ${story}`;
      if (claimed.has(story)) {
        return call(bash(`${work[story]}\n${mark}\ngit add -A && git commit -qm 'feat: ${story}'`));
      }
      claimed.add(story);
      return call(bash([...forged[story] ? [forged[story]] : [], mark].join("\n")));
    });
    const { stdout, stderr } = await cli("run", name, "-f", "--server", url);
    assert.match(stdout, /^completed: /m, stdout + stderr);
    const [session] = JSON.parse((await cli("history", name, "--json")).stdout);
    const judged = session.claims.map((one: { storyId: string; held: boolean }) =>
      `${one.storyId} ${one.held}`
    );
    assert.deepEqual(judged, Object.keys(work).flatMap((id) => [`${id} false`, `${id} true`]));
  });
}
