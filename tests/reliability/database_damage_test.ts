/** A database that is damaged, gone or another program's: nothing is written over it, and it can be mended. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Home, makeHome, START, WORKER } from "./home.ts";
import { GENEROUS_MS } from "../support/wait.ts";

/** Every command that reads, and every one that writes. */
const READING = [["status"], ["status", "one"], ["status", "--json"], ["history", "one"], [
  "tasks",
]];
const WRITING = [["run", "one", "--foreground"], ["clean", "--yes"]];

/** A session with an iteration, and an empty log. */
function record(home: Home): void {
  const store = home.open();
  const lease = store.startSession(home.task, WORKER, START);
  store.beginIteration(lease, {
    number: 1,
    storyId: "US-001",
    storyTitle: "Only",
    openCodeTitle: "title",
  });
  store.endIteration(lease, { number: 1, outcome: "worked", storiesPassed: [] });
  store.keepDailyCopy();
  store.endSession(lease, { status: "completed", reason: "all_stories_pass", detail: "done" });
  store.close();
}

/** All that is in the folder of the database, links not followed, but for what is only of readers. */
function contents(folder: string): Record<string, string> {
  const found = [...Deno.readDirSync(folder)].filter(({ name }) =>
    !/-shm$|^(locks|signals)$/.test(name) && !(/-wal$/.test(name) && size(name) === 0)
  );
  function size(name: string): number {
    return Deno.statSync(join(folder, name)).size;
  }
  return Object.fromEntries(found.map(({ name, isFile, isSymlink, isDirectory }) => [
    name,
    isSymlink
      ? `link to ${Deno.readLinkSync(join(folder, name))}`
      : isFile
      ? Deno.readFileSync(join(folder, name)).toHex()
      : isDirectory
      ? "folder"
      : "other",
  ]));
}

function overwrite(path: string, at: number, length: number): void {
  const bytes = Deno.readFileSync(path);
  bytes.fill(0xa5, at, at + length);
  Deno.writeFileSync(path, bytes);
}

/** The page on which the tree of a table or an index begins, as an offset in the file. */
function pageOf(path: string, name: string): number {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const row = database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?").get(name);
    assert(row, name);
    return (Number(row.rootpage) - 1) * 4096;
  } finally {
    database.close();
  }
}

interface Damage {
  name: string;
  spoil: (path: string) => void;
  /** What is told of it. */
  says: RegExp;
  /** Commands that need not be refused: what they read is whole. */
  mayBeRead?: boolean;
}

const DAMAGE: readonly Damage[] = [
  { name: "its header", spoil: (path) => overwrite(path, 0, 16), says: /file is not a database/ },
  { name: "its first page", spoil: (path) => overwrite(path, 100, 60), says: /malformed/ },
  {
    name: "a table's page",
    spoil: (path) => overwrite(path, pageOf(path, "sessions"), 4096),
    says: /malformed/,
  },
  {
    name: "an index's page",
    spoil: (path) => overwrite(path, pageOf(path, "last_sessions"), 4096),
    says: /malformed/,
    mayBeRead: true,
  },
  {
    name: "a row that is missing from an index",
    spoil(path) {
      // one cell fewer on the page (sqlite.org/fileformat2.html, 1.6)
      const at = pageOf(path, "sessions_of_task") + 3;
      const bytes = Deno.readFileSync(path);
      new DataView(bytes.buffer).setUint16(at, 0);
      Deno.writeFileSync(path, bytes);
    },
    says: /missing from index|wrong # of entries|malformed|Page/i,
    mayBeRead: true,
  },
  {
    name: "its last pages, cut off",
    spoil: (path) => Deno.truncateSync(path, 3 * 4096 + 100),
    says: /malformed/,
  },
  { name: "all of its content", spoil: (path) => Deno.truncateSync(path, 0), says: /it is empty/ },
  {
    name: "a text in its place",
    spoil: (path) => Deno.writeTextFileSync(path, "hello\n"),
    says: /file is not a database/,
  },
  {
    name: "a folder in its place",
    spoil(path) {
      Deno.removeSync(path);
      Deno.mkdirSync(path);
    },
    says: /it is not a file/,
  },
  {
    name: "a link to itself in its place",
    spoil(path) {
      Deno.removeSync(path);
      Deno.symlinkSync(path, path);
    },
    says: /a link that leads nowhere/,
  },
  {
    name: "a link that leads nowhere in its place",
    spoil(path) {
      Deno.removeSync(path);
      Deno.symlinkSync("/no/such/disk/sessions.db", path);
    },
    says: /a link that leads nowhere/,
  },
  {
    name: "a pipe in its place",
    spoil(path) {
      Deno.removeSync(path);
      assert(new Deno.Command("mkfifo", { args: [path] }).outputSync().success);
    },
    says: /it is not a file/,
  },
  {
    name: "its log",
    spoil: (path) => Deno.writeFileSync(`${path}-wal`, new Uint8Array(50_000).fill(0x5a)),
    says: /its log \S+-wal is damaged/,
  },
  {
    name: "the database itself, with its log left over",
    spoil(path) {
      Deno.removeSync(path);
      Deno.writeFileSync(`${path}-wal`, new Uint8Array(5_000).fill(0x5a));
    },
    says: /it is gone, and its log is still there/,
  },
  {
    name: "a table that is not there",
    spoil(path) {
      const database = new DatabaseSync(path, { enableForeignKeyConstraints: false });
      database.exec("DROP TABLE iterations");
      database.close();
    },
    says: /no such table: (main\.)?iterations/,
  },
];

