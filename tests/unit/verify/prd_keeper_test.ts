import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { RalphError } from "../../../src/error.ts";
import {
  type GoodPrd,
  type Interval,
  type PrdFiles,
  readGoodPrd,
  settlePrd,
  takeBackClaims,
} from "../../../src/verify/prd_keeper.ts";
import { temporaryFolder } from "../../support/folder.ts";

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
function project(): { root: string; prd: string; good: GoodPrd } & Disposable {
  const folder = temporaryFolder();
  const root = join(folder.path, "project");
  const prd = join(root, "tasks/shop/prd.json");
  Deno.mkdirSync(dirname(prd), { recursive: true });
  Deno.writeTextFileSync(prd, GOOD);
  return { root, prd, good: readGoodPrd(Deno, prd), [Symbol.dispose]: folder[Symbol.dispose] };
}

/** After the second turn of session 7, whose tool calls are not known. */
function settle(
  { good, root, rootId }: { good: GoodPrd; root: string; rootId?: string },
  { files = Deno, toolIntervals }: { files?: PrdFiles; toolIntervals?: readonly Interval[] } = {},
) {
  const options = { files, projectRoot: root, rootId, toolIntervals, sessionId: 7, iteration: 2 };
  return settlePrd(good, options);
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
    const settled = settle(task);
    assert.equal(settled.changedBy, changedBy);
    assert.deepEqual([settled.violations, settled.words], [[], ""]);
    assert.equal(new TextDecoder().decode(settled.good.bytes), text);
    assert.equal(Deno.lstatSync(task.prd).ino, ino);
    assert.deepEqual(contents(task.root), { "tasks/shop/prd.json": text });
  }
});

Deno.test("what is not allowed is undone, and what the agent wrote is kept", () => {
  using task = project();
  Deno.chmodSync(task.prd, 0o640);
  const good = readGoodPrd(Deno, task.prd);
  Deno.writeTextFileSync(task.prd, SPOILT);
  const { changedBy, violations, keptAs, words, good: now } = settle({ ...task, good });
  assert.equal(changedBy, "agent");
  assert.deepEqual(violations, ["stories were deleted or renamed: `US-2`"]);
  assert.equal(keptAs, join(task.root, "tasks/shop/prd.agent-7-2.json"));
  assert.equal(
    words,
    "stories were deleted or renamed: `US-2`; the PRD was put back, what was there is kept as " +
      "tasks/shop/prd.agent-7-2.json",
  );
  assert.deepEqual(contents(task.root), {
    "tasks/shop/prd.json": CLAIMED,
    "tasks/shop/prd.agent-7-2.json": SPOILT,
  });
  assert.equal(new TextDecoder().decode(now.bytes), CLAIMED);
  assert.equal((Deno.lstatSync(task.prd).mode ?? 0) & 0o777, 0o640);
});

/** What an agent does, what is said of it, and what is there after besides the good PRD. */
const REPLACED: readonly [
  what: string,
  act: (prd: string, root: string) => void,
  words: RegExp,
  left: Record<string, string>,
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
    /^the PRD was replaced by a link; .* kept as tasks\/shop\/prd.agent-7-2.json$/,
    { "other.json": SPOILT, "tasks/shop/prd.agent-7-2.json": "→ ../../other.json" },
  ],
  [
    "a link to nothing",
    (prd) => {
      Deno.removeSync(prd);
      Deno.symlinkSync("gone", prd);
    },
    /^the PRD was replaced by a link/,
    { "tasks/shop/prd.agent-7-2.json": "→ gone" },
  ],
  [
    "a folder",
    (prd) => {
      Deno.removeSync(prd);
      Deno.mkdirSync(prd);
      Deno.writeTextFileSync(join(prd, "US-1.json"), "{}");
    },
    /^the PRD was replaced by a folder/,
    { "tasks/shop/prd.agent-7-2.json/US-1.json": "{}" },
  ],
  [
    "a pipe",
    (prd) => {
      Deno.removeSync(prd);
      assert(new Deno.Command("mkfifo", { args: [prd] }).outputSync().success);
    },
    /^the PRD was replaced by something that is no file/,
    { "tasks/shop/prd.agent-7-2.json": "special" },
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
    /^the folder .*\/tasks\/shop was replaced by a link; .* kept as tasks\/shop.agent-7-2$/,
    { "elsewhere/prd.json": GOOD, "tasks/shop.agent-7-2": "→ ../elsewhere" },
  ],
  [
    "behind a file in place of the task's folder",
    (prd) => {
      Deno.removeSync(dirname(prd), { recursive: true });
      Deno.writeTextFileSync(dirname(prd), "x");
    },
    /^the folder .*\/tasks\/shop was replaced by something that is no folder/,
    { "tasks/shop.agent-7-2": "x" },
  ],
];

for (const [what, act, words, left] of REPLACED) {
  Deno.test(`a PRD that is ${what} is put back`, () => {
    using task = project();
    act(task.prd, task.root);
    const settled = settle(task);
    assert.match(settled.words, words);
    assert.equal(settled.changedBy, "agent");
    assert.deepEqual(contents(task.root), { "tasks/shop/prd.json": GOOD, ...left });
  });
}

