/**
 * Whether what was done is on the task's branch, and what ralph does by itself so that it is: it moves
 * the branch forward, and commits what a claim that holds has left.
 */
import type { Committed } from "../../host/git/deliver.ts";
import type { GitSetup } from "../../host/git/git_setup.ts";
import type { RepositoryState } from "../../host/git/repository.ts";
import type { TreeState } from "../../host/git/tree_state.ts";
import type { Whereabouts } from "../../host/git/whereabouts.ts";
import type { Note } from "../../store/model.ts";
import type { Story } from "../../task/prd.ts";
import { plain } from "../../terminal/plain.ts";
import { type Ownership, ownershipAfter, personsChanged, withoutMade } from "./ownership.ts";
import { fateWords } from "../../verify/persons_files.ts";
import { setupChanges } from "../../verify/setup_changes.ts";
import {
  gitTroubles,
  listed,
  NO_ANSWER,
  NOT_COMMITTED,
  strayLinkWords,
  uncommitted,
} from "../../verify/undelivered.ts";

/** What git can be asked and told for it. Nothing of it throws, but when it is stopped. */
export interface DeliveryGit {
  /** The repository's own settings and hooks; undefined where they cannot be read. */
  setup(root: string): GitSetup | undefined;
  /** Undefined when git does not answer. */
  state(root: string): Promise<{ state: RepositoryState; lockLeft: boolean } | undefined>;
  /**
   * Why the branch cannot be moved forward to what is checked out; undefined when it was. It takes none of
   * what was there at the start.
   */
  bring(
    root: string,
    to: { branch: string; start: TreeState | undefined },
  ): Promise<string | undefined>;
  /** Folders that are in commits since then, and whose files are not; undefined when git cannot say. */
  strayLinks(
    root: string,
    trees: { start: TreeState; now: TreeState },
  ): Promise<readonly string[] | undefined>;
  /** Where that is which stood in these files; undefined when git cannot say. */
  whereabouts(
    root: string,
    sought: { files: readonly string[]; before: TreeState; after: TreeState },
  ): Promise<ReadonlyMap<string, Whereabouts> | undefined>;
  commit(
    root: string,
    order: { files: readonly string[]; message: string },
  ): Promise<Committed>;
  /** The message of the commit that is checked out; undefined when git cannot say. */
  lastMessage(root: string): Promise<string | undefined>;
}

type Told = Pick<Note, "text" | "kind">;

/** In words, each without a full stop. */
export interface Delivered {
  /** What keeps the work from the task's branch. */
  troubles: readonly string[];
  /** What is in no commit. */
  left: readonly Told[];
  /** Why work is in no commit that only a person can make; undefined when there is none. */
  mixed: string | undefined;
  /** What ralph did for it since the last look. */
  done: readonly string[];
}

export interface Delivery {
  /** Looks, and moves the task's branch forward where that changes no file. */
  look(tree: TreeState | undefined): Promise<Delivered>;
  /** Whether the task's branch is checked out there: then `look` and `deliver` move none. */
  isInPlace(tree: TreeState): boolean;
  /** To be called when a turn begins: what is changed in git's settings and hooks from now on is told. */
  turnBegins(): void;
  /**
   * Remembers what a turn made: what was not committed before it is never ralph's to commit. Returns what
   * became of what a person had not committed, and of git's settings and hooks, in words.
   */
  turnEnded(trees: { before?: TreeState; after?: TreeState }): Promise<readonly Told[]>;
  /**
   * Brings the work of these stories onto the branch. `tree`: as the last turn left it, or later.
   * Returns why that cannot be.
   */
  deliver(stories: readonly Story[], tree: TreeState | undefined): Promise<Refusal | undefined>;
}

/** Why work is not on its branch, in words. */
interface Refusal {
  why: string;
  /** No turn of an agent can mend that. */
  isFinal?: boolean;
}

export interface DeliveryOptions {
  git: DeliveryGit;
  root: string;
  /** Whether a file, relative to the root, is the task's own: not committed it is told, and no work. */
  isOfTask: (file: string) => boolean;
  /** The PRD, relative to the root. */
  prd: string;
  /** The task's branch; undefined: whichever is checked out. */
  branch: string | undefined;
  /** Whether ralph commits. */
  commits: boolean;
  /** The tree as it was when the session began. */
  start: TreeState | undefined;
  /** Kept where the next worker, and the next session, find it. */
  ownership: { read(): Ownership; write(now: Ownership): Promise<void> };
}

