import assert from "node:assert/strict";
import * as path from "node:path";
import fc from "fast-check";
import { RalphError } from "../../../src/error.ts";
import { findProjectRoot, findTask, listTasks } from "../../../src/task/find.ts";
import { listPlaces } from "../../../src/task/places.ts";
import { callName, isOfTask, ownPlaces, progressPath } from "../../../src/task/task_files.ts";
import { UnusableTask } from "../../../src/task/unusable_task.ts";
import { memoryTree } from "./memory_tree.ts";

const NFC = "caf\u00e9";
const NFD = "cafe\u0301";

const tree = memoryTree({
  "/p/.git/HEAD": "",
  "/p/src/deep/file.ts": "",
  "/p/tasks/login/prd.json": "",
  "/p/tasks/login/prd.md": "",
  "/p/tasks/login/notes/a.txt": "",
  "/p/tasks/status/PRD.md": "",
  "/p/tasks/prompted/prompt.md": "",
  "/p/tasks/begun/notes.md": "",
  "/p/tasks/prd-old.md": "",
  "/p/tasks/plain-file": "",
  "/p/tasks/-rf/prd.md": "",
  "/p/tasks/bad\x1b[31m/prd.md": "",
  "/p/tasks/two words 🚀/prd.md": "",
  [`/p/tasks/${NFD}`]: null,
  [`/p/tasks/${NFD}/prd.md`]: "",
  "/p/tasks/linked": { link: "/elsewhere/shared" },
  "/p/tasks/alias": { link: "login" },
  "/p/tasks/round": { link: "round" },
  "/p/tasks/away/prd.md": { link: "../../docs/spec.md" },
  "/p/docs/spec.md": "",
  "/p/secret/prd.md": "",
  "/p/src/tasks/login": null,
  "/elsewhere/.git/HEAD": "",
  "/elsewhere/shared/prd.md": "",
  "/link-to-p": { link: "/p" },
  "/w/.git": "gitdir: /p/.git/worktrees/w",
  "/w/tasks/login/prd.md": "",
  "/bare/.git": null,
  "/bare/tasks/x/prd.md": "",
  "/empty/.git/HEAD": "",
  "/mono/.git/HEAD": "",
  "/mono/packages/app/tasks/cart/prd.md": "",
  "/mono/packages/app/src/x.ts": "",
});

const LOGIN = {
  name: "login",
  dir: "/p/tasks/login",
  projectRoot: "/p",
  prdPath: "/p/tasks/login/prd.json",
  promptPath: undefined,
  copies: [{ name: "login", dir: "/p/tasks/login", prdPath: "/p/tasks/login/prd.md" }],
};

const FOUND: readonly [argument: string, cwd: string, dir: string][] = [
  ["login", "/p", LOGIN.dir],
  ["login", "/p/src/deep", LOGIN.dir],
  ["login", "/p/tasks/status", LOGIN.dir],
  ["login", "/link-to-p/src", LOGIN.dir],
  ["login", "/w", "/w/tasks/login"],
  ["alias", "/p", LOGIN.dir],
  ["linked", "/p", "/elsewhere/shared"],
  ["shared", "/p", "/elsewhere/shared"],
  ["two words 🚀", "/p", "/p/tasks/two words 🚀"],
  [NFC, "/p", `/p/tasks/${NFD}`],
  [NFD, "/p", `/p/tasks/${NFD}`],
  ["prompted", "/p", "/p/tasks/prompted"],
  ["tasks/login", "/p", LOGIN.dir],
  ["tasks/login", "/p/src/deep", LOGIN.dir],
  ["tasks/login", "/p/src", LOGIN.dir],
  ["tasks/login/", "/p", LOGIN.dir],
  ["./login", "/p/tasks", LOGIN.dir],
  ["login/", "/p/tasks", LOGIN.dir],
  [".", "/p/tasks/login", LOGIN.dir],
  ["..", "/p/tasks/login/notes", LOGIN.dir],
  ["../status", "/p/tasks/login", "/p/tasks/status"],
  ["/p/tasks/login", "/", LOGIN.dir],
  ["/link-to-p/tasks/login", "/", LOGIN.dir],
  ["tasks/login/prd.json", "/p", LOGIN.dir],
  ["./PRD.md", "/p/tasks/status", "/p/tasks/status"],
  ["tasks/prompted/prompt.md", "/p", "/p/tasks/prompted"],
  ["/p/tasks/away/prd.md", "/", "/p/tasks/away"],
  ["/p/secret", "/", "/p/secret"],
  ["tasks/prd-old.md", "/p", "/p/tasks/prd-old.md"],
  ["/p/docs/spec.md", "/", "/p/docs/spec.md"],
];

