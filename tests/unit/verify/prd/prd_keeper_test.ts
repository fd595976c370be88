import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { RalphError } from "../../../../src/error.ts";
import type { Interval, Sighting } from "../../../../src/verify/prd/prd_authors.ts";
import type { PrdFiles } from "../../../../src/verify/prd/prd_files.ts";
import {
  type GoodPrd,
  readGoodPrd,
  reconcilePrd,
  takeBackClaims,
  watchPrd,
} from "../../../../src/verify/prd/prd_keeper.ts";
import { temporaryFolder } from "../../../support/folder.ts";

const GOOD = `{"userStories": [
  {"id": "US-1", "title": "one", "passes": false},
  {"id": "US-2", "title": "two", "passes": false}
]}
`;
const CLAIMED = GOOD.replace("false", "true");
/** US-1 is claimed, US-2 deleted. */
const SPOILT = '{"userStories": [{"id": "US-1", "title": "one", "passes": true}]}';
const WITH_NEW_STORY = GOOD.replace("\n]", ',\n  {"id": "US-3"}\n]');

/** A project with a task, as it is before a turn. */
function project(): { root: string; prd: string; aside: string; good: GoodPrd } & Disposable {
  const folder = temporaryFolder();
  const root = join(folder.path, "project");
  const prd = join(root, "tasks/shop/prd.json");
  Deno.mkdirSync(dirname(prd), { recursive: true });
  Deno.writeTextFileSync(prd, GOOD);
  const aside = join(folder.path, "aside");
  const good = readGoodPrd(Deno, prd);
  return { root, prd, aside, good, [Symbol.dispose]: folder[Symbol.dispose] };
}

/** After the second turn of session 7, whose tool calls are not known. */
function reconcile(
  { good, root, aside, rootId }: { good: GoodPrd; root: string; aside: string; rootId?: string },
  { files = Deno, toolIntervals, said = "", sightings = [] }: {
    files?: PrdFiles;
    toolIntervals?: readonly Interval[];
    /** What the agent handed to its tools. */
    said?: string;
    sightings?: readonly Sighting[];
  } = {},
) {
  const tools = toolIntervals &&
    { writing: toolIntervals, said: (text: string) => said.includes(text) };
  const at = { sessionId: 7, iteration: 2 };
  return reconcilePrd(good, { files, projectRoot: root, rootId, tools, sightings, aside, ...at });
}

/** Everything below a folder, links not followed: path and what it is. */
function contents(folder: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { name, isDirectory, isSymlink, isFile } of Deno.readDirSync(folder)) {
    const path = join(folder, name);
    if (isSymlink) found[name] = `→ ${Deno.readLinkSync(path)}`;
    else if (isFile) found[name] = Deno.readTextFileSync(path);
    else if (!isDirectory) found[name] = "special";
    else {
      for (const [below, what] of Object.entries(contents(path))) found[`${name}/${below}`] = what;
    }
  }
  return found;
}

Deno.test("what is allowed stays: not even the file is another", () => {
  for (const [text, changedBy] of [[GOOD, "nobody"], [CLAIMED, "agent"]] as const) {
    using task = project();
    Deno.writeTextFileSync(task.prd, text);
    const { ino } = Deno.lstatSync(task.prd);
    const reconciled = reconcile(task);
    assert.equal(reconciled.changedBy, changedBy);
    assert.deepEqual([reconciled.violations, reconciled.words], [[], ""]);
    assert.equal(new TextDecoder().decode(reconciled.good.bytes), text);
    assert.equal(Deno.lstatSync(task.prd).ino, ino);
    assert.deepEqual(contents(task.root), { "tasks/shop/prd.json": text });
  }
});

