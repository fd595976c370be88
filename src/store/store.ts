/**
 * The store of all sessions and their iterations. Every SQL statement on them is in this folder.
 *
 * Who may write what: a running session is written by the worker that holds its task's lock, and
 * each of its writes names the epoch in which it took the session over. A write that finds another
 * epoch changes nothing and throws `LostSession`: somebody took over, and the worker must end.
 */
import type { DatabaseSync } from "node:sqlite";
import { type CopyDatabase, keepDailyCopy } from "./backup.ts";
import { makeDurable, openDatabase, transaction } from "./database.ts";
import { requireSameFiles } from "./database_files.ts";
import { editWrites } from "./edit_writes.ts";
import { findingWrites } from "./finding_writes.ts";
import { damageOf, structuralDamageOf } from "./integrity.ts";
import { iterationWrites } from "./iteration_writes.ts";
import { type KeptHash, keptHashes } from "./kept_hashes.ts";
import { leasedWrites, type Times, type Writing } from "./leased_writes.ts";
import { limitReaders, limitWrites } from "./limit_records.ts";
import { migrate, type Migration, refuseUnusable, schemaVersion } from "./migrations.ts";
import type {
  Activity,
  AnswerRecord,
  FinalRun,
  Findings,
  Iteration,
  IterationEnd,
  Lease,
  NewIteration,
  NewQueued,
  NewReview,
  NewSession,
  NewWorktree,
  Note,
  PrdEdit,
  ProviderLimit,
  Queue,
  QueuedState,
  QueuedTask,
  Review,
  ReviewEnd,
  Session,
  SessionEnd,
  SessionStart,
  SessionUsage,
  Told,
  Word,
  WorkerSettings,
  Worktree,
} from "./model.ts";
import {
  editReaders,
  iterationReaders,
  queueReaders,
  sessionReaders,
  startReaders,
  wordReaders,
} from "./readers.ts";
import { queueWrites } from "./queue_writes.ts";
import { sessionWrites } from "./session_writes.ts";
import { startWrites } from "./start_writes.ts";
import { statements } from "./statements.ts";
import { damaged, databaseError } from "./store_error.ts";
import { reviewReaders } from "./review_readers.ts";
import { reviewWrites } from "./review_writes.ts";
import { wordWrites } from "./word_writes.ts";
import { worktreeReaders, worktreeWrites } from "./worktree_records.ts";

export { LostSession } from "./leased_writes.ts";

interface StoreOptions {
  path: string;
  migrations: readonly Migration[];
  /** Epoch milliseconds. */
  now: () => number;
  /** Milliseconds of a clock that nobody sets, for durations; default: `now`. */
  monotonic?: () => number;
  /** How long a statement waits for a program that keeps the database locked; default: 5 000. */
  timeoutMs?: number;
  /**
   * Whether a row with a value that may not be there is let be: for who only ends or removes sessions.
   * By default nothing is written beside what a newer ralph may have meant.
   */
  letsRowsBe?: boolean;
  /** How a copy is made; default: by this program itself, which must have every permission. */
  copyDatabase?: CopyDatabase;
}

