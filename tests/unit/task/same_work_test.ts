/** PRD files of the same work: which one is the task, and what is said of the others. */
import assert from "node:assert/strict";
import { findTask, listTasks } from "../../../src/task/find.ts";
import { remarksOnOtherPrds } from "../../../src/task/other_prds.ts";
import { listPlaces } from "../../../src/task/places.ts";
import { parsePrd } from "../../../src/task/prd.ts";
import { memoryTree } from "./memory_tree.ts";

const TITLES = ["Add the numbers", "Add decimals", "Round a sum"];

function markdown(titles: readonly string[], done: readonly string[] = []): string {
  return titles.map((title, i) =>
    `### US-00${i + 1}: ${title}\n\n- [${done.includes(title) ? "x" : " "}] a\n`
  ).join("\n");
}

function json(
  titles: readonly string[],
  { done = titles, ...more }: { done?: readonly string[]; branchName?: string } = {},
): string {
  const userStories = titles.map((title, i) => ({
    id: `US-00${i + 1}`,
    title,
    passes: done.includes(title),
  }));
  return JSON.stringify({ ...more, userStories });
}

const treeOf = (files: Record<string, string>) =>
  memoryTree({
    "/p/.git/HEAD": "",
    ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`/p/${name}`, text])),
  });

/** What is listed as tasks, and what is told of the rest. */
function listed(files: Record<string, string>): { tasks: string[]; told: string[] } {
  const { tasks, refused } = listPlaces("/p", treeOf(files));
  return {
    tasks: tasks.map(({ prdPath = "" }) => prdPath.slice("/p/".length)),
    told: refused.map(({ error }) => error.message),
  };
}

const [one, two, three] = TITLES;
const OTHERS = ["Log in", "Log out", "Sign up"];
const CASES: Record<string, {
  files: Record<string, string>;
  tasks: readonly string[];
  /** Of what the one that counts has. */
  by?: "stories" | "name" | "branch";
}> = {
  "a JSON made of a markdown, all done": {
    files: { "tasks/prd-sums.md": markdown(TITLES), "tasks/prd.json": json(TITLES) },
    tasks: ["tasks/prd.json"],
    by: "stories",
  },
  "the JSON at the root, half done": {
    files: { "tasks/prd.md": markdown(TITLES), "prd.json": json(TITLES, { done: [one] }) },
    tasks: ["prd.json"],
    by: "stories",
  },
  "none of them begun": {
    files: { "PRD.md": markdown(TITLES), "scripts/ralph/prd.json": json(TITLES, { done: [] }) },
    tasks: ["scripts/ralph/prd.json"],
    by: "stories",
  },
  "the markdown is further": {
    files: { "tasks/prd-sums.md": markdown(TITLES, [one]), "prd.json": json(TITLES, { done: [] }) },
    tasks: ["tasks/prd-sums.md"],
    by: "stories",
  },
  "numbered anew": {
    files: { "tasks/prd-sums.md": markdown(TITLES), "prd.json": json([three, one, two]) },
    tasks: ["prd.json"],
    by: "stories",
  },
  "titles with more in them": {
    files: {
      "tasks/prd-sums.md": markdown(TITLES.map((title) => `${title} [Backend]`)),
      "prd.json": json(TITLES),
    },
    tasks: ["prd.json"],
    by: "stories",
  },
  "other stories, and the branch of its name": {
    files: {
      "tasks/prd-sums.md": markdown(OTHERS),
      "prd.json": json(TITLES, { branchName: "ralph/sums" }),
    },
    tasks: ["prd.json"],
    by: "branch",
  },
  "other stories, and its name": {
    files: { "tasks/prd-sums.md": markdown(OTHERS), "tasks/prd-sums.json": json(TITLES) },
    tasks: ["tasks/prd-sums.json"],
    by: "name",
  },
  "a folder that was made of a file": {
    files: { "tasks/prd-sums.md": markdown(TITLES), "tasks/sums/prd.json": json(TITLES) },
    tasks: ["tasks/sums/prd.json"],
    by: "stories",
  },
  "a copy of a JSON": {
    files: { "tasks/prd-sums.json": json(TITLES, { done: [] }), "prd.json": json(TITLES) },
    tasks: ["prd.json"],
    by: "stories",
  },
  "half of the stories": {
    files: { "tasks/prd-sums.md": markdown([one, "Log in"]), "prd.json": json([one, two]) },
    tasks: ["prd.json", "tasks/prd-sums.md"],
  },
  "folders of tasks": {
    files: { "tasks/a/prd.md": markdown(TITLES), "tasks/b/prd.json": json(TITLES) },
    tasks: ["tasks/a/prd.md", "tasks/b/prd.json"],
  },
  "markdown alone": {
    files: { "tasks/prd-a.md": markdown(TITLES), "tasks/prd-b.md": markdown(TITLES) },
    tasks: ["tasks/prd-a.md", "tasks/prd-b.md"],
  },
};

