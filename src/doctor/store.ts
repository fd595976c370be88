/** Checks of what ralph has stored. */
import { RalphError } from "../error.ts";
import { plural } from "../terminal/format.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { type Check, fail, ok, skip, type Verdict, warn } from "./check.ts";
import { folderFault } from "./folders.ts";
import type { Probes, StoreFacts } from "./probes.ts";

/** Older ones can lose data when a log is reset while others read (sqlite.org, 3.53.0 and 3.51.3). */
const SQLITE_SOUND = [3, 51, 3];

const OLDER_SCHEMA = "not known before the next ralph run";

/** Where there is no database yet; `places`: where its folders would be made, and cannot be. */
function unmade(
  [first]: Awaited<ReturnType<Probes["store"]["unwritable"]>>,
  { user }: Probes["names"],
): Verdict {
  if (first === undefined) return ok("not made yet; it can be");
  const place = shellWord(first.path);
  return fail(
    `ralph's folders cannot be made: you may not write to ${plain(first.path, 200)}`,
    "no session starts: nothing can be recorded",
    {
      text: "see whose it is, and whether the file system can be written",
      command: `ls -ld ${place}; findmnt -T ${place}`,
    },
    {
      text: "or, for this shell and in your profile, have them in a folder that you may write to",
      command: `export RALPH_STATE=/var/tmp/${shellWord(user)}-ralph`,
    },
  );
}

export const storeChecks: readonly Check[] = [
  {
    id: "store.folders",
    group: "Store",
    title: "folders are private",
    run({ names, mode }) {
      const facts = (folders: readonly string[]) =>
        folders.flatMap((path) => {
          const found = mode(path);
          return found ? [{ path, ...found }] : [];
        });
      const fault = folderFault(facts(names.ownFolders), names);
      if (fault) return fail(plain(fault.found, 400), "no run begins", fault.fix);
      const found = facts([names.dataFolder, names.stateFolder]);
      const open = found.filter(({ mode }) => (mode & 0o077) !== 0);
      if (open.length > 0) {
        const places = open.map(({ path }) => shellWord(path)).join(" ");
        return warn(`other users may read ${places}`, "prompts and answers are in there", {
          text: "make them private",
          command: `chmod 700 ${places}`,
        });
      }
      return ok(found.length > 0 ? names.dataFolder : "not made yet");
    },
  },
  {
    id: "store.place",
    group: "Store",
    title: "on a local disk",
    async run({ names, exists, fileSystemType, isNetworkFileSystem }) {
      const folder = exists(names.dataFolder) ? names.dataFolder : names.home;
      const type = await fileSystemType(folder);
      if (type === undefined) return skip("this system does not say");
      if (!isNetworkFileSystem(type)) return ok(type);
      return warn(
        `${folder} is on ${plain(type, 40)}`,
        "locks and SQLite's log cannot be relied on there",
        {
          text: "for this shell, and in your profile: a folder on a local disk",
          command: `export XDG_DATA_HOME=/var/tmp/${shellWord(names.user)}-data`,
        },
      );
    },
  },
  {
    id: "store.database",
    group: "Store",
    title: "database opens",
    needs: ["store.folders"],
    run({ store, names }) {
      const facts = store.read();
      if (facts === undefined) return ok("not made yet");
      if (!(facts instanceof RalphError)) return ok(names.database);
      return refusal({ names }, facts, "no command can tell what ran");
    },
  },
  {
    id: "store.writable",
    group: "Store",
    title: "can be written",
    needs: ["store.database"],
    async run(probes) {
      const facts = read(probes);
      if (!facts) return unmade(await probes.store.unwritable(), probes.names);
      if (!facts.notWritable) return ok(probes.names.database);
      return refusal(probes, facts.notWritable, "nothing can be recorded");
    },
  },
  {
    id: "store.schema",
    group: "Store",
    title: "schema",
    needs: ["store.database"],
    run(probes) {
      const facts = read(probes);
      if (!facts) return skip("there is no database yet");
      const { found, newest } = facts.schema;
      return ok(
        found === newest ? String(found) : `${found}; the next ralph run makes it ${newest}`,
      );
    },
  },
  {
    id: "store.sound",
    group: "Store",
    title: "database is sound",
    needs: ["store.database"],
    run(probes) {
      const facts = read(probes);
      if (!facts) return skip("there is no database yet");
      if (!facts.checked) return skip("too large for a quick check; --deep checks it");
      if (facts.damage.length === 0) return ok("integrity_check and foreign keys");
      return fail(plain(facts.damage[0], 200), "what it says may be wrong", ...facts.fixes);
    },
  },
  {
    id: "store.sqlite",
    group: "Store",
    title: "SQLite",
    run({ store }) {
      const version = store.sqliteVersion();
      if (!isOlder(version.split(".").map(Number), SQLITE_SOUND)) return ok(version);
      return warn(
        version,
        `before ${SQLITE_SOUND.join(".")} a rare fault of its log could damage a database`,
        { text: "a newer ralph brings a newer SQLite along" },
      );
    },
  },
  {
    id: "store.workers",
    group: "Store",
    title: "running sessions",
    needs: ["store.database"],
    run(probes) {
      const facts = read(probes);
      if (!facts) return skip("there is no database yet");
      if (!facts.sessions) return skip(OLDER_SCHEMA);
      const { dead, running } = facts.sessions;
      if (dead.length === 0) return ok(`${running}, each with its worker`);
      return warn(
        `the worker of \`${plain(dead[0].taskName, 60)}\` is gone` +
          (dead.length > 1 ? `, and ${dead.length - 1} more` : ""),
        "its session goes on with the next run",
        ...dead.slice(0, 5).map(({ taskDir }) => ({
          text: "go on with it",
          command: `${probes.names.ralph} run ${shellWord(taskDir)}`,
        })),
      );
    },
  },
  {
    id: "store.signals",
    group: "Store",
    title: "no signals left over",
    needs: ["store.database"],
    run(probes) {
      const facts = read(probes);
      if (!facts) return ok("none");
      if (!facts.sessions) return skip(OLDER_SCHEMA);
      const left = facts.sessions.leftSignals;
      if (left.length === 0) return ok("none");
      return warn(
        `${plural(left.length, "signal file")} for no worker`,
        "they mean nothing any more",
        {
          text: "remove them",
          command: `rm ${left.slice(0, 20).map(shellWord).join(" ")}`,
        },
      );
    },
  },
];

function read({ store }: Probes): StoreFacts | undefined {
  const facts = store.read();
  return facts instanceof RalphError ? undefined : facts;
}

function refusal(
  { names }: Pick<Probes, "names">,
  { message, hints }: RalphError,
  because: string,
): Verdict {
  const [first = { text: "see what a command says", command: `${names.ralph} status` }, ...more] =
    hints;
  return fail(plain(message, 400), because, first, ...more);
}

function isOlder(version: readonly number[], than: readonly number[]): boolean {
  const at = than.findIndex((part, i) => (version[i] ?? 0) !== part);
  return at >= 0 && (version[at] ?? 0) < than[at];
}
