/**
 * What a session works through: the stories of a PRD, or a prompt without stories, which is then one
 * story that passes when the agent promises so.
 */
import * as path from "node:path";
import { RalphError } from "../../error.ts";
import { StoreError } from "../../store/database.ts";
import type { PrdEdit } from "../../store/model.ts";
import type { Agenda } from "../../task/agenda.ts";
import {
  openStories,
  type OpenStory,
  type PrdDocument,
  remarksOf,
  type Story,
} from "../../task/prd.ts";
import type { Task } from "../../task/task_files.ts";
import type { Companions } from "../../verify/prd/companions.ts";
import { folderId, type PrdFiles } from "../../verify/prd/prd_files.ts";
import {
  type GoodPrd,
  goodPrd,
  type PrdCopy,
  putBoxes,
  readGoodPrd,
  reconcilePrd,
  takeBackClaims,
  watchPrd,
} from "../../verify/prd/prd_keeper.ts";
import { plain } from "../../terminal/plain.ts";
import { agentTools } from "./agent_tools.ts";
import { promisesCompletion } from "./final_text.ts";
import type { TurnReport } from "../turn/turn_end.ts";

export interface Reconciled {
  stories: readonly Story[];
  words?: string;
  key?: string;
}

export interface Backlog {
  /** What a person changed since is in it. Throws `RalphError` when the PRD cannot be read. */
  read(): Agenda;
  /** As it was when the turn began that broke off with an earlier worker. */
  recall(): Agenda;
  /** Looks during a turn, so that a person's changes are told from the agent's. Never throws. */
  look(): void;
  /**
   * Looks at what the turn left, and puts right what the agent must not change. `words` says what
   * was put right, `undefined` when nothing was; `key` is equal when the agent makes the same change
   * again. Throws `RalphError` as `reconcilePrd` does, and `StoreError` while the disk is full: the
   * only good copy is in this process's hands then.
   */
  reconcile(
    turn: Pick<TurnReport, "end" | "toolRuns">,
    options: {
      sessionId: number;
      iteration: number;
      now: number;
      /** A person's edits in that turn. */
      edits?: readonly PrdEdit[];
    },
  ): Reconciled;
  /** Throws as `reconcile` does. */
  takeBack(storyIds: readonly string[]): void;
}

/**
 * The work of a task with a PRD. `interrupted` is the last good copy of a turn that broke off with
 * its worker; each new one is handed to `keep`.
 */
export function prdBacklog(
  { files, task, prdPath, aside, companions, keep, keptAs, interrupted }: {
    files: PrdFiles;
    task: Task;
    prdPath: string;
    /** The folder for what is put aside. */
    aside: string;
    companions: Companions;
    keep: (good: PrdCopy) => void;
    /** Path of what is kept, for a person; undefined when nothing is. */
    keptAs?: string;
    interrupted?: PrdCopy;
  },
): Backlog {
  let good = interrupted && goodPrd(interrupted);
  /** Each story as it was when it was last open: what a claim that does not hold goes back to. */
  const before = new Map<string, OpenStory>();
  const remember = (prd: PrdDocument) => {
    for (const [id, open] of openStories(prd)) before.set(id, open);
  };
  if (good) remember(good.prd);
  let rootId: string | undefined;
  const watch = watchPrd(files, prdPath);
  return {
    read() {
      watch.begin();
      try {
        good = whileThereIsRoom(() => putBoxes(files, readGoodPrd(files, prdPath, good)));
      } catch (error) {
        if (!good || !keptAs || !(error instanceof RalphError)) throw error;
        const words = `${error.message}; its last copy is ${plain(keptAs)}`;
        throw new RalphError(error.kind, words, error.hints, { cause: error });
      }
      remember(good.prd);
      rootId = folderId(files, task.projectRoot);
      keep(good);
      companions.keep();
      return agendaOf(good);
    },
    recall() {
      good ??= readGoodPrd(files, prdPath);
      return agendaOf(good);
    },
    look: watch.look,
    reconcile({ toolRuns }, { sessionId, iteration, now, edits }) {
      const { words, key, ...reconciled } = whileThereIsRoom(() =>
        reconcilePrd(good ?? readGoodPrd(files, prdPath), {
          files,
          projectRoot: task.projectRoot,
          rootId,
          tools: agentTools(toolRuns, {
            isOther: (named) => isOtherFile(files, { prdPath, root: task.projectRoot, named }),
            now,
          }),
          ...{ sightings: watch.sightings(), edits, aside },
          sessionId,
          iteration,
        })
      );
      good = reconciled.good;
      remember(reconciled.before);
      watch.begin();
      const clauses = [words, ...whileThereIsRoom(companions.putBack)].filter(Boolean);
      return { stories: agendaOf(good).stories, words: clauses.join("; ") || undefined, key };
    },
    takeBack: (storyIds) =>
      whileThereIsRoom(() => takeBackClaims(files, prdPath, { storyIds, known: good, before })),
  };
}

/** Whether a path that a tool named leads elsewhere than to the PRD, by whatever link. */
function isOtherFile(
  { lstatSync }: Pick<PrdFiles, "lstatSync">,
  { prdPath, root, named }: { prdPath: string; root: string; named: string },
): boolean {
  if (path.basename(named) === path.basename(prdPath)) return false;
  try {
    const [other, prd] = [path.resolve(root, named), prdPath].map((one) => lstatSync(one));
    return !other.isSymlink && !(other.dev === prd.dev && other.ino === prd.ino);
  } catch {
    return true; // what is not there is no link to it
  }
}

/** The work of a task that has only a prompt. `promised`: the agent said before that it is done. */
export function promptBacklog(
  { task, promised, companions }: { task: Task; promised: boolean; companions: Companions },
): Backlog {
  let passes = promised;
  const agenda = () => agendaOfPrompt(task, passes);
  return {
    read() {
      companions.keep();
      return agenda();
    },
    recall: agenda,
    look() {},
    reconcile({ end }) {
      passes ||= end.kind === "finished" && promisesCompletion(end.text);
      const words = whileThereIsRoom(companions.putBack).join("; ") || undefined;
      return { stories: agenda().stories, words };
    },
    takeBack: () => passes = false,
  };
}

/** What there is to do, where nothing is to be kept. Throws `RalphError` as `Backlog.read` does. */
export function readAgenda(
  files: PrdFiles,
  { task, promised }: { task: Task; promised: boolean },
): Agenda {
  return task.prdPath ? agendaOf(readGoodPrd(files, task.prdPath)) : agendaOfPrompt(task, promised);
}

function agendaOf({ prd }: GoodPrd): Agenda {
  const { stories, verify = [], format, leftOut, about, offers } = prd;
  return { stories, gates: verify, format, leftOut, about, offers, remarks: remarksOf(prd) };
}

function agendaOfPrompt({ name }: Task, passes: boolean): Agenda {
  const story: Story = {
    id: name,
    title: "",
    description: "",
    criteria: [],
    priority: Infinity,
    passes,
    notes: "",
    dependsOn: [],
    line: 1,
  };
  return { stories: [story], gates: [] };
}

/** A full disk is trouble that may pass; what the file system refuses otherwise is not. */
function whileThereIsRoom<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof RalphError) || !isFull(error.cause)) throw error;
    const hint = { text: "see how much room there is", command: "df -h" };
    throw new StoreError(error.message, { passing: true, hints: [hint], cause: error });
  }
}

/** errno(3): the disk, or the user's share of it. */
const isFull = (cause: unknown) =>
  cause instanceof Error && "code" in cause && ["ENOSPC", "EDQUOT"].includes(String(cause.code));
