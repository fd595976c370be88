import assert from "node:assert/strict";
import { openPrd, parsePrd, setPasses } from "../../../../src/task/prd.ts";
import { guardPrd } from "../../../../src/verify/prd/prd_guard.ts";
import { GENEROUS_MS } from "../../../support/wait.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

const GOOD = `{
  "project": "Shop", "branchName": "ralph/shop", "verify": [["deno", "test"]],
  "metadata": {"size": 1e2, "tags": ["a", "b"]},
  "userStories": [
    {"id": "US-001", "title": "Lög in", "acceptanceCriteria": ["Form", "Typecheck"],
      "priority": 1, "passes": false, "notes": "", "labels": ["ui"]},
    {"id": "US-002", "title": "Log out", "dependsOn": ["US-001"], "passes": true},
    {"id": "US-003", "title": "Pay", "passes": false}
  ]
}
`;

/** What the file holds after the guard has seen this text, and what was wrong. */
function guard(
  after: string | Uint8Array | undefined,
  { before = GOOD, path = "/p/prd.json", isHalf = false } = {},
) {
  const bytes = typeof after === "string" ? encode(after) : after;
  const good = openPrd({ path, bytes: encode(before) });
  const { prd, violations, additions } = guardPrd(good, bytes);
  const kept = prd.source.bytes;
  if (violations.length + additions.length === 0 && !isHalf) {
    assert.equal(kept, bytes, "what is allowed stays as it is");
  }
  return { text: decode(kept), violations, additions };
}

/** The good copy with these claims. */
const claimed = (...ids: string[]) =>
  decode(setPasses(
    openPrd({ path: "/p/prd.json", bytes: encode(GOOD) }),
    new Map(ids.map((id) => [id, true])),
  ));

const ALLOWED: readonly [what: string, after: string][] = [
  ["nothing", GOOD],
  ["a claim", GOOD.replace('1, "passes": false', '1, "passes": true')],
  ["all claims at once", GOOD.replaceAll('"passes": false', '"passes": true')],
  ["a claim taken back", GOOD.replace('"passes": true', '"passes": false')],
  ["`passes` left out", GOOD.replace(', "passes": true', "")],
  ["`passes` as null", GOOD.replace('"passes": true', '"passes": null')],
  ["notes", GOOD.replace('"notes": ""', '"notes": "dön\\ne", "completionNotes": "x"')],
  ["notes removed", GOOD.replace('"notes": "", ', "")],
  ["another layout", JSON.stringify(JSON.parse(GOOD))],
  ["escapes", GOOD.replace("ö", "\\u00f6")],
  ["a number written otherwise", GOOD.replace("1e2", "100.0")],
  [
    "names below in another order",
    GOOD.replace('"size": 1e2, "tags": ["a", "b"]', '"tags": ["a", "b"], "size": 1e2'),
  ],
  ["a byte order mark and CRLF", "\ufeff" + GOOD.replaceAll("\n", "\r\n")],
  [
    "names in another order",
    GOOD.replace('"id": "US-003", "title": "Pay"', '"title": "Pay", "id": "US-003"'),
  ],
  [
    "a name twice, where the last one counts",
    GOOD.replace('"title": "Pay"', '"title": "x", "title": "Pay"'),
  ],
];

for (const [what, after] of ALLOWED) {
  Deno.test(`prd.json: the agent may change ${what}`, () => {
    assert.notEqual(after === GOOD, what !== "nothing", "the test changes something");
    assert.deepEqual(guard(after).violations, []);
  });
}