export function createDelivery(options: DeliveryOptions): Delivery {
  const { root, isOfTask, commits, ownership } = options;
  let done: readonly string[] = [];
  /** The hook for messages refused ralph's before, which the agent was told. */
  let isMessageKnown = false;
  /** What the last turn ended on, where that is a commit of its own. */
  let turnsCommit: string | undefined;
  let setupBefore: GitSetup | undefined;
  const troublesNow = troublesOf(options, (what) => done = [...done, what]);

  return {
    async look(tree) {
      const troubles = await troublesNow(tree);
      const now = ownership.read();
      const looked = {
        troubles,
        left: tree ? leftIn(tree, options, now) : [],
        mixed: commits ? mixedIn(tree, now, isOfTask) : undefined,
        done,
      };
      done = [];
      return looked;
    },

    isInPlace: ({ branch }) => options.branch === undefined || branch === options.branch,

    turnBegins: () => void (setupBefore = options.git.setup(root)),

    async turnEnded({ before, after }) {
      const ofSetup = setupChanges(setupBefore, options.git.setup(root));
      setupBefore = undefined;
      turnsCommit = before && before.head !== after?.head ? after?.head : undefined;
      if (!before || !after) return ofSetup;
      const now = ownership.read();
      const fates = await fatesOf(options, now, { before, after });
      const away = [...fates].filter(([file, { commit }]) => !commit && !after.changed.has(file));
      const names = away.map(([file]) => file);
      await ownership.write(ownershipAfter(now, { before, after }, names));
      return [...ofSetup, ...fateWords(fates, root)];
    },

    async deliver(stories, tree) {
      const troubles = await troublesNow(tree);
      if (troubles.length > 0) return { why: troubles.join("; ") };
      if (!tree) return { why: NO_ANSWER };
      const { made } = ownership.read();
      const own = [...tree.changed].filter(([file]) => Object.hasOwn(made, file));
      const unfinished = unfinishedWords(own);
      if (unfinished !== undefined) return { why: unfinished };
      const files = own.map(([file]) => file);
      if (files.length === 0) isMessageKnown = false;
      if (!commits || files.length === 0) return undefined;
      const message = messageOf(stories);
      const isTurns = turnsCommit !== undefined && tree.head === turnsCommit;
      const committed = await commitOf(options, { files, message, isTurns });
      if ("why" in committed) {
        const refusal = refusalOf(committed, { files, message, isMessageKnown });
        isMessageKnown ||= committed.ofMessage ?? false;
        return refusal;
      }
      isMessageKnown = false;
      await ownership.write(withoutMade(ownership.read(), files));
      if ("unchanged" in committed) return undefined;
      const name = committed.commit.slice(0, 12);
      done = [...done, `what was left was committed by ralph, as ${name}: ${listed(files)}`];
      return undefined;
    },
  };
}

/** Of submodules whose files are not committed in them; undefined when there is none. */
function unfinishedWords(
  own: readonly [file: string, { submodule?: { dirty: boolean } }][],
): string | undefined {
  const unfinished = own.filter(([, { submodule }]) => submodule?.dirty);
  if (unfinished.length === 0) return undefined;
  const which = listed(unfinished.map(([file]) => file));
  return `there are changes that are not committed in the submodule ${which}`;
}

/**
 * Where the hook for messages refuses ralph's, that of the turn's own commit may do (`isTurns`: it has one):
 * what is left then is mostly the tick in the PRD.
 */
async function commitOf(
  { git, root }: DeliveryOptions,
  { isTurns, ...order }: { files: readonly string[]; message: string; isTurns: boolean },
): Promise<Committed> {
  const committed = await git.commit(root, order);
  if (!("why" in committed && committed.ofMessage && isTurns)) return committed;
  const message = await git.lastMessage(root);
  if (message === undefined) return committed;
  const again = await git.commit(root, { ...order, message });
  return "why" in again && again.unmendable === undefined ? committed : again;
}

function refusalOf(
  { why, unmendable, ofMessage }: Extract<Committed, { why: string }>,
  { files, message, isMessageKnown }: {
    files: readonly string[];
    message: string;
    isMessageKnown: boolean;
  },
): Refusal {
  const words = `${listed(files)} cannot be committed: ${why}`;
  if (unmendable !== undefined) return { why: `${words}; ${unmendable}`, isFinal: true };
  if (!ofMessage) return { why: words };
  const asked = `\`${plain(message.split("\n")[0], 120)}\``;
  return {
    why:
      `${words}; the hook commit-msg refuses the message ${asked}, with which ralph commits what ` +
      "is left: commit all of it yourself, with a message that the hook accepts, in place of that one",
    isFinal: isMessageKnown,
  };
}