Deno.test("no file is written over and no link is followed to keep or to put back", () => {
  using task = project();
  const beside = (name: string) => join(dirname(task.prd), name);
  Deno.writeTextFileSync(beside("prd.agent-7-2.json"), "first");
  Deno.symlinkSync("../../secret", beside("prd.agent-7-2-2.json"));
  Deno.symlinkSync("../../secret", beside("prd.json.ralph-half1"));
  Deno.writeTextFileSync(task.prd, SPOILT);
  assert.equal(settle(task).keptAs, beside("prd.agent-7-2-3.json"));
  assert.deepEqual(contents(task.root), {
    "tasks/shop/prd.json": CLAIMED,
    "tasks/shop/prd.agent-7-2.json": "first",
    "tasks/shop/prd.agent-7-2-2.json": "→ ../../secret",
    "tasks/shop/prd.agent-7-2-3.json": SPOILT,
    "tasks/shop/prd.json.ralph-half1": "→ ../../secret",
  });
});

Deno.test("of a file without measure 5 MB are kept, whoever wrote it", () => {
  for (const toolIntervals of [undefined, []]) {
    using task = project();
    Deno.truncateSync(task.prd, 2 ** 40);
    const { violations, keptAs } = settle(task, { toolIntervals });
    assert.deepEqual(violations, ["the PRD grew to more than 8 MiB"]);
    assert.equal(Deno.lstatSync(keptAs ?? "").size, 5_000_000);
    assert.equal(Deno.readTextFileSync(task.prd), GOOD);
  }
});

Deno.test("a file that comes up under the name at the last moment is not written over", () => {
  using task = project();
  const kept = join(dirname(task.prd), "prd.agent-7-2.json");
  Deno.writeTextFileSync(kept, "first");
  Deno.writeTextFileSync(task.prd, SPOILT);
  const files: PrdFiles = {
    ...Deno,
    lstatSync(path) {
      if (path === kept) throw new Deno.errors.NotFound();
      return Deno.lstatSync(path);
    },
  };
  assert.throws(() => settle(task, { files }), /^RalphError: cannot keep what the agent made of /);
  assert.deepEqual(contents(task.root), {
    "tasks/shop/prd.json": CLAIMED,
    "tasks/shop/prd.agent-7-2.json": "first",
  });
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
    settle(task, { files }).words,
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
    assert.throws(() => settle(task, { files }), (error) => {
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
  assert.throws(() => settle(task), /: the folder of the project was deleted, moved or replaced$/);
  Deno.symlinkSync(`${task.root}-moved`, task.root);
  Deno.writeTextFileSync(task.prd, SPOILT);
  assert.throws(() => settle(task), /: the folder of the project was deleted, moved or replaced$/);
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
    const settled = settle(task, { files, toolIntervals });
    assert.equal(settled.changedBy, changedBy);
    const isPersons = changedBy === "person";
    assert.equal(Deno.readTextFileSync(task.prd), isPersons ? WITH_NEW_STORY : GOOD);
    assert.equal(
      new TextDecoder().decode(settled.good.bytes),
      isPersons ? WITH_NEW_STORY : GOOD,
    );
    // an agent's, or a person's before the agent wrote: nothing is lost
    if (!isPersons) assert.equal(Deno.readTextFileSync(settled.keptAs ?? ""), WITH_NEW_STORY);
  });
}

Deno.test("the real ctime tells a tool call of now from one of an hour ago", () => {
  const hourAgo = Date.now() - 3_600_000;
  const [agents, persons] = [Date.now(), hourAgo].map((start) => {
    using task = project();
    Deno.writeTextFileSync(task.prd, WITH_NEW_STORY);
    // an agent can set mtime, and cannot set ctime
    Deno.utimeSync(task.prd, new Date(hourAgo), new Date(hourAgo));
    return settle(task, { toolIntervals: [{ start, end: start + 10_000 }] }).changedBy;
  });
  assert.deepEqual([agents, persons], ["agent", "person"]);
});

Deno.test("a person's text that is no PRD is an error, and stays", () => {
  using task = project();
  Deno.writeTextFileSync(task.prd, "{");
  assert.throws(() => settle(task, { toolIntervals: [] }), /not valid JSON/);
  assert.deepEqual(contents(task.root), { "tasks/shop/prd.json": "{" });
});

Deno.test("claims are taken back in the file as it is now", () => {
  using task = project();
  const now = WITH_NEW_STORY.replaceAll("false", "true");
  Deno.writeTextFileSync(task.prd, now);
  takeBackClaims(Deno, task.prd, ["US-2", "US-3", "US-9"]);
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
    /: it is a link$/,
  ],
];

for (const [what, act, kind, reason] of UNREADABLE) {
  Deno.test(`a PRD that ${what} is no good copy`, () => {
    using task = project();
    act(task.prd);
    for (
      const use of [() => readGoodPrd(Deno, task.prd), () => takeBackClaims(Deno, task.prd, [])]
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