/** Each is made together with claims for US-001 and US-003. */
const FORBIDDEN: readonly [from: string, to: string, violation: RegExp, held: readonly string[]][] =
  [
    ['"Form", ', "", /^`US-001` was changed: `acceptanceCriteria`$/, ["US-003"]],
    ["Lög in", "Log in", /^`US-001` was changed: `title`$/, ["US-003"]],
    ['["ui"]', "[]", /^`US-001` was changed: `labels`$/, ["US-003"]],
    ['"priority": 1', '"priority": 9', /^`US-001` was changed: `priority`$/, ["US-003"]],
    ['"Pay"', '"Pay", "verify": [["true"]]', /^`US-003` was changed: `verify`$/, ["US-001"]],
    [', "dependsOn": ["US-001"]', "", /^`US-002` was changed: `dependsOn`$/, ["US-001", "US-003"]],
    ['"ralph/shop"', '"main"', /^what is outside of .* `branchName`$/, ["US-001", "US-003"]],
    ['["deno", "test"]', '["true"]', /^what is outside of .* `verify`$/, ["US-001", "US-003"]],
    ['"a", "b"', '"b", "a"', /^what is outside of .* `metadata`$/, ["US-001", "US-003"]],
    [
      '"id": "US-003"',
      '"id": "US-004"',
      /^stories were added: `US-004`;stories were deleted or renamed: `US-003`$/,
      ["US-001"],
    ],
    ['"id": "US-003"', '"id": "US-001"', /the id `US-001` is that of the story on line 5 too/, [
      "US-001",
    ]],
    ['"id": "US-003"', '"ID": "US-003"', /this story has no `id`/, ["US-001"]],
    ['"passes": true}', '"passes": true}, {"id": "US-9"}', /^stories were added: `US-9`$/, [
      "US-001",
      "US-003",
    ]],
    ['"passes": true}', '"passes": true}, 7', /a story must be an object/, ["US-001", "US-003"]],
    ['"passes": true}', '"passes": "yes"}', /`passes` must be `true` or `false`/, [
      "US-001",
      "US-003",
    ]],
    ["userStories", "stories", /outside of the stories was changed: `userStories`, `stories`/, [
      "US-001",
      "US-003",
    ]],
    ["userStories", "chapters", /has no array `userStories`/, []],
    ["]\n}", "],\n}", /not valid JSON: a comma stands before `}`/, []],
  ];

for (const [from, to, violation, held] of FORBIDDEN) {
  Deno.test(`prd.json: ${from} → ${to} is undone, claims for untouched stories are not`, () => {
    const all = GOOD.replaceAll('"passes": false', '"passes": true');
    assert(all.includes(from), "the test changes something");
    const { text, violations } = guard(all.replace(from, to));
    assert.match(violations.join(";"), violation);
    assert.equal(text, claimed(...held));
  });
}

/** Each is made together with all claims, which all count. */
const HARMLESS: readonly [from: string, to: string, addition: string][] = [
  ['"Pay"', '"Pay", "__proto__": 1', "`US-003` got `__proto__`"],
  ['"Pay"', '"Pay", "verify": [], "description": ""', "`US-003` got `verify`, `description`"],
  ['"Shop"', '"Shop", "updatedAt": 7', "outside of the stories came `updatedAt`"],
  ['"Shop"', '"Shop", "x\\u0007": 1', "outside of the stories came `x\\x07`"],
];

for (const [from, to, addition] of HARMLESS) {
  Deno.test(`prd.json: ${from} → ${to} goes, and all claims stay`, () => {
    const all = GOOD.replaceAll('"passes": false', '"passes": true');
    const { text, violations, additions } = guard(all.replace(from, to));
    assert.deepEqual([violations, additions], [[], [addition]]);
    assert.equal(text, claimed("US-001", "US-003"));
  });
}

Deno.test("prd.json: what keeps count of what is done may say another thing", () => {
  const before = GOOD.replace(
    '"Pay"',
    '"Pay", "status": "open", "completed_at": null, "size": "S"',
  );
  const done = before.replaceAll('"passes": false', '"passes": true')
    .replace('"open", "completed_at": null', '"done", "completed_at": "2026"');
  const { text, violations, additions } = guard(done, { before });
  assert.deepEqual([violations, additions, text], [[], [], done]);
  assert.deepEqual(guard(done.replace('"S"', '"M"'), { before }).violations, [
    "`US-003` was changed: `size`",
  ]);
});

Deno.test("prd.json: stories in another order go back, with what was claimed and taken back", () => {
  const prd = JSON.parse(GOOD);
  prd.userStories.reverse();
  prd.userStories[1].passes = false;
  const { text, violations } = guard(JSON.stringify(prd));
  assert.deepEqual(violations, ["stories were moved to another place"]);
  assert.equal(text, GOOD.replace('"passes": true', '"passes": false'));
});