for (const [argument, cwd, dir] of FOUND) {
  Deno.test(`findTask: ${argument} from ${cwd}`, () => {
    assert.equal(findTask(argument, { cwd, tree }).dir, dir);
  });
}

Deno.test("findTask: all of a task, with the real paths", () => {
  assert.deepEqual(findTask("login", { cwd: "/link-to-p", tree }), { ...LOGIN, isListed: true });
  assert.equal(findTask("status", { cwd: "/p", tree }).prdPath, "/p/tasks/status/PRD.md");
  assert.equal(findTask("away", { cwd: "/p", tree }).prdPath, "/p/docs/spec.md");
  const prompted = findTask("prompted", { cwd: "/p", tree });
  assert.equal(prompted.prdPath, undefined);
  assert.equal(prompted.promptPath, "/p/tasks/prompted/prompt.md");
  const linked = findTask("linked", { cwd: "/p", tree });
  assert.equal(linked.name, "shared");
  assert.equal(linked.projectRoot, "/p");
});

const REFUSED: readonly [argument: string, cwd: string, kind: string, message: RegExp][] = [
  ["", "/p", "usage", /`` cannot be a task's name: it is empty/],
  ["  ", "/p", "usage", /it is empty/],
  ["-rf", "/p", "usage", /`-rf` cannot be a task's name: it begins with `-`/],
  ["a\nb", "/p", "usage", /`a\\nb` .* control characters/],
  ["a\0b", "/p", "usage", /`a\\x00b` .* control characters/],
  ["./a\0b", "/p", "usage", /`\.\/a\\x00b` cannot be a path: it holds a NUL/],
  ["\x1b]0;x\x07", "/p", "usage", /`\\x1b\]0;x\\x07`/],
  ["log\u202ein", "/p", "usage", /`log\\u202ein`/],
  ["log\u200bin", "/p", "usage", /`log\\u200bin`/],
  ["x".repeat(10_000), "/p", "usage", /^`x{79}…` .* longer than 255 bytes$/],
  ["../x", "/p", "not_found", /task at `\.\.\/x`: there is no such file or folder/],
  ["./" + "x/".repeat(5_000), "/p", "not_found", /…`: there is no such file/],
  ["secret", "/p", "not_found", /no such folder in \/p\/tasks/],
  ["a;b", "/p", "not_found", /`a;b`/],
  ["$(x)", "/p", "not_found", /`\$\(x\)`/],
  ["CON", "/p", "not_found", /`CON`/],
  [
    ".",
    "/p",
    "not_found",
    /no task in \/p: it has no `prd\.json`, no `prd\.md` and no `prompt\.md`/,
  ],
  ["..", "/p", "not_found", /no task in \/: it has no/],
  ["begun", "/p", "not_found", /no task in \/p\/tasks\/begun: it has no `prd\.json`/],
  ["plain-file", "/p", "usage", /\/p\/tasks\/plain-file is no folder/],
  ["round", "/p", "usage", /\/p\/tasks\/round is no folder/],
  ["tasks/login/prd.md", "/p", "usage", /\/p\/tasks\/login\/prd\.md is not the PRD/],
  ["tasks/-rf", "/p", "usage", /because of its name: it begins with `-`/],
  ["./bad\x1b[31m", "/p/tasks", "usage", /bad\\x1b\[31m cannot be a task because of its name/],
  ["login", "/elsewhere", "not_found", /there is no folder `tasks\/` in \/elsewhere/],
  ["cart", "/mono", "not_found", /there is no folder `tasks\/` in \/mono/],
  ["cart", "/mono/packages/app", "not_found", /\/app\/tasks\/cart is not where.*root \/mono$/],
  ["cart", "/mono/packages/app/src", "not_found", /\/app\/tasks\/cart is not where tasks are/],
  ["login", "/", "not_found", /\/ is not in a git repository/],
  ["x", "/bare", "not_found", /\/bare is not in a git repository/],
  ["/bare/tasks/x", "/p", "not_found", /\/bare\/tasks\/x is not in a git repository/],
  ["x", "/no/such/folder", "not_found", /is not in a git repository/],
];

for (const [argument, cwd, kind, message] of REFUSED) {
  Deno.test(`findTask: refuses ${JSON.stringify(argument).slice(0, 40)} from ${cwd}`, () => {
    assert.throws(() => findTask(argument, { cwd, tree }), (error) => {
      assert(error instanceof RalphError);
      assert.equal(error.kind, kind);
      assert.match(error.message, message);
      assert(error.message.length < 600);
      return true;
    });
  });
}

function hintsOf(argument: string, cwd = "/p"): string {
  try {
    findTask(argument, { cwd, tree });
  } catch (error) {
    assert(error instanceof RalphError);
    return error.hints.map(({ text, command }) => `${text}|${command ?? ""}`).join("\n");
  }
  return assert.fail(`${argument} was found`);
}

Deno.test("findTask: a task here that cannot be used is told from one that is nowhere", () => {
  const isUnusable = (argument: string, cwd: string) => {
    try {
      findTask(argument, { cwd, tree });
    } catch (error) {
      return error instanceof UnusableTask;
    }
  };
  assert.equal(isUnusable("x", "/bare"), true);
  assert.equal(isUnusable("y", "/bare"), false);
  assert.equal(isUnusable("cart", "/mono/packages/app/src"), true);
  assert.equal(isUnusable("cart", "/mono"), false);
  assert.equal(
    hintsOf("cart", "/mono/packages/app"),
    "to run it by its path; the settings are those of /mono|ralph run /mono/packages/app/tasks/cart",
  );
  assert.equal(
    findTask("/mono/packages/app/tasks/cart", { cwd: "/mono/packages/app", tree }).projectRoot,
    "/mono",
  );
});

Deno.test("findTask: an unknown name brings the near one and what there is", () => {
  assert.equal(
    hintsOf("logn"),
    "did you mean `login`?|\n" +
      `tasks here: away, ${NFD}, login, prompted, shared, status, two words 🚀|`,
  );
  assert.match(hintsOf("login/"), /did you mean `login`\?/);
  assert.match(hintsOf("billing"), /\|ralph new billing$/);
  assert.match(hintsOf("tasks/billing"), /\|ralph new billing$/);
  assert.doesNotMatch(hintsOf("../../billing"), /ralph new/, "it would be made elsewhere");
  assert.doesNotMatch(hintsOf("$(x)"), /ralph new/);
  assert.equal(
    hintsOf("login", "/empty"),
    "to begin a task of that name|ralph new login\n" +
      "looked in: tasks/<name>/prd.md (or prd.json), tasks/prd-<name>.md, tasks/<name>.md, prd.json and " +
      "prd.md at the root and in scripts/ralph, ralph, .ralph, plans, .omc, .ralph-tui and .claude/ralph, .agents/tasks/*|",
  );
});

Deno.test("findTask: many tasks are not all listed", () => {
  const many = memoryTree({
    "/p/.git/HEAD": "",
    ...Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`/p/tasks/t${10 + i}/prd.md`, ""])),
  });
  assert.throws(
    () => findTask("unknown", { cwd: "/p", tree: many }),
    (error) =>
      error instanceof RalphError && /: t10, .*, t21 and 28 more$/.test(error.hints[0].text),
  );
});

Deno.test("findTask: the name as it stands comes before its twin", () => {
  const twins = memoryTree({
    "/p/.git/HEAD": "",
    [`/p/tasks/${NFC}/prd.md`]: "",
    [`/p/tasks/${NFD}/prd.md`]: "",
  });
  assert.equal(findTask(NFC, { cwd: "/p", tree: twins }).dir, `/p/tasks/${NFC}`);
  assert.equal(findTask(NFD, { cwd: "/p", tree: twins }).dir, `/p/tasks/${NFD}`);
  const oneEmpty = memoryTree({
    "/p/.git/HEAD": "",
    [`/p/tasks/${NFC}/notes.md`]: "",
    [`/p/tasks/${NFD}/prd.md`]: "",
  });
  assert.throws(
    () => findTask(NFC, { cwd: "/p", tree: oneEmpty }),
    new RegExp(`no task in /p/tasks/${NFC}: it has no`),
  );
});

Deno.test("listTasks: folders with a PRD or a prompt, each once, sorted", () => {
  assert.deepEqual(
    listTasks("/p", tree).map(({ name, dir }) => [name, path.basename(dir)]),
    ["away", NFD, "login", "prompted", "shared", "status", "two words 🚀"].map((n) => [n, n]),
  );
  assert.deepEqual(listTasks("/empty", tree), []);
});

Deno.test("findProjectRoot: the nearest folder that git would take", () => {
  assert.equal(findProjectRoot("/p/src/deep", tree), "/p");
  assert.equal(findProjectRoot("/link-to-p/src", tree), "/p");
  assert.equal(findProjectRoot("/w/tasks", tree), "/w");
  assert.equal(findProjectRoot("/bare", tree), undefined);
  assert.equal(findProjectRoot("/no/such", tree), undefined);
});

const PLACES = [
  ...[
    "",
    "/.git",
    "/.git/HEAD",
    "/tasks",
    "/prd.md",
    "/scripts/ralph",
    "/ralph",
    "/.ralph",
    "/plans",
    "/.omc",
    "/.ralph-tui",
    "/.claude/ralph",
  ],
  "/.agents/tasks",
];

const hostileName = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({
    unit: fc.constantFrom("..", "/", ".", "-", "\0", "\n", "\u202e", "login", "é", "~"),
  }),
  fc.constantFrom("..", ".", "../..", "secret", "../secret", "//", "~", "login/../../secret"),
);

Deno.test("findTask: whatever is typed, the outcome is a task or a RalphError", () => {
  fc.assert(fc.property(hostileName, (argument) => {
    try {
      const task = findTask(argument, { cwd: "/p", tree });
      assert.equal(task.dir, tree.realPath(task.dir));
    } catch (error) {
      assert(error instanceof RalphError, `threw ${error}`);
      const told = [error.message, ...error.hints.map(({ text }) => text)].join("");
      assert.doesNotMatch(told, /[\p{Cc}\p{Bidi_Control}\u200b]/u);
    }
  }));
});

Deno.test("findTask: a bare name opens nothing but the places of tasks", () => {
  const entries = ["login", "begun", "-rf", ".hidden", "…", NFC];
  const bareName = fc.oneof(hostileName, fc.constantFrom(...entries))
    .filter((name) => !name.includes("/") && name !== "." && name !== "..");
  fc.assert(fc.property(bareName, (name) => {
    const opened: string[] = [];
    const small = memoryTree({
      "/p/.git/HEAD": "",
      "/p/prd.md": "",
      ...Object.fromEntries(entries.map((entry) => [`/p/tasks/${entry}/prd.md`, ""])),
    }, opened);
    try {
      const task = findTask(name, { cwd: "/p", tree: small });
      assert(path.dirname(task.dir) === "/p/tasks" || task.dir === "/p");
    } catch (error) {
      assert(error instanceof RalphError, `threw ${error}`);
    }
    const outside = opened.filter((one) =>
      !PLACES.some((place) => one === `/p${place}`) && !one.startsWith("/p/tasks/")
    );
    assert.deepEqual(outside, []);
  }));
});

Deno.test("findTask: the project is where one stands, wherever links lead", () => {
  const linked = memoryTree({
    "/p/.git/HEAD": "",
    "/p/tasks": { link: "/shared/tasks" },
    "/p/plans": { link: "/shared/tasks" },
    "/p/sub/.git": "gitdir: …",
    "/p/sub/tasks/own/prd.md": "",
    "/shared/tasks/demo/prd.md": "",
    "/shared/tasks/.git/HEAD": "",
    "/link-to-p": { link: "/p" },
  });
  const projectOf = (argument: string, cwd: string) =>
    findTask(argument, { cwd, tree: linked }).projectRoot;
  for (const argument of ["demo", "tasks/demo", "/p/tasks/demo", "plans/demo/prd.md"]) {
    assert.equal(projectOf(argument, "/p"), "/p", argument);
  }
  assert.equal(projectOf("/link-to-p/tasks/demo", "/shared"), "/p");
  assert.equal(projectOf("sub/tasks/own", "/p"), "/p/sub");
  assert.equal(projectOf("./demo", "/shared/tasks"), "/shared/tasks");
  assert.deepEqual(listTasks("/p", linked).map(({ dir, projectRoot }) => [dir, projectRoot]), [
    ["/shared/tasks/demo", "/p"],
  ]);
  const known = { cwd: "/shared/tasks/demo", tree: linked, projectRoot: "/p" };
  assert.equal(findTask("/shared/tasks/demo", known).projectRoot, "/p");
});

const STORY = "### US-001: A\n- [ ] a\n";
const places = memoryTree({
  "/p/.git/HEAD": "",
  "/p/prd.json": `{"userStories": [{"id": "A"}]}`,
  "/p/tasks/login/prd.md": STORY,
  "/p/tasks/prd-login.md": STORY,
  "/p/tasks/prd-pay.json": `{"userStories": [{"id": "A"}]}`,
  "/p/tasks/prd-empty.md": "# Nothing yet",
  "/p/tasks/prd-moved.md": { link: "gone.md" },
  "/p/tasks/search.md": STORY,
  "/p/tasks/search.prompt.md": "{{rules}}",
  "/p/tasks/notes.md": "# Notes",
  "/p/tasks/README.md": `# How to write one\n\n\`\`\`md\n${STORY}\`\`\`\n`,
  "/p/tasks/half.md": "### US-001: A\n**Depends on:** US-002\n- [ ] a\n",
  "/p/tasks/prd-linked.md": { link: "../docs/spec.md" },
  "/p/tasks/pipe/prd.md": { link: "/nowhere" },
  "/p/tasks/foldered/prd.md/x": "",
  "/p/tasks/lost/prd.md": STORY,
  "/p/tasks/lost/prompt.md": { link: "gone" },
  "/p/tasks/-rf/prd.md": STORY,
  "/p/scripts/ralph/PRD.md": STORY,
  "/p/.ralph/prd.json": `{"userStories": []}`,
  "/p/plans/prd.md": STORY,
  "/p/.omc/prd.json": `{"userStories": [{"id": "A"}]}`,
  "/p/.agents/tasks/mail.json": `{"stories": [{"id": 1}]}`,
  "/p/.agents/tasks/config.json": `{"a": 1}`,
  "/p/docs/spec.md": STORY,
  "/q/.git/HEAD": "",
  "/q/PRD.md": "# What we build\n",
});

Deno.test("listTasks: all places that loops keep their PRDs in", () => {
  assert.deepEqual(
    listTasks("/p", places).map(({ name, dir }) => `${name} ${dir}`),
    [
      ".omc /p/.omc",
      "half /p/tasks/half.md",
      "login /p/tasks/login",
      "login /p/tasks/prd-login.md",
      "mail /p/.agents/tasks/mail.json",
      "p /p",
      "pay /p/tasks/prd-pay.json",
      "plans /p/plans",
      "ralph /p/scripts/ralph",
      "search /p/tasks/search.md",
      "spec /p/docs/spec.md",
    ],
  );
});

Deno.test("two tasks of one name are called by their paths", () => {
  const tasks = listTasks("/p", places);
  const called = tasks.map((task) => callName(task, tasks)).join(", ");
  assert.equal(
    called,
    ".omc, half, tasks/login, tasks/prd-login.md, mail, p, pay, plans, ralph, search, spec",
  );
});

Deno.test("listPlaces: what looks like a task and is none is told, with the reason", () => {
  const { refused } = listPlaces("/p", places);
  assert.deepEqual(refused.map(({ name, error }) => `${name}: ${error.message}`), [
    "-rf: /p/tasks/-rf cannot be a task because of its name: it begins with `-`, as an option does",
    "foldered: cannot read /p/tasks/foldered/prd.md: it is a folder",
    "lost: cannot read /p/tasks/lost/prompt.md: it is a link that leads nowhere",
    "pipe: cannot read /p/tasks/pipe/prd.md: it is a link that leads nowhere",
    "prd-empty.md: tasks/prd-empty.md has no user stories",
    "prd-moved.md: cannot read /p/tasks/prd-moved.md: it is a link that leads nowhere",
    ".ralph: .ralph/prd.json has no user stories",
  ]);
  assert.deepEqual(listPlaces("/q", places), {
    tasks: [],
    refused: [{ name: "q", path: "/q", error: listPlaces("/q", places).refused[0].error }],
  });
});

Deno.test("findTask: by the name of a file or a folder, by path where that can mean several", () => {
  const dirOf = (argument: string, cwd = "/p") => findTask(argument, { cwd, tree: places }).dir;
  assert.equal(dirOf("pay"), "/p/tasks/prd-pay.json");
  assert.equal(dirOf("prd-login"), "/p/tasks/prd-login.md");
  assert.equal(dirOf("search"), "/p/tasks/search.md");
  assert.equal(dirOf("linked"), "/p/docs/spec.md");
  assert.equal(dirOf("ralph"), "/p/scripts/ralph");
  assert.equal(dirOf("p"), "/p");
  assert.equal(dirOf("prd.json"), "/p");
  assert.equal(dirOf("spec.md", "/p/docs"), "/p/docs/spec.md");
  assert.equal(dirOf("/p/tasks/search.md", "/"), "/p/tasks/search.md");
  assert.throws(() => dirOf("login"), (error) => {
    assert(error instanceof RalphError);
    assert.match(error.message, /`login` can mean 2 tasks; name one by its path/);
    assert.deepEqual(error.hints.map(({ text }) => text), ["tasks/login", "tasks/prd-login.md"]);
    return true;
  });
  assert.throws(() => dirOf(".ralph"), /\.ralph\/prd\.json has no user stories$/);
  assert.throws(() => dirOf("prd-moved"), /it is a link that leads nowhere$/);
  assert.throws(() => dirOf("notes"), (error) => {
    assert(error instanceof RalphError);
    const hints = error.hints.map(({ text, command }) => text + (command ?? "")).join();
    assert.match(hints, /tasks\/notes\.md is there, and has no user stories/);
    assert.doesNotMatch(hints, /ralph new/);
    return true;
  });
});

Deno.test("findTask: why a file is no PRD, also beside a prompt", () => {
  const tree = memoryTree({
    "/p/.git/HEAD": "",
    "/p/.ralph/PROMPT.md": "",
    "/p/.ralph/fix_plan.md": "# Fix plan\n\n## High priority\n\n- [ ] Write the readme\n",
    "/p/tasks.yaml": "tasks:\n",
  });
  const refuses = (argument: string, message: RegExp) =>
    assert.throws(() => findTask(argument, { cwd: "/p", tree }), message);
  refuses(".ralph/fix_plan.md", /fix_plan\.md:3:1: it has no user stories: `High priority` has/);
  refuses("tasks.yaml", /\/p\/tasks\.yaml is no PRD: one is markdown or JSON$/);
  refuses("other.yaml", /there is no folder `tasks\/`/);
});

Deno.test("findTask: what belongs to a PRD that is a file has its name, and nothing else is the task's", () => {
  const search = findTask("search", { cwd: "/p", tree: places });
  assert.equal(search.promptPath, "/p/tasks/search.prompt.md");
  assert.equal(progressPath(search), "/p/tasks/search.progress.txt");
  assert.deepEqual(ownPlaces(search), ["tasks/search.md", "tasks/search.progress.txt"]);
  assert.equal(isOfTask(search)("tasks/login/prd.md"), false);
  const root = findTask("p", { cwd: "/p", tree: places });
  assert.deepEqual(ownPlaces(root), ["prd.json", "progress.txt"]);
  assert.equal(isOfTask(root)("src/a.ts"), false);
  const login = findTask("tasks/login", { cwd: "/p", tree: places });
  assert.equal(isOfTask(login)("tasks/login/notes.txt"), true);
});

Deno.test("a bare repository is named as one, with what makes a working tree of it", () => {
  const tree = memoryTree({
    "/srv/shop.git/HEAD": "",
    "/srv/shop.git/objects": null,
    "/srv/shop.git/refs": null,
  });
  assert.throws(
    () => findTask("one", { cwd: "/srv/shop.git", tree }),
    (error: RalphError) => {
      assert.match(error.message, /\/srv\/shop\.git is a bare repository/);
      assert.equal(error.hints[0].command, "git -C /srv/shop.git worktree add /srv/shop-work main");
      return error.kind === "not_found";
    },
  );
});