/** What is read. Every method throws `StoreError` for what the database refuses. */
export interface ReadOnlyStore {
  running(): readonly Session[];
  /** Running ones first, then the latest; at most `limit` of the others. */
  sessions(options: { limit: number }): readonly Session[];
  session(id: number): Session | undefined;
  /** The latest session of a task, given the real path of its folder. */
  lastSession(taskDir: string): Session | undefined;
  /** The latest session of each task, the latest first; one task at home and in its worktree. */
  lastSessions(): readonly Session[];
  /** A task's sessions, the latest first. */
  sessionsOf(taskDir: string, options: { limit: number }): readonly Session[];
  /** The session that was written last. */
  lastActive(): Session | undefined;
  /** The session that an OpenCode session was made for, if it is one of ralph's. */
  sessionOfOpenCode(openCodeSessionId: string): Session | undefined;
  /**
   * From now on a running session is shown as one whose worker died, with this detail: for a worker
   * that is dead while nothing can be recorded.
   */
  showAsDied(sessionId: number, detail: string): void;
  iterations(sessionId: number): readonly Iteration[];
  findings(sessionId: number): Findings;
  /** The prompt of an iteration; undefined for one that got none, or by an earlier version. */
  prompt(sessionId: number, iteration: number): string | undefined;
  /** What the agent asked in an iteration, and what it was told, in order. */
  answers(sessionId: number, iteration: number): readonly AnswerRecord[];
  /** What a person said to a task, given the real path of its folder, and nobody was told yet. */
  waitingWords(taskDir: string): readonly Word[];
  /** What was told in a session, or in one of its iterations. */
  wordsTold(sessionId: number, iteration?: number): readonly Word[];
  /** A session's reviews with what they found, the oldest first. */
  reviews(sessionId: number): readonly Review[];
  /**
   * Whether the last review of a story ended with a verdict that it stands, over all sessions of a task;
   * nothing of stories that none was begun for.
   */
  lastReviews(taskDir: string): ReadonlyMap<string, boolean>;
  /** What a session has used. `complete`: something is known of all that has ended. */
  usage(sessionId: number): SessionUsage & { complete: boolean };
  /** A person's edits of the PRD in an iteration that is under way. */
  prdEdits(sessionId: number, iteration: number): readonly PrdEdit[];
  /** What a session began with; undefined for one that an earlier version started. */
  sessionStart(sessionId: number): SessionStart | undefined;
  /** When a session's worker was last there, if that is known. */
  workerSeenAt(sessionId: number): string | undefined;
  /** How long the earlier workers of a session worked, in milliseconds. */
  ranBeforeMs(sessionId: number): number;
  /** What its earlier workers were at an iteration, and its turn between them, in milliseconds. */
  iterationBeforeMs(sessionId: number, number: number): number;
  /**
   * How long all workers of a session have worked up to the last write, in milliseconds; undefined for
   * one of an earlier version.
   */
  workedMs(sessionId: number): number | undefined;
  /** The branch that a session's settings name as the one that its branch is made from. */
  baseBranch(sessionId: number): string | undefined;
  /** The worktrees that tasks have, or had, the oldest first. */
  worktrees(): readonly Worktree[];
  /** A session's limit on what it costs, in US dollars; undefined where it has none. */
  maxCostUsd(sessionId: number): number | undefined;
  /** The latest queue of each project, the latest first. */
  lastQueues(): readonly Queue[];
  /** The latest queue of a project, given the real path of its root. */
  lastQueue(projectRoot: string): Queue | undefined;
  /** Whether any provider is on record as one that has those wait that use it. */
  anyProviderLimit(): boolean;
  /** What a provider last had a session wait for, until it gave one an answer; it may be past. */
  providerLimit(provider: string): ProviderLimit | undefined;
  close(): void;
}

/**
 * What is read and written. Every method throws `StoreError` for what the database refuses, and every
 * write that takes a lease throws `LostSession` when the session is not this worker's any more.
 */
export interface Store extends ReadOnlyStore {
  /**
   * Throws `StoreError` when the database was removed or replaced since it was opened: nothing
   * that is written afterwards would be found again. Costs two calls of stat(2).
   */
  requireSame(): void;
  /** Throws `LostSession`, and as `requireSame` does. Writes nothing. */
  requireLease(lease: Lease): void;
  /** The same, and writes that the worker is there: how long it worked is known if it dies. */
  noteThere(lease: Lease): void;
  /** Copies the database beside it, once a day. Throws `StoreError` when that cannot be done. */
  keepDailyCopy(): void;

  /** Starts a session. Throws `RalphError` (`conflict`) when the task has a running one. */
  startSession(task: NewSession, worker: WorkerSettings, start: SessionStart): Lease;
  /**
   * Goes on with a session that was checkpointed or whose worker died, and where `worker` resumes it
   * with one that was stopped or has failed. Call it only while holding the task's lock. Its iterations that are still under way are left for `endIteration`. What a
   * person said before, and the one story that it is for, stay unless there is something new. Of `start` the settings and choices count, and the
   * tree only for a session of an earlier version, which has none. Throws `RalphError` (`conflict`)
   * for a session that is over.
   */
  continueSession(sessionId: number, worker: WorkerSettings, start: SessionStart): Lease;
  /** Writes what evidence is measured against from now on. */
  setStartTree(lease: Lease, tree: string): void;
  setLogPath(lease: Lease, logPath: string): void;
  /** What the session does now, for `ralph status`. */
  setActivity(lease: Lease, activity: Pick<Activity, "kind" | "text">): void;
  /** The worker's last write. */
  endSession(lease: Lease, end: SessionEnd): void;
  /**
   * Marks a running session as failed because its worker is dead. Call it only while holding the
   * task's lock: that is what proves it. `seenAt`: when it was there last, in epoch milliseconds, as far
   * as that is known beside the database; the session has ended then. Returns whether there was anything to mark.
   */
  markWorkerDied(
    session: { id: number; epoch: number },
    detail: string,
    known?: { seenAt?: number },
  ): boolean;
  /**
   * Ends one that was paused, or lost its worker, for good: nothing goes on with it. Returns whether it was
   * as it is given yet.
   */
  abandon(session: { id: number; epoch: number }, detail: string): boolean;
  /** Removes an ended session and its iterations. Returns whether it was there. */
  forget(sessionId: number): boolean;