Deno.test("what is not allowed is undone, and what the agent wrote is kept", () => {
  using task = project();
  Deno.chmodSync(task.prd, 0o640);
  const good = readGoodPrd(Deno, task.prd);
  Deno.writeTextFileSync(task.prd, SPOILT);
  const { changedBy, violations, keptAs, words, good: now } = reconcile({ ...task, good });
  assert.equal(changedBy, "agent");
  assert.deepEqual(violations, ["stories were deleted or renamed: `US-2`"]);
  assert.equal(keptAs, join(task.aside, "prd.agent-7-2.json"));
  assert.equal(
    words,
    "stories were deleted or renamed: `US-2`; the PRD was put back, what was there is kept as " +
      keptAs,
  );
  assert.deepEqual(contents(task.root), { "tasks/shop/prd.json": CLAIMED });
  assert.deepEqual(contents(task.aside), { "prd.agent-7-2.json": SPOILT });
  assert.equal(new TextDecoder().decode(now.bytes), CLAIMED);
  assert.equal((Deno.lstatSync(task.prd).mode ?? 0) & 0o777, 0o640);
});

/** What an agent does, what is said of it, and what is there after besides the good PRD. */
const REPLACED: readonly [
  what: string,
  act: (prd: string, root: string) => void,
  words: RegExp,
  left: Record<string, string>,
  aside?: Record<string, string>,
][] = [
  [
    "deleted",
    (prd) => Deno.removeSync(prd),
    /^the PRD was deleted or moved; the PRD was put back$/,
    {},
  ],
  [
    "moved",
    (prd) => Deno.renameSync(prd, join(dirname(prd), "old.json")),
    /^the PRD was deleted or moved/,
    { "tasks/shop/old.json": GOOD },
  ],
  [
    "a link to another PRD",
    (prd, root) => {
      Deno.writeTextFileSync(join(root, "other.json"), SPOILT);
      Deno.removeSync(prd);
      Deno.symlinkSync("../../other.json", prd);
    },
    /^the PRD was replaced by a link to `..\/..\/other.json`; the PRD was put back$/,
    { "other.json": SPOILT },
  ],
  [
    "a link to nothing",
    (prd) => {
      Deno.removeSync(prd);
      Deno.symlinkSync("gone", prd);
    },
    /^the PRD was replaced by a link to `gone`/,
    {},
  ],
  [
    "a folder",
    (prd) => {
      Deno.removeSync(prd);
      Deno.mkdirSync(prd);
      Deno.writeTextFileSync(join(prd, "US-1.json"), "{}");
    },
    /^the PRD was replaced by a folder; .* kept as \/.*\/aside\/prd.agent-7-2.json$/,
    {},
    { "prd.agent-7-2.json/US-1.json": "{}" },
  ],
  [
    "a pipe",
    (prd) => {
      Deno.removeSync(prd);
      assert(new Deno.Command("mkfifo", { args: [prd] }).outputSync().success);
    },
    /^the PRD was replaced by something that is no file/,
    {},
    { "prd.agent-7-2.json": "special" },
  ],
  [
    "gone with the task's folder",
    (prd) => Deno.removeSync(dirname(prd), { recursive: true }),
    /^the folder .*\/tasks\/shop was deleted or moved; the PRD was put back$/,
    {},
  ],
  [
    "gone with the folder of all tasks",
    (_, root) => Deno.renameSync(join(root, "tasks"), join(root, "done")),
    /^the folder .*\/tasks was deleted or moved/,
    { "done/shop/prd.json": GOOD },
  ],
  [
    "behind a link in place of the task's folder",
    (prd, root) => {
      Deno.renameSync(dirname(prd), join(root, "elsewhere"));
      Deno.symlinkSync("../elsewhere", dirname(prd));
    },
    /^the folder .*\/tasks\/shop was replaced by a link to `..\/elsewhere`; the PRD was put back$/,
    { "elsewhere/prd.json": GOOD },
  ],
  [
    "behind a file in place of the task's folder",
    (prd) => {
      Deno.removeSync(dirname(prd), { recursive: true });
      Deno.writeTextFileSync(dirname(prd), "x");
    },
    /^the folder .*\/tasks\/shop was replaced by something that is no folder/,
    {},
    { "shop.agent-7-2": "x" },
  ],
];

