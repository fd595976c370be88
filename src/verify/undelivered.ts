/** What keeps work from the task's branch, and what is in no commit: in words. Pure. */
import type { RepositoryState } from "../host/git/repository.ts";
import type { TreeState } from "../host/git/tree_state.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";

/** What is not known is not delivered. It is told where git prints nothing, and where it finds nothing. */
export const NO_ANSWER = "git does not answer, or its repository is gone or damaged";

export const NOT_COMMITTED = "not committed: ";

const LISTED_MAX = 10;
const SHOWN_MAX = 80;

interface GitFacts {
  state: RepositoryState;
  /** The index's lock is an old one that no process has. */
  lockLeft: boolean;
  /** The branch that work is for; undefined: whichever is checked out. */
  branch?: string;
  /** Why that cannot be moved forward to what is checked out, in words. */
  notBrought?: string;
}

/** Each completes a sentence; none when nothing is in the way. `root` is for commands. */
export function gitTroubles(
  { state, lockLeft, branch, notBrought }: GitFacts,
  root: string,
): readonly string[] {
  const inRoot = (rest: string) => `\`git -C ${shellWord(root)} ${rest}\``;
  const { underWay, indexLock } = state;
  const here = state.branch === undefined
    ? "no branch is checked out (HEAD is detached)"
    : `${named(state.branch)} is checked out`;
  const wrongPlace = underWay === undefined && branch !== undefined && state.branch !== branch
    ? [`${here} in place of ${named(branch)}${notBrought ? `, and ${notBrought}` : ""}`]
    : [];
  return [
    ...underWay
      ? [
        `a ${underWay.what} is under way, and nothing is on a branch until it is ended, or given ` +
        `up with ${inRoot(underWay.abort)}`,
      ]
      : [],
    ...wrongPlace,
    ...indexLock !== undefined && lockLeft
      ? [
        "git's index has been locked for more than a minute by no process that is there: " +
        `\`rm ${shellWord(indexLock)}\``,
      ]
      : [],
  ];
}

/** Of a folder that is recorded as another repository's commit; it completes a sentence. */
export function strayLinkWords(folder: string, root: string): string {
  const git = `git -C ${shellWord(root)}`;
  const inner = shellWord(folder);
  const mend = `${git} rm -qf --cached ${inner} && rm -rf ${shellWord(`${root}/${folder}/.git`)} ` +
    `&& ${git} add ${inner}`;
  return `\`${
    plain(folder, SHOWN_MAX)
  }\` is a git repository of its own, of which only the id of a ` +
    "commit is in this one, and no `.gitmodules` names it: whoever clones this gets an empty " +
    `folder; take its files in with \`${mend}\`, or make a submodule of it`;
}

/** What is in no commit and was not so when the session began, in words. */
export function uncommitted(
  tree: TreeState,
  { start }: { start: TreeState | undefined },
): { files: readonly string[]; submodules: readonly string[] } {
  const files: string[] = [];
  const submodules: string[] = [];
  for (const [file, entry] of tree.changed) {
    if (start?.changed.get(file)?.now === entry.now) continue;
    const { submodule } = entry;
    if (!submodule) files.push(file);
    else if (submodule.moved || submodule.dirty) {
      submodules.push(submoduleWords(file, submodule));
    }
  }
  const before = new Set(start?.repositories);
  for (const folder of tree.repositories ?? []) {
    if (before.has(folder)) continue;
    submodules.push(
      `\`${
        plain(folder, SHOWN_MAX)
      }\` is a git repository of its own, so nothing in it is committed here`,
    );
  }
  return { files, submodules };
}

function submoduleWords(
  file: string,
  { moved, dirty }: { moved: boolean; dirty: boolean },
): string {
  const what = [
    ...dirty ? ["has changes that are not committed in it"] : [],
    ...moved ? ["is at a commit that is not committed here"] : [],
  ];
  return `the submodule \`${plain(file, SHOWN_MAX)}\` ${what.join(", and ")}`;
}

/** Some of them by name; empty for none. */
export function listed(files: readonly string[]): string {
  const names = files.slice(0, LISTED_MAX).map((file) => `\`${plain(file, SHOWN_MAX)}\``);
  const more = files.length - names.length;
  return names.join(", ") + (more > 0 ? `, and ${more} more` : "");
}

const named = (branch: string) => `\`${plain(branch, SHOWN_MAX)}\``;
