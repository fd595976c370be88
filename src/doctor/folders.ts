/** Whether ralph's folders are its user's alone: one judgement, for the doctor and for every run. */
import type { Hint } from "../error.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import type { Names } from "./probes.ts";

/** What is wrong with a HOME of another account: what is written there would be lost to its owner. */
export function homeFault(
  { home, foreignHome, user }: Pick<Names, "home" | "foreignHome" | "user">,
): { found: string; because: string; fixes: readonly [Hint, ...Hint[]] } | undefined {
  if (foreignHome === undefined) return undefined;
  const owner = plain(foreignHome.owner, 40);
  const { ownHome } = foreignHome;
  return {
    found: `HOME (${home}) is ${owner}'s, and you are ${plain(user, 40)}`,
    because: `what is written there would be yours, and no longer ${owner}'s`,
    fixes: [
      { text: `run it as ${owner}`, command: `su - ${shellWord(owner)}` },
      ...(ownHome === undefined
        ? []
        : [{ text: "or with your own HOME", command: `export HOME=${shellWord(ownHome)}` }]),
    ],
  };
}

interface FolderFacts {
  path: string;
  uid: number;
  gid?: number;
  /** Permission bits. */
  mode: number;
}

/**
 * What is wrong with the first of them: it is another user's, or others may write there. Undefined when
 * nothing is. Who may write there can have ralph do what they want.
 */
export function folderFault(
  folders: readonly FolderFacts[],
  { uid, home }: { uid: number; home: string },
): { found: string; fix: Hint } | undefined {
  const foreign = folders.find((folder) => folder.uid !== uid);
  if (foreign) {
    const found = `${foreign.path} belongs to user ${foreign.uid}`;
    // Elsewhere it may be where another has all of theirs, as after `sudo -E` with an XDG_DATA_HOME.
    const fix = foreign.path.startsWith(`${home}/`)
      ? { text: "make it yours", command: `sudo chown -R ${uid} ${shellWord(foreign.path)}` }
      : { text: "run it as that user", command: `su - "$(id -nu ${foreign.uid})"` };
    return { found, fix };
  }
  // A group that is the user's alone has the user's number (useradd(8), USERGROUPS_ENAB).
  const others = ({ gid }: FolderFacts) => gid === uid ? 0o002 : 0o022;
  const open = folders.filter((folder) => (folder.mode & others(folder)) !== 0)
    .map(({ path }) => path);
  if (open.length === 0) return undefined;
  return {
    found: `other users may write in ${open.map(shellWord).join(" ")}`,
    fix: { text: "keep it to yourself", command: `chmod go-w ${open.map(shellWord).join(" ")}` },
  };
}
