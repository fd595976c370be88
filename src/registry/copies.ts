/** The copies of the database that ralph made beside it, and how one of them takes its place. */
import { lstatSync, readdirSync, statSync } from "node:fs";
import * as path from "node:path";
import type { Hint } from "../error.ts";
import { shellWord } from "../terminal/shell_word.ts";

/** `sessions.db.daily`, `sessions.db.before-2`, `sessions.db.before-takeover`. */
const COPY = /^\.(daily|before-\w+)$/;

/** How to put a database aside that cannot be read, and what takes its place: the newest copy. */
export function mendingHints(database: string): readonly [Hint, ...Hint[]] {
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
      : { text: "there is no copy of it; put it aside and begin anew", command: putAside },
  ];
}

function newestCopy(database: string): { file: string; madeAt: string } | undefined {
  const folder = path.dirname(database);
  const name = path.basename(database);
  const copies = namesIn(folder)
    .filter((one) => one.startsWith(name) && COPY.test(one.slice(name.length)))
    .map((one) => path.join(folder, one))
    .flatMap((file) => {
      const facts = statSync(file, { throwIfNoEntry: false });
      return facts ? [{ file, modified: facts.mtime }] : [];
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
