/** `ralph new`: what options and answers become. */
import assert from "node:assert/strict";
import { askPrd } from "../../../../src/cli/output/ask_prd.ts";
import { makeHome } from "../../../reliability/home.ts";
import { openPty } from "../../../support/pty.ts";
import { RALPH } from "../../../support/ralph.ts";

const SUMS = [
  ...["--title", "Sums of lists", "--story", "Add: the numbers"],
  ...["--criterion", "sum([1, 2]) is 3", "--criterion", "an empty list; 0"],
  ...["--story", "Add decimals", "--verify", "test -e made", "--verify", "true"],
];

Deno.test("new with options: the PRD says what they say, and has no fault", async () => {
  await using home = await makeHome();
  const { code, stdout } = await home.ralph("new", "sums", ...SUMS);
  assert.equal(code, 0);
  assert.match(
    stdout,
    /tasks\/sums\/prd\.json\n\nRead it once more, .*:\n {2}ralph edit sums\n {2}git add tasks\/sums && /,
  );
  const prd = JSON.parse(await home.project.read("tasks/sums/prd.json"));
  const story = { priority: 1, passes: false, notes: "" };
  assert.deepEqual(prd, {
    project: "Sums of lists",
    verify: ["test -e made", "true"],
    userStories: [
      {
        id: "US-001",
        title: "Add: the numbers",
        acceptanceCriteria: ["sum([1, 2]) is 3", "an empty list; 0"],
        ...story,
      },
      { id: "US-002", title: "Add decimals", acceptanceCriteria: [], ...story, priority: 2 },
    ],
  });
  const tasks = JSON.parse((await home.ralph("tasks", "--json")).stdout);
  const { total, next, problem, remarks } = tasks.find(({ task }: { task: string }) =>
    task === "sums"
  );
  assert.deepEqual([total, next, problem, remarks], [2, "US-001", null, []]);
  assert.match((await home.ralph("run", "sums", "--print-prompt")).stdout, /an empty list; 0/);
});

Deno.test("new with options that make no PRD says so, and makes nothing", async () => {
  await using home = await makeHome();
  const cases: [string[], RegExp][] = [
    [["--title", "A title alone"], /the first story is missing/],
    [["--verify", "true"], /the first story is missing/],
    [["--criterion", "early", "--story", "late"], /behind the --story that it is of/],
    [["--story", " "], /must not be empty/],
  ];
  for (const [options, says] of cases) {
    const { code, stderr } = await home.ralph("new", "none", ...options);
    assert.equal(code, 2, options.join(" "));
    assert.match(stderr, says);
  }
  await assert.rejects(() => home.project.read("tasks/none/prd.json"), Deno.errors.NotFound);
});

Deno.test("what a person answers becomes a PRD", async () => {
  const asked: string[] = [];
  const answering = (...answers: string[]) => (message: string) => {
    asked.push(message);
    return Promise.resolve(answers.shift() ?? "");
  };
  assert.deepEqual(
    await askPrd(
      answering("Sums", "", "Add", "it adds", "and more", "", "Decimals", "", "", "true", ""),
      ["deno task test"],
    ),
    {
      title: "Sums",
      stories: [
        { title: "Add", criteria: ["it adds", "and more"] },
        { title: "Decimals", criteria: [] },
      ],
      verify: ["true"],
    },
  );
  assert(
    asked.some((message) => message.includes("succeed: deno task test. Which other")),
    asked.join("\n"),
  );
  assert.equal(await askPrd(answering(""), []), "template");
});

const script = await new Deno.Command("script", { args: ["--version"], stdout: "null" }).output()
  .then(() => true, () => false);

Deno.test({
  name: `new in a terminal asks${script ? "" : " (no script(1): skipped)"}`,
  ignore: !script,
  async fn() {
    await using home = await makeHome();
    const line = [...RALPH, "new", "asked"].map((word) => `'${word}'`).join(" ");
    await using pty = await openPty(line, {
      cwd: home.project.root,
      env: { HOME: Deno.env.get("HOME") ?? "", NO_COLOR: "1" },
    });
    const answers: [question: RegExp, answer: string][] = [
      [/What is it about.*\n.*_/, "Sums"],
      [/Story 1.*\n.*_/, "Add"],
      [/How can one tell.*\n.*_/, "it adds"],
      [/it adds\n[^]*And\?.*\n.*_/, ""],
      [/Story 2.*\n.*_/, ""],
      [/Which other.*\n.*_/, "true"],
      [/true\n[^]*And\?.*\n.*_/, ""],
    ];
    for (const [question, answer] of answers) {
      await pty.shows(question);
      await pty.type(`${answer}\r`);
    }
    assert.equal((await pty.status).code, 0, pty.text());
    const { project, verify, userStories } = JSON.parse(
      await home.project.read("tasks/asked/prd.json"),
    );
    assert.deepEqual([project, verify], ["Sums", ["true"]]);
    assert.deepEqual(userStories[0].acceptanceCriteria, ["it adds"]);
  },
});