for (const [what, act, words, left, aside] of REPLACED) {
  Deno.test(`a PRD that is ${what} is put back`, () => {
    using task = project();
    act(task.prd, task.root);
    const reconciled = reconcile(task);
    assert.match(reconciled.words, words);
    assert.equal(reconciled.changedBy, "agent");
    assert.deepEqual(contents(task.root), { "tasks/shop/prd.json": GOOD, ...left });
    assert.deepEqual(aside && contents(task.aside), aside);
  });
}

Deno.test("no file is written over and no link is followed to keep or to put back", () => {
  using task = project();
  const aside = (name: string) => join(task.aside, name);
  Deno.mkdirSync(task.aside);
  Deno.writeTextFileSync(aside("prd.agent-7-2.json"), "first");
  Deno.symlinkSync("../../secret", aside("prd.agent-7-2-2.json"));
  Deno.symlinkSync("../../secret", join(dirname(task.prd), "prd.json.ralph-half1"));
  Deno.writeTextFileSync(task.prd, SPOILT);
  assert.equal(reconcile(task).keptAs, aside("prd.agent-7-2-3.json"));
  assert.deepEqual(contents(task.root), {
    "tasks/shop/prd.json": CLAIMED,
    "tasks/shop/prd.json.ralph-half1": "→ ../../secret",
  });
  assert.deepEqual(contents(task.aside), {
    "prd.agent-7-2.json": "first",
    "prd.agent-7-2-2.json": "→ ../../secret",
    "prd.agent-7-2-3.json": SPOILT,
  });
});

Deno.test("of a file without measure 5 MB are kept, whoever wrote it", () => {
  for (const toolIntervals of [undefined, []]) {
    using task = project();
    Deno.truncateSync(task.prd, 2 ** 40);
    const { violations, keptAs } = reconcile(task, { toolIntervals });
    assert.deepEqual(violations, ["the PRD grew to more than 8 MiB"]);
    assert.equal(Deno.lstatSync(keptAs ?? "").size, 5_000_000);
    assert.equal(Deno.readTextFileSync(task.prd), GOOD);
  }
});

Deno.test("a file that comes up under the name at the last moment is not written over", () => {
  using task = project();
  const kept = join(task.aside, "prd.agent-7-2.json");
  Deno.mkdirSync(task.aside);
  Deno.writeTextFileSync(kept, "first");
  Deno.writeTextFileSync(task.prd, SPOILT);
  const files: PrdFiles = {
    ...Deno,
    lstatSync(path) {
      if (path === kept) throw new Deno.errors.NotFound();
      return Deno.lstatSync(path);
    },
  };
  assert.throws(() => reconcile(task, { files }), /^RalphError: cannot keep what was made of /);
  assert.deepEqual(contents(task.root), { "tasks/shop/prd.json": CLAIMED });
  assert.deepEqual(contents(task.aside), { "prd.agent-7-2.json": "first" });
});

Deno.test("a PRD that may not be read is put back", () => {
  using task = project();
  const files: PrdFiles = {
    ...Deno,
    openSync(path, options) {
      if (options?.read) throw new Deno.errors.PermissionDenied("permission denied");
      return Deno.openSync(path, options);
    },
  };
  assert.match(
    reconcile(task, { files }).words,
    /^the PRD was replaced by a file that cannot be read/,
  );
  assert.throws(() => readGoodPrd(files, task.prd), /: it is a file that cannot be read$/);
});

const REFUSALS: readonly [what: string, files: Partial<PrdFiles>, message: RegExp][] = [
  [
    "no space for it",
    {
      openSync: (path, options) => {
        const file = Deno.openSync(path, options);
        if (options?.write) {
          file.writeSync = () => {
            throw new Error("No space left on device");
          };
        }
        return file;
      },
    },
    /^cannot put the PRD back at .*prd.json: No space left on device$/,
  ],
  [
    "no right to rename",
    {
      renameSync: () => {
        throw new Deno.errors.PermissionDenied("Permission denied");
      },
    },
    /^cannot put the PRD back at .*prd.json: Permission denied$/,
  ],
  [
    "no right to look",
    {
      lstatSync: () => {
        throw new Deno.errors.PermissionDenied("Permission denied");
      },
    },
    /^cannot look at the PRD .*prd.json: Permission denied$/,
  ],
];