for (
  const [what, after] of [
    ["nothing at all", undefined],
    ["an empty file", ""],
    ["NUL bytes", new Uint8Array(50)],
    ["Latin-1", Uint8Array.from(GOOD.replaceAll("false", "true"), (c) => c.charCodeAt(0))],
    ["UTF-16", Uint8Array.from("\xff\xfe" + [...GOOD].join("\0"), (c) => c.charCodeAt(0))],
    ["a list", "[]"],
    ["a merge conflict", GOOD.replace("{\n", "{\n<<<<<<< HEAD\n")],
    ["half of it", GOOD.slice(0, 300)],
    ["brackets without end", "[".repeat(100_000)],
  ] as const
) {
  Deno.test(`prd.json: ${what} in its place is undone`, () => {
    const { text, violations } = guard(after);
    assert.equal(violations.length > 0, true);
    assert.equal(text, GOOD);
  });
}

Deno.test("prd.json: notes and the file have a limit, which what was longer before may keep", () => {
  const withNotes = (length: number) =>
    GOOD.replace('"notes": ""', `"notes": "${"x".repeat(length)}"`);
  assert.deepEqual(guard(withNotes(19_000)).violations, []);
  const { text, violations } = guard(
    withNotes(21_000).replaceAll('"passes": false', '"passes": true'),
  );
  assert.deepEqual(violations, ["the notes of `US-001` grew to more than 20000 bytes"]);
  assert.equal(text, claimed("US-001", "US-003"));
  assert.deepEqual(guard(withNotes(30_000), { before: withNotes(30_000) }).violations, []);
  assert.deepEqual(guard(" ".repeat(8 * 1024 * 1024) + GOOD).violations, [
    "the PRD grew to more than 8 MiB",
  ]);
});

Deno.test("prd.json: a thousand changes are said in a few lines", () => {
  const stories = Array.from({ length: 1_000 }, (_, i) => ({ id: `US-${i}`, title: "a" }));
  const before = JSON.stringify({ userStories: stories });
  const changed = guard(before.replaceAll('"a"', '"b"'), { before });
  assert.equal(changed.violations.length, 9);
  assert.equal(changed.violations[8], "and 992 more like these");
  const { violations } = guard(JSON.stringify({ userStories: stories.slice(0, 1) }), { before });
  assert.match(
    violations.join(),
    /^stories were deleted or renamed: `US-1`,.* `US-8` and 991 more$/,
  );
});

Deno.test("a PRD of 5 MB with 1,000 stories does not take a second for each step", () => {
  const stories = Array.from({ length: 1_000 }, (_, i) => ({
    id: `US-${i}`,
    description: "As a user ".repeat(500),
    passes: false,
  }));
  const before = JSON.stringify({ userStories: stories }, null, 2);
  const after = before.replaceAll('"passes": false', '"passes": true').replace("US-7", "US-x");
  const startedAt = performance.now();
  const { text } = guard(after, { before });
  // 0.4 s on a busy machine; anything quadratic takes minutes
  assert(performance.now() - startedAt < GENEROUS_MS);
  assert.equal(
    JSON.parse(text).userStories.filter(({ passes }: { passes: boolean }) => passes).length,
    999,
  );
});

Deno.test("many claims are set at once as one after the other", () => {
  const file = { path: "/p/prd.json", bytes: encode(GOOD) };
  const prd = openPrd(file);
  const one = setPasses(prd, new Map([["US-001", true]]));
  const both = setPasses(openPrd({ ...file, bytes: one }), new Map([["US-002", false]]));
  const passes = new Map([["US-001", true], ["US-002", false], ["US-9", true]]);
  assert.deepEqual(setPasses(prd, passes), both);
  assert.equal(parsePrd({ ...file, bytes: both }).stories[0].passes, true);
});

Deno.test("a good copy that is no PRD is an error of the caller's", () => {
  assert.throws(() => guard(GOOD, { before: "{}" }), /has no array `userStories`/);
});

const MARKDOWN = `# PRD: Shop

Sells things.

## Goals

- [ ] be quick

## User Stories

### US-001: Log in
As a user I log in.

**Priority:** 1
**Acceptance Criteria:**
- [ ] a form
  with two fields
- [ ] Tests pass

---

Mind the rule.

### US-002: Log out
**Depends on:**
- US-001

- [x] a button
- [ ] Tests pass

**Technical:** use the session

## Non-Goals

Nothing else.
`;

const inMarkdown = (
  after: string | Uint8Array | undefined,
  before = MARKDOWN,
  { isHalf = false } = {},
) => guard(after, { before, path: "/p/prd.md", isHalf });