for (const { name, spoil, says, mayBeRead } of DAMAGE) {
  Deno.test(`a damaged database (${name}) is refused by every command, left as it is, and mended by what doctor says`, async () => {
    await using home = await makeHome();
    record(home);
    spoil(home.database);
    const before = contents(home.data);
    for (const args of [...READING, ...WRITING]) {
      const what = args.join(" ");
      const { code, stderr, tookMs } = await home.ralph(...args);
      assert.deepEqual(contents(home.data), before, `${what} changed something`);
      if (mayBeRead && code === 0 && READING.includes(args)) continue;
      assert.equal(code, 7, `${what}: ${stderr}`);
      assert.match(stderr, says, what);
      assert(stderr.includes(home.database), what);
      assert.match(stderr, /^hint: .*: |"hints":\[\{"text":/m, what);
      assert(tookMs < GENEROUS_MS, `${what} took ${tookMs} ms`);
    }
    const { code, stdout } = await home.ralph("doctor", "store", "--json");
    assert.equal(code, 1, stdout);
    assert.deepEqual(contents(home.data), before, "doctor changed something");
    const findings: Finding[] = JSON.parse(stdout).checks;
    const [red] = findings.filter(({ level }) => level === "fail");
    assert.match(red.found ?? "", says);
    paste(red.remedy[0].command ?? "");
    const mended = await home.ralph("status", "--json");
    assert.equal(mended.code, 0, mended.stderr);
    assert.equal(JSON.parse(mended.stdout).length, 1, "the session is there again");
    const aside = contents(home.data);
    assert(Object.keys(aside).some((file) => /damaged/.test(file)), "the damaged one is kept");
    assert.equal((await home.ralph("doctor", "store")).code, 0);
  });
}

interface Finding {
  id: string;
  level: string;
  found?: string;
  remedy: readonly { text: string; command?: string }[];
}

function paste(command: string): void {
  const { success, stderr } = new Deno.Command("sh", { args: ["-ec", command] }).outputSync();
  assert(success, `${command}: ${new TextDecoder().decode(stderr)}`);
}

function isSound(path: string): boolean {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true });
    return database.prepare("PRAGMA integrity_check").get()?.integrity_check === "ok";
  } catch {
    return false;
  } finally {
    database?.close();
  }
}