for (const [what, refusing, message] of REFUSALS) {
  Deno.test(`with ${what} it is an error, and nothing half done is left`, () => {
    using task = project();
    Deno.writeTextFileSync(task.prd, SPOILT);
    const files = { ...Deno, ...refusing };
    assert.throws(() => reconcile(task, { files }), (error) => {
      assert(error instanceof RalphError);
      assert.equal(error.kind, "failed");
      assert.match(error.message, message);
      return true;
    });
    assert.deepEqual(contents(task.root), { "tasks/shop/prd.json": SPOILT });
  });
}

Deno.test("a project that is gone is an error, and is not made up", () => {
  using task = project();
  Deno.renameSync(task.root, `${task.root}-moved`);
  assert.throws(
    () => reconcile(task),
    /: the folder of the project was deleted, moved or replaced$/,
  );
  Deno.symlinkSync(`${task.root}-moved`, task.root);
  Deno.writeTextFileSync(task.prd, SPOILT);
  assert.throws(
    () => reconcile(task),
    /: the folder of the project was deleted, moved or replaced$/,
  );
  assert.deepEqual(contents(`${task.root}-moved`), { "tasks/shop/prd.json": SPOILT });
});

/** The file was changed at 100 s, as far as its ctime tells: before 101 s. */
const TIMES: readonly [
  intervals: readonly Interval[] | undefined,
  changedBy: "agent" | "person",
][] = [
  [undefined, "agent"],
  [[], "person"],
  [[{ start: 90_000, end: 98_999 }], "person"],
  [[{ start: 90_000, end: 99_000 }], "agent"],
  [[{ start: 90_000, end: 110_000 }], "agent"],
  [[{ start: 90_000, end: Infinity }], "agent"],
  [[{ start: 102_000, end: 103_000 }], "agent"],
  [[{ start: 102_001, end: 103_000 }], "person"],
  [[{ start: 50_000, end: 60_000 }, { start: 100_200, end: 100_300 }], "agent"],
  [[{ start: 50_000, end: 60_000 }, { start: 120_000, end: 130_000 }], "person"],
];

for (const [toolIntervals, changedBy] of TIMES) {
  const shown = toolIntervals?.map(({ start, end }) => `${start} to ${end}`).join(", ");
  Deno.test(`a new story at 100 s, tools ran ${shown ?? "unknown"}: by the ${changedBy}`, () => {
    using task = project();
    Deno.writeTextFileSync(task.prd, WITH_NEW_STORY);
    const files: PrdFiles = {
      ...Deno,
      lstatSync: (path) => ({ ...Deno.lstatSync(path), ctime: new Date(100_000) }),
    };
    const reconciled = reconcile(task, { files, toolIntervals, said: WITH_NEW_STORY });
    assert.equal(reconciled.changedBy, changedBy);
    const isPersons = changedBy === "person";
    assert.equal(Deno.readTextFileSync(task.prd), isPersons ? WITH_NEW_STORY : GOOD);
    assert.equal(
      new TextDecoder().decode(reconciled.good.bytes),
      isPersons ? WITH_NEW_STORY : GOOD,
    );
    // an agent's, or a person's before the agent wrote: nothing is lost
    if (!isPersons) assert.equal(Deno.readTextFileSync(reconciled.keptAs ?? ""), WITH_NEW_STORY);
  });
}

Deno.test("the real ctime tells a tool call of now from one of an hour ago", () => {
  const hourAgo = Date.now() - 3_600_000;
  const [agents, persons] = [Date.now(), hourAgo].map((start) => {
    using task = project();
    Deno.writeTextFileSync(task.prd, WITH_NEW_STORY);
    // an agent can set mtime, and cannot set ctime
    Deno.utimeSync(task.prd, new Date(hourAgo), new Date(hourAgo));
    return reconcile(task, { toolIntervals: [{ start, end: start + 10_000 }] }).changedBy;
  });
  assert.deepEqual([agents, persons], ["agent", "person"]);
});

