import assert from "node:assert/strict";
import { RalphError } from "../../../../src/error.ts";
import { buildPrompt, type PromptFacts } from "../../../../src/loop/iteration/prompt.ts";
import { checkTemplate, PLACEHOLDERS } from "../../../../src/loop/iteration/prompt_template.ts";

const facts: PromptFacts = {
  task: { name: "t", dir: "/p/tasks/t", projectRoot: "/p", prdPath: "/p/tasks/t/prd.md" },
  format: "markdown",
  gates: [],
  story: {
    id: "US-002",
    title: "Second",
    description: "As a user, I want it.",
    criteria: [{ text: "it works" }, { text: "tests pass" }],
    priority: 1,
    passes: false,
    notes: "mind the gap",
    dependsOn: [],
    line: 1,
  },
  open: 2,
  total: 4,
};

Deno.test("the prompt names story, PRD and progress, each on a line of its own", () => {
  const lines = buildPrompt(facts).split("\n");
  for (const line of ["Story: US-002", "PRD: tasks/t/prd.md", "Progress: tasks/t/progress.txt"]) {
    assert(lines.includes(line), line);
  }
});

Deno.test("it carries the story, its criteria and notes, and says how to claim it", () => {
  const prompt = buildPrompt(facts);
  for (const text of ["As a user, I want it.", "- it works", "- tests pass", "mind the gap"]) {
    assert(prompt.includes(text), text);
  }
  assert.match(prompt, /tick the boxes of US-002/);
  assert.match(buildPrompt({ ...facts, format: "json" }), /"passes": true` for US-002/);
  assert.match(prompt, /2 of 4 stories are open/);
});

Deno.test("it says where the whole PRD is, and what that says beside the stories", () => {
  assert.match(buildPrompt(facts), /Read the PRD first/);
  assert.doesNotMatch(buildPrompt(facts), /What else/);
  assert.match(
    buildPrompt({ ...facts, about: "Non-Goals:\nNo coupons." }),
    /# What else the PRD says\n\n.*tasks\/t\/prd\.md[^]*No coupons\./,
  );
  const story = { ...facts.story, marks: ["heading", "status"] };
  assert.match(
    buildPrompt({ ...facts, story }),
    /tick the box in its heading.* and set its status/,
  );
  const json = { ...facts.story, marks: ['"passes": true', '"status": "done"'] };
  assert.match(
    buildPrompt({ ...facts, format: "json", story: json }),
    /set `"passes": true` and `"status": "done"` for US-002/,
  );
});

Deno.test("what failed before and what was learned are in it only when there is something", () => {
  const bare = buildPrompt(facts);
  assert.doesNotMatch(bare, /The round before|earlier rounds|a person says/);
  const full = buildPrompt({
    ...facts,
    failure: "a test fails",
    said: "the key is in .env",
    progress: "## x - US-001\ndone",
  });
  assert.match(full, /# The round before this one\n\na test fails/);
  assert.match(full, /# What a person says\n\nthe key is in \.env/);
  assert.match(full, /# What earlier rounds wrote down\n\n[^]*US-001/);
});

Deno.test("however long progress.txt is, the prompt stays bounded", () => {
  const entry = `## 2026-11-20 - US-001\n${"word ".repeat(100)}\n---\n`;
  const prompt = buildPrompt({ ...facts, progress: entry.repeat(5_000) });
  assert(prompt.length < 16_000, String(prompt.length));
});

Deno.test("it names what the loop checks, when there is something, and how to ask for a person", () => {
  const prompt = buildPrompt(facts);
  assert.match(prompt, /^<blocked>what you need<\/blocked>$/m);
  assert.doesNotMatch(prompt, /the loop runs these/);
  const gates = [{ name: "deno test", run: { args: ["deno", "test"] } }];
  assert.match(buildPrompt({ ...facts, gates }), /the loop runs these by itself.*: `deno test`\./);
});

Deno.test("a template is filled in; what it does not place of failure and answer is added", () => {
  const template = "Do {{story}} of {{ prd }}.\n\n{{criteria}}\n\n{{failure}}\n{{unknown}} {{}}";
  const prompt = buildPrompt({ ...facts, template, failure: "{{id}} fails", said: "go on" });
  assert.equal(
    prompt,
    "Do US-002: Second of tasks/t/prd.md.\n\n- it works\n- tests pass\n\n{{id}} fails\n" +
      "{{unknown}} {{}}\n\n# What a person says\n\ngo on\n",
  );
  assert.equal(buildPrompt({ ...facts, template: "Just do it" }), "Just do it\n");
  assert.match(buildPrompt({ ...facts, template: "{{rules}}" }), /tick the boxes of US-002/);
});

Deno.test("a task without stories is its own text, and what the loop has to add", () => {
  const prompt = buildPrompt({
    ...facts,
    story: { ...facts.story, id: "t", title: "" },
    format: undefined,
    template: "Port it to Rust.\n",
    failure: "the gate `cargo test` fails",
  });
  assert.match(prompt, /^Port it to Rust\.\n\nTask: t\nProject: \/p\n/);
  assert.match(prompt, /# The round before this one\n\nthe gate `cargo test` fails/);
  assert.match(prompt, /Only when all of it is done .*\n<promise>COMPLETE<\/promise>\n$/);
  assert.doesNotMatch(prompt, /US-|PRD|stories|passes/);
});

Deno.test("placeholders are checked with their line, and the documents list them all", () => {
  checkTemplate("{{story}} {{ criteria }}", "/p/prompt.md");
  assert.throws(() => checkTemplate("a\n{{stroy}}", "/p/prompt.md"), (error) => {
    assert(error instanceof RalphError);
    assert.match(error.message, /\/p\/prompt\.md:2: there is no placeholder `\{\{stroy\}\}`/);
    assert.equal(error.hints[0].text, "did you mean `{{story}}`?");
    return true;
  });
  for (const name of ["constructor", "__proto__", "toString"]) {
    assert.throws(() => checkTemplate(`{{${name}}}`, "/p/prompt.md"), RalphError);
  }
  const text = Deno.readTextFileSync(new URL("../../../../docs/tasks.md", import.meta.url));
  const rows = [...text.matchAll(/^\| *`\{\{(\w+)\}\}` *\| *(.*?) *\|$/gm)];
  assert.deepEqual(Object.fromEntries(rows.map(([, name, what]) => [name, what])), PLACEHOLDERS);
});

Deno.test("a gate that asks whether all is committed has the agent commit last", () => {
  const ask = { name: "git diff --exit-code", run: { args: ["git", "diff", "--exit-code"] } };
  const tests = { name: "npm test", run: { args: ["npm", "test"] } };
  assert.match(
    buildPrompt({ ...facts, gates: [ask, tests] }),
    / `git diff --exit-code` can only pass when all is committed: commit last, your marks in the PRD/,
  );
  assert.doesNotMatch(buildPrompt({ ...facts, gates: [tests] }), /commit last/);
});
