/**
 * What a session works through: the stories of a PRD, or a prompt without stories, which is then one
 * story that passes when the agent promises so.
 */
import { RalphError } from "../error.ts";
import { StoreError } from "../registry/database.ts";
import type { Gate } from "../task/gate.ts";
import { parsePrd, type Story } from "../task/prd.ts";
import type { Task } from "../task/find.ts";
import {
  folderId,
  type GoodPrd,
  type PrdFiles,
  readGoodPrd,
  settlePrd,
  takeBackClaims,
} from "../verify/prd_keeper.ts";
import { plain } from "../terminal/plain.ts";
import { promisesCompletion } from "./final_text.ts";
import type { TurnReport } from "./turn.ts";

/** What there is to do, as it is now. */
export interface Agenda {
  readonly stories: readonly Story[];
  /** Gates of the PRD itself: they count for every story. */
  readonly gates: readonly Gate[];
  /** How a story is claimed; undefined for a task without stories. */
  readonly format?: "json" | "markdown";
}

export interface Work {
  /** What a person changed since is in it. Throws `RalphError` when the PRD cannot be read. */
  read(): Agenda;
  /** As it was when the turn began that broke off with an earlier worker. */
  recall(): Agenda;
  /**
   * Looks at what the turn left, and puts right what the agent must not change. `words` says what
   * was put right, `undefined` when nothing was. Throws `RalphError` as `settlePrd` does, and
   * `StoreError` while the disk is full: the only good copy is in this process's hands then.
   */
  settle(
    turn: Pick<TurnReport, "end" | "toolRuns">,
    options: { sessionId: number; iteration: number; now: number },
  ): { stories: readonly Story[]; words?: string };
  /** Throws as `settle` does. */
  takeBack(storyIds: readonly string[]): void;
}

/**
 * The work of a task with a PRD. `interrupted` is the last good copy of a turn that broke off with
 * its worker; each new one is handed to `keep`.
 */
export function prdWork(
  { files, task, prdPath, keep, keptAs, interrupted }: {
    files: PrdFiles;
    task: Task;
    prdPath: string;
    keep: (good: GoodPrd) => void;
    /** Path of what is kept, for a person; undefined when nothing is. */
    keptAs?: string;
    interrupted?: GoodPrd;
  },
): Work {
  let good = interrupted;
  let rootId: string | undefined;
  const agendaOf = (good: GoodPrd): Agenda => {
    const { stories, verify = [], format } = parsePrd(good);
    return { stories, gates: verify, format };
  };
  return {
    read() {
      try {
        good = readGoodPrd(files, prdPath);
      } catch (error) {
        if (!good || !keptAs || !(error instanceof RalphError)) throw error;
        const words = `${error.message}; its last copy is ${plain(keptAs)}`;
        throw new RalphError(error.kind, words, error.hints, { cause: error });
      }
      rootId = folderId(files, task.projectRoot);
      keep(good);
      return agendaOf(good);
    },
    recall() {
      good ??= readGoodPrd(files, prdPath);
      return agendaOf(good);
    },
    settle({ toolRuns }, { sessionId, iteration, now }) {
      const settled = whileThereIsRoom(() =>
        settlePrd(good ?? readGoodPrd(files, prdPath), {
          files,
          projectRoot: task.projectRoot,
          rootId,
          toolIntervals: toolRuns?.map(({ start, end = now }) => ({ start, end })),
          sessionId,
          iteration,
        })
      );
      good = settled.good;
      return { stories: agendaOf(good).stories, words: settled.words || undefined };
    },
    takeBack: (storyIds) => whileThereIsRoom(() => takeBackClaims(files, prdPath, storyIds)),
  };
}

/** The work of a task that has only a prompt. `promised`: the agent said before that it is done. */
export function promptWork({ task, promised }: { task: Task; promised: boolean }): Work {
  let passes = promised;
  const stories = (): readonly Story[] => [{
    id: task.name,
    title: "",
    description: "",
    criteria: [],
    priority: Infinity,
    passes,
    notes: "",
    dependsOn: [],
    line: 1,
  }];
  const agenda = () => ({ stories: stories(), gates: [] });
  return {
    read: agenda,
    recall: agenda,
    settle({ end }) {
      passes ||= end.kind === "settled" && promisesCompletion(end.text);
      return { stories: stories() };
    },
    takeBack: () => passes = false,
  };
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