Deno.test("a person's text that is no PRD is an error, and stays", () => {
  using task = project();
  Deno.writeTextFileSync(task.prd, "{");
  assert.throws(() => reconcile(task, { toolIntervals: [] }), /not valid JSON/);
  assert.deepEqual(contents(task.root), { "tasks/shop/prd.json": "{" });
});

// ------------------------------------------------------------------- a person in the agent's turn

const NEW = ',\n  {"id": "US-3", "title": "three"}';
const added = (text: string) => text.replace("\n]", `${NEW}\n]`);

/** A state of the file that was found at that second. */
const at = (second: number, text: string): Sighting => ({
  bytes: new TextEncoder().encode(text),
  ctimeMs: second * 1_000,
});
/** A tool that may write ran from 90 s to 100 s. */
const toolIntervals = [{ start: 90_000, end: 100_000 }];

/** What became of the last of these states, after the others. */
function after(
  task: ReturnType<typeof project>,
  sightings: readonly Sighting[],
  said = "passes",
) {
  const last = sightings[sightings.length - 1];
  Deno.writeFileSync(task.prd, last.bytes);
  const files: PrdFiles = {
    ...Deno,
    lstatSync: (path) => ({ ...Deno.lstatSync(path), ctime: new Date(last.ctimeMs ?? 0) }),
  };
  const { words } = reconcile(task, {
    files,
    toolIntervals,
    said,
    sightings: sightings.slice(0, -1),
  });
  return { text: Deno.readTextFileSync(task.prd), words };
}