  /** Writes down the iteration that is about to be made, before anything is done for it. */
  beginIteration(lease: Lease, iteration: NewIteration): void;
  /**
   * Binds the OpenCode session to the iteration, before it gets its prompt. `prompt`: what that will
   * be; it is written once.
   */
  setOpenCodeSession(
    lease: Lease,
    number: number,
    openCodeSessionId: string,
    written?: { prompt?: string },
  ): void;
  /** The server took the prompt. */
  setPrompted(lease: Lease, number: number): void;
  /** Writes down what an agent asked and is answered. */
  addAnswer(lease: Lease, number: number, answer: AnswerRecord): void;
  /**
   * Writes down what a person says. Returns its id. Throws `RalphError` (`conflict`) when as much waits
   * as has room in a prompt, 12,000 characters.
   */
  addWord(word: { taskDir: string; text: string; forPrompt: boolean }): number;
  /** Writes down that the words that wait are told, before they are. Each comes once. */
  takeWords(
    lease: Lease,
    to: { taskDir: string; iteration: number; how: Told["how"] },
  ): readonly Word[];
  /**
   * Writes down a person's edit of a task's PRD, before it is made, until the iteration ends that is
   * under way. Undefined, and nothing written, when none is.
   */
  addPrdEdit(
    taskDir: string,
    edit: PrdEdit,
  ): { id: number; iteration: number } | undefined;
  /** An edit that was not made after all. */
  removePrdEdit(id: number): void;
  /** Writes down a worktree that is about to be made; words that wait at home wait there then. */
  addWorktree(tree: NewWorktree): void;
  /** The commit that has what was in none at home. */
  setBrought(taskDir: string, commit: string): void;
  /** All of the worktree is there. */
  setPrepared(taskDir: string): void;
  /** Its branch was brought home. */
  setLanded(taskDir: string): void;
  setRemoved(tree: Pick<Worktree, "taskDir" | "homeDir">): void;
  /** One that could not be told waits again. */
  giveBackWord(lease: Lease, id: number): void;
  /**
   * Outcome, usage and findings of an iteration, all at once. The words that it had wait again when its
   * turn broke off.
   */
  endIteration(lease: Lease, end: IterationEnd): void;
  /** Writes down the review that is about to be asked for. Returns its id. */
  beginReview(lease: Lease, review: NewReview): number;
  /** Binds an OpenCode session to a review, before it gets its prompt. */
  setReviewSession(lease: Lease, id: number, openCodeSessionId: string): void;
  /** The server took the reviewer's prompt. */
  setReviewPrompted(lease: Lease, id: number): void;
  /** What came of a review, what it used and found, all at once. */
  endReview(lease: Lease, id: number, end: ReviewEnd): void;
  /** What was found beside that, after an iteration. */
  recordNotes(
    lease: Lease,
    found: { iteration: number; notes: readonly Note[] },
  ): void;
  /**
   * A command that was to tell of something has failed: after the session's end, too. Nothing where a
   * later worker has gone on with it.
   */
  recordHookFailure(lease: Lease, text: string): void;
  /** What the run of all gates showed at the end. */
  recordFinalRun(lease: Lease, run: FinalRun): void;

  /**
   * Writes down that a provider has this session wait, for all that use it. Where it has another running
   * one wait for longer, that stays.
   */
  limitMet(
    lease: Lease,
    limit: Pick<ProviderLimit, "until" | "said" | "firstUntil"> & { provider: string },
  ): void;
  /**
   * This session asks a provider that had sessions wait, and the others wait until `firstUntil` (epoch
   * milliseconds) for what it is told. False where another one does.
   */
  goFirst(lease: Lease, order: { provider: string; firstUntil: number }): boolean;
  /** The provider has answered the session that asked first: nobody waits any more. */
  limitOver(lease: Lease, provider: string): void;

  /**
   * Puts tasks behind those of the project's open queue, or into a new one, in place of one that has
   * ended. A task that is open there already stays as it is.
   */
  enqueue(queued: NewQueued): void;
  /** Writes down that a task is begun, before it is. False when it does not wait any more. */
  beginQueued(id: number, before: QueuedTask["before"]): boolean;
  /** Writes down which session it is. */
  bindQueued(id: number, sessionId: number): void;
  /** Ends a task of a queue. False when it is in none of these states. */
  endQueued(
    id: number,
    end: {
      from: readonly ("waiting" | "running")[];
      state: Exclude<QueuedState, "waiting" | "running">;
      why: string;
    },
  ): boolean;
  /** Ends a queue. False when something of it is open, or it has ended. */
  closeQueue(id: number): boolean;

