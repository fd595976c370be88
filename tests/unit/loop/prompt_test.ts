import assert from "node:assert/strict";
import { buildPrompt, type PromptFacts } from "../../../src/loop/prompt.ts";

const facts: PromptFacts = {
  task: { name: "t", dir: "/p/tasks/t", projectRoot: "/p", prdPath: "/p/tasks/t/prd.md" },
  prdPath: "/p/tasks/t/prd.md",
  format: "markdown",
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

Deno.test("what failed before and what was learned are in it only when there is something", () => {
  const bare = buildPrompt(facts);
  assert.doesNotMatch(bare, /The round before|earlier rounds/);
  const full = buildPrompt({
    ...facts,
    lastFailure: "a test fails",
    progress: "## x - US-001\ndone",
  });
  assert.match(full, /# The round before this one\n\na test fails/);
  assert.match(full, /# What earlier rounds wrote down\n\n[^]*US-001/);
});

Deno.test("however long progress.txt is, the prompt stays bounded", () => {
  const entry = `## 2026-11-20 - US-001\n${"word ".repeat(100)}\n---\n`;
  const prompt = buildPrompt({ ...facts, progress: entry.repeat(5_000) });
  assert(prompt.length < 16_000, String(prompt.length));
});