const ticked = (text: string, story: string) => {
  const [before, section, ...rest] = text.split(/(?=^####? US)/m);
  const parts = [before, section, ...rest];
  return parts.map((part) => part.includes(story) ? part.replaceAll("- [ ]", "- [x]") : part).join(
    "",
  );
};

const ALLOWED_MARKDOWN: readonly [what: string, after: string][] = [
  ["nothing", MARKDOWN],
  ["one tick", MARKDOWN.replace("[ ] a form", "[x] a form")],
  ["all ticks", MARKDOWN.replaceAll("[ ]", "[X]")],
  ["a tick taken back", MARKDOWN.replace("[x]", "[]")],
  [
    "blank lines, line ends and other bullets",
    "\ufeff" +
    MARKDOWN.replaceAll("\n- [", "\n* [").replace("- US", "\n- US").replaceAll("\n", "  \r\n"),
  ],
  ["rules", MARKDOWN.replace("---\n", "").replace("## Non", "***\n\n## Non")],
  [
    "notes below the boxes",
    MARKDOWN.replace("pass\n\n---", "pass\n\n**Notes:** done\n- and more\n\n---"),
  ],
  [
    "notes above them, with code",
    MARKDOWN.replace("**Acc", "- **Completion Notes:**\n```\n## x\n**y**\n```\n**Acc"),
  ],
];

for (const [what, after] of ALLOWED_MARKDOWN) {
  Deno.test(`prd.md: the agent may change ${what}`, () => {
    assert.notEqual(after === MARKDOWN, what !== "nothing", "the test changes something");
    assert.deepEqual(inMarkdown(after).violations, []);
  });
}

/** Each is made together with all ticks of US-001 and US-002. */
const FORBIDDEN_MARKDOWN: readonly [
  from: string,
  to: string,
  violation: RegExp,
  held: readonly string[],
][] = [
  ["a form", "a page", /^`US-001` was changed: `criteria`$/, ["US-002"]],
  ["- [x] Tests pass\n\n---", "\n---", /^`US-001` was changed: `criteria`, `text`$/, ["US-002"]],
  ["- [x] a form", "- a form", /^`US-001` was changed: `criteria`, `text`$/, ["US-002"]],
  ["two fields", "one field", /^`US-001` was changed: `criteria`$/, ["US-002"]],
  ["ity:** 1", "ity:** 9", /^`US-001` was changed: `text`$/, ["US-002"]],
  ["As a user", "**Notes:**\nAs a user", /^`US-001` was changed: `text`$/, ["US-002"]],
  ["the session", "a cookie", /^`US-002` was changed: `text`$/, ["US-001"]],
  ["- US-001\n", "", /^`US-002` was changed: `text`$/, ["US-001"]],
  ["Log out", "Leave", /deleted or renamed: `US-002`.*`text`/, ["US-001"]],
  ["### US-002", "### US-003", /added: `US-003`.*renamed: `US-002`/, ["US-001"]],
  ["### US-001", "## US-001", /deleted or renamed: `US-001`/, ["US-002"]],
  ["Sells", "Buys", /^what is outside of the stories was changed: `text`$/, ["US-001", "US-002"]],
  ["be quick", "be slow", /^what is outside of the stories/, ["US-001", "US-002"]],
  ["Nothing else.\n", "### US-9: x\n- [x] y\n", /outside of the stories was changed/, [
    "US-001",
    "US-002",
  ]],
  ["## Non", "```\n## Non", /a code block begins here and never ends/, []],
  ["## Non", "<!--\n## Non", /a comment begins here and never ends/, []],
  ["- [x] a button\n- [x] Tests pass\n", "", /^`US-002` was changed: `criteria`, `text`$/, [
    "US-001",
  ]],
];

for (const [from, to, violation, held] of FORBIDDEN_MARKDOWN) {
  Deno.test(`prd.md: ${from.trim()} → ${to.trim()} is undone, claims for untouched stories are not`, () => {
    const all = ticked(ticked(MARKDOWN, "US-001"), "US-002:");
    assert(all.includes(from), "the test changes something");
    const { text, violations } = inMarkdown(all.replace(from, to));
    assert.match(violations.join(";"), violation);
    assert.equal(text, held.reduce((text, id) => ticked(text, `${id}:`), MARKDOWN));
  });
}

Deno.test("prd.md: a story in another place goes back", () => {
  const [before, first, second] = MARKDOWN.split(/(?=^####? US)/m);
  const [story, ...rest] = second.split(/(?=^## )/m);
  assert.deepEqual(inMarkdown(before + first + rest.join("") + "\n" + story).violations, [
    "stories were moved to another place",
  ]);
});

Deno.test("prd.md: a label that gives the text below it another meaning is undone", () => {
  const before = MARKDOWN.replace("As a user", "It is a shop.\n\n**Always** with care");
  const after = before.replace("**Always", "**Notes:** x\n**Always");
  const { text, violations } = inMarkdown(after, before);
  assert.deepEqual(violations, ["what the stories say was changed"]);
  assert.equal(text, before);
});

Deno.test("prd.md: a label in a code block begins no notes", () => {
  const before = MARKDOWN.replace("As a user", "```\n**Notes:** x\n```\nAs a user");
  assert.deepEqual(inMarkdown(before.replace("As a user", "As a guest"), before).violations, [
    "`US-001` was changed: `text`",
  ]);
});

Deno.test("prd.md: a byte that is not UTF-8 is protected as it is", () => {
  const before = Uint8Array.from(MARKDOWN.replace("Sells", "Sell\xe9"), (c) => c.charCodeAt(0));
  const after = Uint8Array.from(MARKDOWN.replace("Sells", "Sell\xe8"), (c) => c.charCodeAt(0));
  const kept = guardPrd(openPrd({ path: "/p/prd.md", bytes: before }), after);
  assert.equal(kept.violations.length, 1);
  assert.deepEqual(kept.prd.source.bytes, before);
});

Deno.test("prd.md: a heading that is there twice, once as a story, is found both times", () => {
  const before = MARKDOWN.replace("## Non-Goals", "## US-001 Log in").replace(
    "### US-001: Log",
    "## US-001 Log",
  );
  assert.deepEqual(parsePrd({ path: "a.md", bytes: encode(before) }).stories.length, 2);
  assert.deepEqual(inMarkdown(before.replaceAll("[ ]", "[x]"), before).violations, []);
  assert.deepEqual(inMarkdown(`${before}\n## US-001 Log in\n`, before).violations, [
    "stories were moved to another place",
  ]);
});

Deno.test("a claim by the boxes or `passes` alone takes the other signs of the story with it", () => {
  const json = GOOD.replace('"Pay"', '"Pay", "status": "in_progress"');
  const passed = json.replace('"in_progress", "passes": false', '"in_progress", "passes": true');
  const whole = guard(passed, { before: json, isHalf: true });
  assert.deepEqual([whole.violations, whole.additions], [[], []]);
  assert.equal(whole.text, passed.replace("in_progress", "done"));

  const before = MARKDOWN.replace("### US-001", "### [ ] US-001")
    .replace("**Priority:** 1", "**Priority:** 1\n**Status:** In progress");
  const boxes = ticked(before, "US-001");
  const all = boxes.replace("### [ ]", "### [x]").replace("In progress", "Done");
  for (const after of [boxes, all, boxes.replace("### [ ]", "### [x]")]) {
    const { text, violations, additions } = inMarkdown(after, before, { isHalf: true });
    assert.deepEqual([violations, additions, text], [[], [], all]);
  }
  const heading = before.replace("### [ ]", "### [x]");
  assert.deepEqual(inMarkdown(heading, before), { text: heading, violations: [], additions: [] });
  assert.equal(parsePrd({ path: "a.md", bytes: encode(heading) }).stories[0].passes, false);
});

Deno.test("an agent can take no story out of the work, and touch none that a person has taken out", () => {
  for (
    const [before, after, violation] of [
      [GOOD, GOOD.replace('"Pay"', '"Pay", "skip": true'), /deleted or renamed: `US-003`/],
      [GOOD, GOOD.replace('"Pay"', '"Pay", "status": "deferred"'), /deleted or renamed: `US-003`/],
      [
        GOOD.replace('"Pay"', '"Pay", "skip": true'),
        GOOD.replace('"Pay"', '"Pay", "skip": false'),
        /stories were added: `US-003`/,
      ],
    ] as const
  ) {
    const { text, violations } = guard(after, { before });
    assert.match(violations.join(";"), violation);
    assert.equal(text, before);
  }
  const status = MARKDOWN.replace("**Priority:** 1", "**Status:** Open");
  const left = status.replace("Open", "Cancelled");
  for (
    const [before, after] of [[status, left], [left, status], [left, left.replace("form", "x")]]
  ) {
    const { text, violations } = inMarkdown(after, before);
    assert.equal(violations.length > 0, true);
    assert.equal(text, before);
  }
});