  /**
   * What the files that the session's workers keep must hold, and those of the task with the names of
   * `outlive`; undefined when nothing was ever written down for the task.
   */
  keptHashes(lease: Lease, outlive: readonly string[]): readonly KeptHash[] | undefined;
  /** Writes down what these files must hold from now on. */
  putKeptHashes(lease: Lease, hashes: readonly KeptHash[]): void;
}

/**
 * Opens the store for reading and writing, and makes or migrates the database first. What the
 * database refuses, then and later, is thrown as `StoreError`.
 */
export function openStore(options: StoreOptions): Store {
  const { path, timeoutMs } = options;
  const times = timesOf(options);
  const database = openDatabase(path, { readOnly: false, timeoutMs });
  let requireSame: () => void;
  try {
    makeReady(database, options, times.now());
    requireSame = requireSameFiles(path);
  } catch (error) {
    database.close();
    throw databaseError(error, options);
  }
  const run = statements(database, options);
  const atomically = <T>(work: () => T): T => run.translate(() => transaction(database, work));
  const writing = leasedWrites(run, { times, atomically });
  return {
    ...sessionReaders(run),
    ...iterationReaders(run),
    ...startReaders(run),
    ...wordReaders(run),
    ...editReaders(run),
    ...worktreeReaders(run),
    ...worktreeWrites(writing),
    ...queueReaders(run),
    ...limitReaders(run),
    ...reviewReaders(run),
    ...reviewWrites(writing),
    ...startWrites(writing),
    ...sessionWrites(writing, { requireSame }),
    ...iterationWrites(writing),
    ...findingWrites(writing),
    ...wordsOfPerson(writing),
    ...queueWrites(writing),
    ...limitWrites(writing),
    ...keptHashes(writing),
    requireSame,
    keepDailyCopy: () =>
      keepDailyCopy(path, { now: options.now(), copyDatabase: options.copyDatabase }),
    close: () => database.close(),
  };
}

/**
 * Opens the store for reading only: nothing is made, migrated or locked. Returns undefined when
 * there is no database yet, or one that this program has first to make ready.
 */
export function openStoreReadOnly(
  { path, migrations, timeoutMs }: Omit<StoreOptions, "now">,
): ReadOnlyStore | undefined {
  const database = openDatabase(path, { readOnly: true, timeoutMs });
  try {
    if (schemaVersion(database) !== (migrations.at(-1)?.number ?? 0)) {
      database.close();
      return undefined;
    }
  } catch (error) {
    database.close();
    throw databaseError(error, { path, timeoutMs });
  }
  const run = statements(database, { path, timeoutMs });
  return {
    ...sessionReaders(run),
    ...iterationReaders(run),
    ...startReaders(run),
    ...wordReaders(run),
    ...editReaders(run),
    ...worktreeReaders(run),
    ...queueReaders(run),
    ...limitReaders(run),
    ...reviewReaders(run),
    close: () => database.close(),
  };
}

/** All but what an iteration's end does by itself. */
function wordsOfPerson(writing: Writing) {
  const { addWord, takeWords, giveBackWord } = wordWrites(writing);
  const { addPrdEdit, removePrdEdit } = editWrites(writing);
  return { addWord, takeWords, giveBackWord, addPrdEdit, removePrdEdit };
}

function timesOf({ now, monotonic = now }: StoreOptions): Times {
  const opened = { at: now(), monotonic: monotonic() };
  return {
    now: () => new Date(now()).toISOString(),
    seen: () => new Date(opened.at + monotonic() - opened.monotonic).toISOString(),
  };
}

function makeReady(database: DatabaseSync, options: StoreOptions, appliedAt: string): void {
  refuseUnusable(database, options);
  refuseDamaged(database, options);
  makeDurable(database);
  migrate(database, { ...options, appliedAt });
}

/** What is written into a damaged database may be lost, and may damage more of it. */
function refuseDamaged(
  database: DatabaseSync,
  { path, letsRowsBe = false }: Pick<StoreOptions, "path" | "letsRowsBe">,
): void {
  const found = letsRowsBe
    ? structuralDamageOf(database, path)
    : damageOf(database, { path, deep: false })?.at(0);
  if (found !== undefined) throw damaged(path, found);
}