for (const [name, { files, tasks, by }] of Object.entries(CASES)) {
  Deno.test(`same work: ${name}`, () => {
    const found = listed(files);
    assert.deepEqual(found.tasks.toSorted(), tasks);
    const others = Object.keys(files).filter((file) => !tasks.includes(file));
    const told = others.map((file) =>
      `no task of its own, since ${tasks[0]} has its ${by} and counts: ${file}`
    );
    assert.deepEqual(found.told, told);
  });
}

Deno.test("same work: the name of the other file means the task, its path the file", () => {
  const tree = treeOf({ "tasks/prd-sums.md": markdown(TITLES), "tasks/prd.json": json(TITLES) });
  const dirOf = (argument: string) => findTask(argument, { cwd: "/p", tree }).dir;
  for (const name of ["prd", "sums", "prd-sums", "tasks/prd.json"]) {
    assert.equal(dirOf(name), "/p/tasks/prd.json", name);
  }
  assert.equal(dirOf("tasks/prd-sums.md"), "/p/tasks/prd-sums.md");
  assert.deepEqual(listTasks("/p", tree).map(({ copies }) => copies), [
    [{ name: "sums", dir: "/p/tasks/prd-sums.md", prdPath: "/p/tasks/prd-sums.md" }],
  ]);
});

/** What is said before the stories of a file are worked on. */
function remarks(file: string, files: Record<string, string>): readonly string[] {
  const tree = treeOf(files);
  const bytes = new TextEncoder().encode(files[file]);
  const { stories } = parsePrd({ path: file, bytes });
  return remarksOnOtherPrds(findTask(file, { cwd: "/p", tree }), stories, tree);
}

Deno.test("same work: what only the other file has is told, and what passes there", () => {
  const files = { "tasks/prd-sums.md": markdown(TITLES), "prd.json": json([one, two]) };
  assert.deepEqual(remarks("prd.json", files), [
    "only in tasks/prd-sums.md, which is not read: US-003 Round a sum",
  ]);
  assert.deepEqual(remarks("tasks/prd-sums.md", files), [
    "open here, and passing in prd.json: US-001 Add the numbers, US-002 Add decimals",
  ]);
});

Deno.test("same work: the places are looked through once, by whichever way the task is named", () => {
  const files = { "tasks/prd-sums.md": markdown(TITLES), "tasks/prd.json": json([one, two]) };
  const said = ["only in tasks/prd-sums.md, which is not read: US-003 Round a sum"];
  const { stories } = parsePrd({
    path: "prd.json",
    bytes: new TextEncoder().encode(files["tasks/prd.json"]),
  });
  for (const argument of ["prd", "tasks/prd.json"]) {
    const tree = treeOf(files);
    let looks = 0;
    const counted = {
      ...tree,
      list(folder: string) {
        if (folder === "/p/.agents/tasks") looks++;
        return tree.list(folder);
      },
    };
    const task = findTask(argument, { cwd: "/p", tree: counted });
    assert.deepEqual(remarksOnOtherPrds(task, stories, counted), said);
    assert.equal(looks, 1, argument);
  }
});

Deno.test("same work: the markdown beside a prd.json is told of, if it has stories", () => {
  const template = json(["A health endpoint"], { done: [] });
  const beside = (text: string) =>
    remarks(".ralph/prd.json", { ".ralph/prd.json": template, ".ralph/PRD.md": text });
  assert.deepEqual(beside(markdown([one, two], [one])), [
    "only in .ralph/PRD.md, which is not read: US-002 Add decimals",
  ]);
  assert.deepEqual(beside(markdown(["A health endpoint"])), []);
  assert.deepEqual(beside("# What we build\n\nA product.\n"), []);
  assert.deepEqual(beside("### US-001: A\n\n- [ ] a\n\n### US-001: B\n\n- [ ] b\n"), [
    ".ralph/PRD.md seems to have stories too, and is not read",
  ]);
});