Deno.test("whatever bytes of the database are wrong, commands answer or refuse it, and none writes into damage", async () => {
  await using home = await makeHome({ anyForm: true });
  record(home);
  const sound = Deno.readFileSync(home.database);
  const pages = sound.length / 4096;
  // All of a header or of a cell's start is met in one page or another.
  const spots = Array.from(
    { length: pages },
    (_, page) =>
      [3, 17, 40, 101, 130, 900, 2_500, 3_700, 3_900, 4_000, 4_060, 4_090].map((at) =>
        page * 4096 + (at + 7 * page) % 4096
      ),
  ).flat();
  const codes = new Set<number>();
  for (const [i, at] of spots.entries()) {
    const bytes = sound.slice();
    bytes[at] ^= i % 2 ? 0xff : 0x10;
    Deno.writeFileSync(home.database, bytes);
    const damaged = !isSound(home.database);
    for (
      const args of [["status", "--json"], ["history", "one"], ["report", "one"], [
        "clean",
        "--yes",
      ]]
    ) {
      const what = `byte ${at}, ${args.join(" ")}`;
      const { code, stderr } = await home.ralph(...args);
      codes.add(code);
      assert(code === 0 || code === 4 || code === 7, `${what}: exit ${code}: ${stderr}`);
      if (code !== 7 && !damaged) continue;
      assert.deepEqual(Deno.readFileSync(home.database).toHex(), bytes.toHex(), what);
    }
  }
  assert(codes.has(0) && codes.has(7), [...codes].join());
});

Deno.test("values that this ralph does not know are shown as they are", async () => {
  await using home = await makeHome({ anyForm: true });
  record(home);
  const database = new DatabaseSync(home.database);
  database.exec(`
    PRAGMA ignore_check_constraints = ON;
    UPDATE sessions SET status = 'paused_by_moon', reason = 'eclipse', earlier = '{half',
      started_at = 'yesterday', ended_at = 'noon';
    UPDATE iterations SET outcome = 'levitated', stories_passed = 'all of them', ended_at = 'later'`);
  database.close();
  for (const args of [["status"], ["status", "one"], ["history", "one"], ["tasks"]]) {
    const { code, stdout, stderr } = await home.ralph(...args);
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    assert.match(stdout, /paused_by_moon/, args.join(" "));
  }
  assert.match((await home.ralph("history", "one")).stdout, /levitated/);
  assert.match((await home.ralph("show", "one")).stdout, /^\? levitated/);
  const report = Deno.readTextFileSync((await home.ralph("report", "one")).stdout.trim());
  assert.match(report, /\? levitated/);
  assert.match(report, /paused_by_moon/);
  const { stdout } = await home.ralph("status", "one", "--json");
  const { status, reason, earlier } = JSON.parse(stdout);
  assert.deepEqual([status, reason, earlier], ["paused_by_moon", "eclipse", "{half"]);
  const [session] = JSON.parse((await home.ralph("history", "one", "--json")).stdout);
  assert.deepEqual(session.iterations[0].storiesPassed, ["all of them"]);
  // Nobody knows that it is done, and nothing is written beside what a newer ralph may have meant.
  assert.equal((await home.ralph("wait", "one")).code, 1);
  assert.equal((await home.ralph("run", "one", "--foreground")).code, 7);
  assert.equal((await home.ralph("clean", "--yes")).code, 0);
  assert.equal((await home.ralph("run", "one", "--foreground")).code, 0);
});

Deno.test("a newer ralph's database is refused untouched by every command", async () => {
  await using home = await makeHome();
  record(home);
  const database = new DatabaseSync(home.database);
  database.exec("INSERT INTO migrations VALUES (99, 'later', '2027-01-01T00:00:00.000Z')");
  database.close();
  const before = contents(home.data);
  const others = [["stop"], ["checkpoint"], ["wait"], ["logs"], ["resume", "--interrupted"]];
  for (const args of [...READING, ...WRITING, ...others]) {
    const { code, stderr } = await home.ralph(...args);
    assert.equal(code, 7, `${args.join(" ")}: ${stderr}`);
    assert.match(stderr, /written by a newer ralph \(schema 99/, args.join(" "));
  }
  assert.equal((await home.ralph("doctor", "store")).code, 1);
  assert.deepEqual(contents(home.data), before);
});
