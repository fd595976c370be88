/** The copies of the database that ralph made beside it, and how one of them takes its place. */
import { lstatSync, readdirSync } from "node:fs";
import * as path from "node:path";
import type { Hint } from "../error.ts";
import { shellWord } from "../terminal/shell_word.ts";

/** `sessions.db.daily`, `sessions.db.before-2`, `sessions.db.before-takeover`. */
const COPY = /^\.(daily|before-\w+)$/;

/** How to put a database aside that cannot be read, and what takes its place: the newest copy. */
export function fixHints(database: string): readonly [Hint, ...Hint[]] {
  const copy = newestCopy(database);
  const aside = asideName(database);
  const files = ["", "-wal", "-shm"].map((end) => database + end).filter((file) => isThere(file));
  const putAside = `mkdir ${shellWord(aside)} && mv ${[...files, aside].map(shellWord).join(" ")}`;
  return [
    copy
      ? {
        text: `put it aside and go on with the copy of ${copy.madeAt}`,
        command: `${putAside} && cp -p ${shellWord(copy.file)} ${shellWord(database)}`,
      }
      : { text: "there is no copy of it; put it aside and start an empty one", command: putAside },
  ];
}

/** What the names of the files go on with that begin as the database's does, and are beside it. */
export function endsBeside(database: string): readonly string[] {
  const name = path.basename(database);
  return namesIn(path.dirname(database))
    .filter((one) => one.startsWith(name))
    .map((one) => one.slice(name.length));
}

function newestCopy(database: string): { file: string; madeAt: string } | undefined {
  const copies = endsBeside(database)
    .filter((end) => COPY.test(end))
    .flatMap((end) => {
      const file = database + end;
      const facts = lstatSync(file, { throwIfNoEntry: false });
      return facts?.isFile() ? [{ file, modified: facts.mtime }] : [];
    })
    .sort((a, b) => b.modified.getTime() - a.modified.getTime());
  return copies[0] && { file: copies[0].file, madeAt: copies[0].modified.toISOString() };
}

/** A folder that is not there yet: what was put aside before stays. */
function asideName(database: string): string {
  for (let n = 1;; n++) {
    const name = `${database}.damaged${n > 1 ? `-${n}` : ""}`;
    if (!isThere(name)) return name;
  }
}

/** A link counts wherever it leads. */
function isThere(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false }) !== undefined;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