/** What is found one after the other, and what stays of it. */
const MERGED: readonly [what: string, sightings: readonly Sighting[], stays: string][] = [
  [
    "adds a story before the agent's tick",
    [at(80, added(GOOD)), at(95, added(CLAIMED))],
    added(CLAIMED),
  ],
  ["adds a story after it", [at(95, CLAIMED), at(120, added(CLAIMED))], added(CLAIMED)],
  ["rewords an open story before it", [
    at(80, GOOD.replace('"two"', '"deux"')),
    at(95, CLAIMED.replace('"two"', '"deux"')),
  ], CLAIMED.replace('"two"', '"deux"')],
  ["removes a story before it", [
    at(80, GOOD.replace(/,\n {2}\{"id": "US-2".*/, "")),
    at(95, CLAIMED.replace(/,\n {2}\{"id": "US-2".*/, "")),
  ], CLAIMED.replace(/,\n {2}\{"id": "US-2".*/, "")],
  [
    "changes something before the agent undoes it",
    [at(80, added(GOOD)), at(95, CLAIMED)],
    added(CLAIMED),
  ],
  [
    "saves half of it on the way",
    [at(80, "{"), at(81, added(GOOD)), at(95, added(CLAIMED))],
    added(CLAIMED),
  ],
  [
    "saves an old state over the agent's tick",
    [at(95, CLAIMED), at(120, added(GOOD))],
    added(GOOD),
  ],
  ["adds a story after the agent deleted one", [
    at(95, SPOILT),
    at(120, SPOILT.replace("}]}", `}${NEW}]}`)),
  ], added(CLAIMED)],
  ["mends what the agent broke", [at(95, "x"), at(120, CLAIMED)], CLAIMED],
];

for (const [what, sightings, stays] of MERGED) {
  Deno.test(`a person ${what}: both count`, () => {
    using task = project();
    const { text } = after(task, sightings);
    const stories = (text: string) => JSON.parse(text).userStories;
    assert.deepEqual(stories(text), stories(stays));
  });
}

Deno.test("a story that comes while a tool runs stays, unless a tool was handed it", () => {
  for (const said of ["passes", "I see US-3", "it says three"]) {
    using task = project();
    const { text, words } = after(task, [at(95, added(CLAIMED))], said);
    assert.equal(text, added(CLAIMED));
    assert.equal(words, "`US-3` came during the turn, by no tool of the agent, and stays");
  }
  using task = project();
  const { text, words } = after(task, [at(95, added(CLAIMED))], `echo '${NEW}'`);
  assert.equal(text, CLAIMED);
  assert.match(words, /^stories were added: `US-3`; the PRD was put back, what was there is kept/);
});

Deno.test("a story that comes beside what the agent spoils stays, and that goes back", () => {
  using task = project();
  const { text, words } = after(task, [at(95, added(CLAIMED).replace('"two"', '"too"'))]);
  assert.deepEqual(JSON.parse(text), JSON.parse(added(CLAIMED)));
  assert.match(words, /^`US-2` was changed: `title`; .*; `US-3` came during the turn/);
});

Deno.test("other words that come while a tool runs go back, and are kept aside", () => {
  using task = project();
  const reworded = CLAIMED.replace('"two"', '"deux"');
  const { text, words } = after(task, [at(95, reworded)]);
  assert.equal(text, CLAIMED);
  assert.match(
    words,
    /the PRD was put back, what was there is kept as \/.*\/aside\/prd.agent-7-2.json$/,
  );
  assert.deepEqual(contents(task.aside), { "prd.agent-7-2.json": reworded });
});

Deno.test("a person's words in a story that the agent has spoilt are kept aside, and that is said", () => {
  using task = project();
  const spoilt = GOOD.replace('"two"', '"too"');
  const both = spoilt.replace('"too"', '"too much"');
  const { text, words } = after(task, [at(95, spoilt), at(120, both)]);
  assert.equal(text, GOOD);
  assert.match(
    words,
    /; a person's change of it could not be merged, and is kept as \/.*-7-2-2.json$/,
  );
  assert.deepEqual(contents(task.aside), {
    "prd.agent-7-2.json": both,
    "prd.agent-7-2-2.json": both,
  });
});

Deno.test("the PRD is watched: each state that is found is remembered once", () => {
  using task = project();
  const watch = watchPrd(Deno, task.prd);
  const texts = () => watch.sightings().map(({ bytes }) => new TextDecoder().decode(bytes));
  watch.begin();
  watch.look();
  assert.deepEqual(texts(), []);
  Deno.writeTextFileSync(task.prd, CLAIMED);
  watch.look();
  watch.look();
  Deno.removeSync(task.prd);
  watch.look();
  Deno.writeTextFileSync(task.prd, added(CLAIMED));
  watch.look();
  assert.deepEqual(texts(), [CLAIMED, added(CLAIMED)]);
  watch.begin();
  assert.deepEqual(texts(), []);
});

Deno.test("claims are taken back in the file as it is now", () => {
  using task = project();
  const now = WITH_NEW_STORY.replaceAll("false", "true");
  Deno.writeTextFileSync(task.prd, now);
  takeBackClaims(Deno, task.prd, { storyIds: ["US-2", "US-3", "US-9"] });
  assert.deepEqual(contents(task.root), {
    "tasks/shop/prd.json": now.replace('"two", "passes": true', '"two", "passes": false'),
  });
});

const UNREADABLE: readonly [
  what: string,
  act: (prd: string) => void,
  kind: string,
  reason: RegExp,
][] = [
  ["is missing", (prd) => Deno.removeSync(prd), "not_found", /: there is no such file$/],
  [
    "is in no folder",
    (prd) => Deno.removeSync(dirname(prd), { recursive: true }),
    "not_found",
    /no such/,
  ],
  ["is broken", (prd) => Deno.writeTextFileSync(prd, "["), "usage", /not valid JSON/],
  ["is too big", (prd) => Deno.truncateSync(prd, 2 ** 40), "usage", /: it has more than 8 MiB$/],
  [
    "is a link",
    (prd) => {
      Deno.renameSync(prd, `${prd}.real`);
      Deno.symlinkSync(`${prd}.real`, prd);
    },
    "usage",
    /: it is a link to `.*`$/,
  ],
];

for (const [what, act, kind, reason] of UNREADABLE) {
  Deno.test(`a PRD that ${what} is no good copy`, () => {
    using task = project();
    act(task.prd);
    for (
      const use of [
        () => readGoodPrd(Deno, task.prd),
        () => takeBackClaims(Deno, task.prd, { storyIds: [] }),
      ]
    ) {
      assert.throws(use, (error) => {
        assert(error instanceof RalphError);
        assert.equal(error.kind, kind);
        assert.match(error.message, reason);
        return true;
      });
    }
  });
}