/** Looks at what is in the way, and moves the branch forward. `did` gets what was done. */
function troublesOf(
  { git, root, branch, start }: DeliveryOptions,
  did: (what: string) => void,
): (tree: TreeState | undefined) => Promise<readonly string[]> {
  /** A commit that was looked at for links, and has none. */
  let linkless = start?.head;

  async function troublesNow(tree: TreeState | undefined): Promise<readonly string[]> {
    const troubles = await troublesOfState();
    const links = tree ? await linksIn(tree) : [];
    return [...troubles, ...links.map((folder) => strayLinkWords(folder, root))];
  }

  async function linksIn(tree: TreeState): Promise<readonly string[]> {
    const isStaged = [...tree.changed.values()].some((one) => one.submodule && !one.committed);
    if (!start || tree.head === linkless && !isStaged) return [];
    const since = (head: string | undefined) =>
      git.strayLinks(root, { start: { ...start, head }, now: tree });
    // What has come since the start has come since a commit that had none of it, too.
    if ((await since(linkless))?.length === 0) {
      linkless = tree.head;
      return [];
    }
    return await since(start.head) ?? [];
  }

  async function troublesOfState(): Promise<readonly string[]> {
    const seen = await git.state(root);
    if (!seen) return [NO_ANSWER];
    const { state } = seen;
    const isElsewhere = branch !== undefined && state.branch !== branch && !state.underWay;
    const notBrought = isElsewhere ? await git.bring(root, { branch, start }) : undefined;
    const isBrought = isElsewhere && notBrought === undefined;
    if (isBrought) {
      did(
        `the branch \`${plain(branch, 80)}\` was moved forward to that by ralph, and checked out`,
      );
    }
    const facts = { ...seen, state: isBrought ? { ...state, branch } : state, branch, notBrought };
    return gitTroubles(facts, root);
  }

  return troublesNow;
}

/** What became of what a person had not committed, and a turn has changed, by file. */
async function fatesOf(
  { git, root, isOfTask }: DeliveryOptions,
  ownership: Ownership,
  { before, after }: { before: TreeState; after: TreeState },
): Promise<ReadonlyMap<string, Whereabouts>> {
  const files = personsChanged(ownership, { before, after }).filter((file) => !isOfTask(file));
  const all = files.length === 0 ? [] : await git.whereabouts(root, { files, before, after });
  // What is only changed is told at the end.
  return new Map(
    [...all ?? []].filter(([file, { stash, commit }]) =>
      !after.changed.has(file) || stash || commit
    ),
  );
}

/** What the session before has made and left is to be told too. */
function leftIn(
  tree: TreeState,
  { start, prd }: Pick<DeliveryOptions, "start" | "prd">,
  { made }: Ownership,
): readonly Told[] {
  const theirs = [...start?.changed ?? []].filter(([file]) => !Object.hasOwn(made, file));
  const { files, submodules } = uncommitted(tree, {
    start: start && { ...start, changed: new Map(theirs) },
  });
  const kind = files.includes(prd) ? "prd_not_committed" : undefined;
  return [
    ...files.length > 0 ? [{ kind, text: NOT_COMMITTED + listed(files) } as const] : [],
    ...submodules.map((text) => ({ text })),
  ];
}

function mixedIn(
  tree: TreeState | undefined,
  { mixed }: Ownership,
  isOfTask: (file: string) => boolean,
): string | undefined {
  const files = mixed.filter((file) => tree?.changed.has(file) && !isOfTask(file));
  if (files.length === 0) return undefined;
  return `${listed(files)}: it had changes of yours that were not committed, and a turn has ` +
    "changed it, so that ralph commits nothing of it; commit what is right";
}

/** As the prompt asks the agent for it. */
function messageOf(stories: readonly Story[]): string {
  return stories.map(({ id, title }) =>
    title === "" ? `feat: ${plain(id, 80)}` : `feat: ${plain(id, 80)} - ${plain(title, 200)}`
  ).join("\n\n");
}

/** For the record: what was done, what is in the way, what is left. */
export function deliveredNotes(
  { done, troubles, left }: Pick<Delivered, "done" | "troubles" | "left">,
): readonly Note[] {
  const told: readonly Told[] = [...[...done, ...troubles].map((text) => ({ text })), ...left];
  return told.map((one) => ({ about: "git", ...one }));
}

/** For the next prompt; undefined when there is nothing to say. */
export function deliveredWords(
  { troubles, left }: Pick<Delivered, "troubles" | "left">,
): string | undefined {
  const lines = [
    ...troubles.length > 0
      ? [`Mend the state of git first, or the work does not count: ${troubles.join("; ")}.`]
      : [],
    ...left.length > 0
      ? [`In the work tree of git: ${left.map(({ text }) => text).join("; ")}.`]
      : [],
  ];
  return lines.join("\n\n") || undefined;
}
