/** The rows of the store as the rest of the program sees them. Times are RFC 3339, in UTC. */

export const STATUSES = ["running", "checkpointed", "completed", "stopped", "failed"] as const;
export type Status = typeof STATUSES[number];

/** Why a session is no longer running. */
export type Reason =
  | "all_stories_pass"
  /** The same, but nothing in the work tree shows for it. */
  | "unproven"
  /** All stories pass, and a gate does not. */
  | "gates_fail"
  /** What was done is not on the task's branch, and cannot be brought there. */
  | "not_delivered"
  /** The one story that the session was for passes, and others are open. */
  | "story_passes"
  | "max_iterations"
  /** The limit on cost, tokens or time. */
  | "budget"
  | "blocked_on_human"
  | "user_stop"
  | "checkpoint"
  | "no_progress"
  /** A reviewer refused the same story too often. */
  | "review_fails"
  | "provider_error"
  | "server_unreachable"
  | "worker_died"
  | "worker_ended"
  /** git refused, or did not answer. */
  | "git_failed"
  | "task_unreadable"
  | "internal_error";

/** What came of one iteration. */
export type Outcome =
  /** A story passes that did not before. */
  | "advanced"
  /** No story more, but the project's files or commits changed. */
  | "worked"
  /** Neither. */
  | "nothing"
  /** A check that passed before fails now. */
  | "broke"
  /** The provider, the agent or the server reported an error. */
  | "error"
  /** A limit on the turn was reached, and the turn was aborted. */
  | "timeout"
  /** The worker or the server died in mid-turn. */
  | "interrupted"
  /** A person stopped it. */
  | "stopped";

export interface Session {
  id: number;
  taskName: string;
  taskDir: string;
  projectRoot: string;
  status: Status;
  reason: Reason | null;
  detail: string | null;
  activity: string | null;
  /** Null where it works. */
  activityKind: ActivityKind | null;
  activitySince: string | null;
  currentStory: string | null;
  /** Iterations begun so far. */
  iterations: number;
  /** The number of the last one that may be made: those that do not count are in it. */
  maxIterations: number | null;
  model: string | null;
  agent: string | null;
  serverUrl: string | null;
  serverPort: number | null;
  openCodeSessionId: string | null;
  workerPid: number | null;
  workerVersion: string | null;
  /** The kernel's id of the boot in which the worker began; null where that is not known. */
  workerBoot: string | null;
  /** The systemd unit that the worker runs as; null for a detached process. */
  workerUnit: string | null;
  /** When the last worker took the session over; null for one of an earlier version. */
  workerStartedAt: string | null;
  epoch: number;
  logPath: string | null;
  /** What a person answered, for every prompt. */
  said: string | null;
  /** A person takes the work as done without evidence. */
  accepted: boolean;
  /** The id of the one story that it is for; null: it is for all. */
  onlyStory: string | null;
  /** How many iterations were made before a person went on with it after its end; 0: nobody did. */
  resumedAfter: number;
  /** What else the predecessor knew, as a JSON object; null for a session of this program. */
  earlier: string | null;
  startedAt: string;
  updatedAt: string;
  endedAt: string | null;
}

/** Tokens by kind, each counted once. */
interface TokenCounts {
  inputTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  cacheReadTokens: number;
  cacheWriteTokens: number;
}

export interface Usage extends TokenCounts {
  /** As the server quoted it. */
  costUsd: number;
  /** Reckoned from the model's prices where the server quoted nothing. */
  derivedCostUsd: number;
  modelCalls: number;
  /** Model calls whose cost nobody knows. */
  unpricedCalls: number;
  /** Those whose tokens nobody knows. */
  uncountedCalls: number;
}

/** What a session has used, as far as that is on record. */
export interface SessionUsage {
  /** Of its iterations and reviews that have ended. */
  usage: Usage;
  /** How many of them nothing is known of. */
  unknown: number;
  /** How many have not ended, and are not in it. */
  open: number;
}

/** What was used for people: with how many parts of it are not known. */
export type Spent = Usage & { unknownParts: number };

/** Of what a session used; of one that is under way only with `open`. */
export function spentOf({ usage, unknown, open }: SessionUsage): Spent {
  return { ...usage, unknownParts: unknown + open };
}

/** All tokens of every kind. */
export function tokensOf(counts: TokenCounts): number {
  return counts.inputTokens + counts.outputTokens + counts.reasoningTokens +
    counts.cacheReadTokens + counts.cacheWriteTokens;
}

export interface Iteration {
  sessionId: number;
  number: number;
  storyId: string | null;
  storyTitle: string | null;
  openCodeTitle: string;
  openCodeSessionId: string | null;
  outcome: Outcome | null;
  detail: string | null;
  storiesPassed: readonly string[];
  headBefore: string | null;
  headAfter: string | null;
  commits: number | null;
  filesChanged: number | null;
  /** Null: unknown. */
  usage: Usage | null;
  /** What the agent needs of a person, in its words. */
  blocked: string | null;
  /** What the next prompt says about it. */
  failure: string | null;
  /** Equal for failures that are the same. */
  failureKey: string | null;
  /** When the provider that refused may be asked again. */
  retryAt: string | null;
  /** False for one that the provider refused before the model answered anything. */
  counts: boolean;
  /** False: an agent may still be at work. Null: no abort was needed, or nothing is known. */
  abortConfirmed: boolean | null;
  startedAt: string;
  promptedAt: string | null;
  /** All its parts, by a clock that nobody sets, in milliseconds; null when that was not recorded. */
  durationMs: number | null;
  endedAt: string | null;
}

/** The worker that a write comes from: a session, and which of its workers. */
export interface Lease {
  sessionId: number;
  epoch: number;
}

export interface NewSession {
  taskName: string;
  taskDir: string;
  projectRoot: string;
}

/** What a worker brings to the session that it starts or continues. */
export interface WorkerSettings {
  maxIterations: number;
  model?: string;
  agent?: string;
  serverUrl: string;
  serverPort: number;
  workerPid: number;
  workerVersion: string;
  /** The kernel's id of this boot; undefined where it has none. */
  workerBoot?: string;
  /** The systemd unit that it runs as. */
  workerUnit?: string;
  said?: string;
  accepted: boolean;
  /** The id of the one story that it is for. */
  onlyStory?: string;
  /** A person goes on with a session that was stopped or has failed. */
  resumes?: boolean;
  /** How long a turn that an earlier worker left worked on without one, in milliseconds. */
  aloneMs?: number;
}

/** What a session begins with: JSON texts that the loop writes and reads. */
export interface SessionStart {
  settings: string;
  tree: string | null;
  /** What else it began with; null for one of an earlier version. */
  choices: string | null;
}

/** What one run of a gate showed. */
export interface GateRecord {
  gate: string;
  passed: boolean;
  /** It failed at first, and passed when it was run again on the same content. */
  flaky: boolean;
  why: string;
  output: string;
  durationMs: number;
}

/** A story that an agent said was done; `held` is null when that was not judged. */
export interface Claim {
  storyId: string;
  held: boolean | null;
  why: string | null;
}

/** What came of asking for a review. */
export type ReviewOutcome =
  | "passed"
  | "refused"
  /** No answer that can be used. */
  | "unusable"
  /** The provider refused it. */
  | "trouble"
  /** The worker died before it had ended. */
  | "interrupted"
  /** A person stopped it. */
  | "stopped";

/** What a reviewer found about a criterion, or beside them (`criterion` null). */
export interface ReviewFinding {
  storyId: string;
  criterion: string | null;
  met: boolean;
  /** In the reviewer's words. */
  what: string;
  /** Where it sees that; `there`: the file has that line. */
  evidence: readonly { file: string; line: number; there: boolean }[];
}

/** A review that is about to be asked for. */
export interface NewReview {
  iteration: number;
  /** Of the run of all gates at the end. */
  final: boolean;
  stories: readonly string[];
  /** Unique, as that of an iteration. */
  openCodeTitle: string;
  model?: string;
  /** With what words the agent ended the turn in which it claimed the stories. */
  agentSaid?: string;
}

/** How a review ended. */
export interface ReviewEnd {
  outcome: ReviewOutcome;
  /** In words; for one that is refused, what the next prompt says. */
  detail: string;
  findings: readonly ReviewFinding[];
  durationMs: number;
  usage?: Usage;
}

export interface Review {
  id: number;
  sessionId: number;
  iteration: number;
  final: boolean;
  stories: readonly string[];
  openCodeTitle: string;
  openCodeSessionId: string | null;
  model: string | null;
  agentSaid: string | null;
  /** Null: it is under way. */
  outcome: ReviewOutcome | null;
  detail: string | null;
  findings: readonly ReviewFinding[];
  /** Null: unknown. */
  usage: Usage | null;
  startedAt: string;
  promptedAt: string | null;
  durationMs: number | null;
  endedAt: string | null;
}

/** Something that the loop found and that people should know. */
export interface Note {
  about: "prd" | "protected" | "tests" | "git" | "refused" | "left" | "hook";
  text: string;
  /** What it is, for whoever acts on it; null or undefined: only to be read. */
  kind?: NoteKind | null;
}

/** What a session does. */
export interface Activity {
  readonly kind: "working" | ActivityKind;
  /** The same in words, `until` included; safe to show. */
  readonly text: string;
  /** When the provider is asked again, or the wait is given up, in epoch milliseconds. */
  readonly until?: number;
}

/** What a session waits for. */
export const ACTIVITY_KINDS = [
  "silent",
  "rate_limited",
  "retrying",
  "suspended",
  "waiting_for_server",
  "waiting_for_turn",
  "waiting_for_limit",
  "waiting_for_git",
  "waiting_for_command",
] as const;
export type ActivityKind = typeof ACTIVITY_KINDS[number];

type NoteKind =
  /** What became of what a person had not committed; of the second, that it is in a commit. */
  | "persons_file"
  | "persons_file_committed"
  /** How git works was changed; of the second, where a push would go. */
  | "git_setup"
  | "git_remote"
  | "hooks_off"
  | "job_ended"
  | "prd_not_committed";

/** What the loop found out in a session, each with the iteration that it belongs to. */
export interface Findings {
  /** `final`: of the run of all gates at the end. */
  gates: readonly (GateRecord & { iteration: number; final: boolean })[];
  claims: readonly (Claim & { iteration: number })[];
  notes: readonly (Note & { iteration: number })[];
}

/** Whom a person's words were told to: a turn at work, or an agent with its prompt. */
export interface Told {
  session: number;
  iteration: number;
  how: "turn" | "prompt";
  at: string;
}

/** Something that a person said to the loop. */
export interface Word {
  id: number;
  text: string;
  saidAt: string;
  /** For a prompt alone. */
  forPrompt: boolean;
  /** Null while it waits. */
  told: Told | null;
}

/** A person's edit of a PRD while a turn was at work: the file's bytes before and after. */
export interface PrdEdit {
  before: Uint8Array;
  /** When the file that had them was changed, in epoch milliseconds; undefined where not known. */
  beforeCtimeMs?: number;
  after: Uint8Array;
  /** In epoch milliseconds. */
  at: number;
}

/** A provider that has those wait that use it. Times in epoch milliseconds. */
export interface ProviderLimit {
  /** When it is asked again. */
  until: number;
  /** Its words. */
  said: string;
  /** The session that was told, and that asks first. */
  sessionId: number;
  taskName: string;
  projectRoot: string;
  /** That session has not ended. */
  isRunning: boolean;
  /** Until then the others wait for what that one is told. */
  firstUntil: number;
}

/** An iteration that is about to be made. */
export interface NewIteration {
  number: number;
  storyId: string;
  storyTitle: string;
  /** Unique: it finds the OpenCode session whose id was never stored. */
  openCodeTitle: string;
  headBefore?: string;
}

/** What an agent asked and is answered. `at` in epoch milliseconds. */
export interface AnswerRecord {
  asked: string;
  answer: string;
  at: number;
}

/** How a session ends. */
export interface SessionEnd {
  status: Exclude<Status, "running">;
  reason: Reason;
  detail: string;
}

/** What the run of all gates showed after `iteration`, the last one. */
export interface FinalRun {
  iteration: number;
  gates: readonly GateRecord[];
  notes: readonly Note[];
  /** Claims of the session that it took back. */
  takenBack: readonly { storyId: string; why: string }[];
  failure?: string;
  failureKey?: string;
  /** What the iteration came to, where this changes it. */
  detail?: string;
}

export interface IterationEnd {
  number: number;
  outcome: Outcome;
  detail?: string;
  storiesPassed: readonly string[];
  /** By a clock that nobody sets. */
  durationMs?: number;
  headAfter?: string;
  commits?: number;
  filesChanged?: number;
  usage?: Usage;
  blocked?: string;
  failure?: string;
  failureKey?: string;
  /** The provider takes no requests until then (epoch milliseconds); `free`: it costs no iteration. */
  refusal?: { until: number; free: boolean };
  /** Whether the turn was seen to end; undefined where no abort was needed. */
  abortConfirmed?: boolean;
  /** Words that were handed over in mid-turn, and that the agent did not come to. */
  unanswered?: readonly number[];
  gates?: readonly GateRecord[];
  claims?: readonly Claim[];
  notes?: readonly Note[];
}

/** A task's own working tree. Paths are real ones. */
export interface Worktree {
  /** Of the task in it, as its sessions have it. */
  taskDir: string;
  taskName: string;
  root: string;
  /** The same task in the tree that this one was made from, and that tree's root. */
  homeDir: string;
  homeRoot: string;
  branch: string;
  /** ralph made the branch. */
  branchMade: boolean;
  /** The branch that it goes home to, or the commit that it began at. */
  base: string;
  /** The branch of a task that this one depends on, where it began at that; null: at the base. */
  begunAt: string | null;
  /** The commit with the files that were in none at home; null where there were none. */
  brought: string | null;
  /** Null until all of it is there. */
  preparedAt: string | null;
  /** When the branch was brought home last. */
  landedAt: string | null;
  removedAt: string | null;
}

/** One that is about to be made. */
export type NewWorktree = Omit<Worktree, "brought" | "preparedAt" | "landedAt" | "removedAt">;

/** How a task of a queue is. The first two are open. */
export type QueuedState =
  | "waiting"
  | "running"
  | "completed"
  /** Its session ended in another way, or could not begin. */
  | "failed"
  /** It was never begun, for what became of others: what it depends on is not there. */
  | "skipped"
  /** A person took it out. */
  | "removed";

/** A task that runs in its turn. */
export interface QueuedTask {
  id: number;
  taskName: string;
  taskDir: string;
  /** What the command line said, as a JSON object. */
  flags: string;
  /** Folders of the tasks that have to be completed first. */
  dependsOn: readonly string[];
  /** It runs in a worktree of its own; `taskDir` is where it is at home. */
  worktree: boolean;
  state: QueuedState;
  /** The task's latest session before it was begun; 0: there was none. */
  before: { session: number; epoch: number };
  /** Its session, once that is known. */
  sessionId: number | null;
  /** How it ended, in words. */
  why: string | null;
  queuedAt: string;
}

export interface Queue {
  id: number;
  projectRoot: string;
  /** One that fails ends the others. */
  failFast: boolean;
  /** US dollars of all its sessions together; null: no limit. */
  maxCostUsd: number | null;
  maxTokens: number | null;
  /** How many of its tasks run at once. */
  parallel: number;
  createdAt: string;
  /** Null while something of it is open. */
  endedAt: string | null;
  /** In the order in which they are tried. */
  tasks: readonly QueuedTask[];
}

/** Tasks to put into a project's queue. Undefined: as it is there already. */
export interface NewQueued {
  projectRoot: string;
  failFast?: boolean;
  maxCostUsd?: number;
  maxTokens?: number;
  parallel?: number;
  tasks: readonly Pick<
    QueuedTask,
    "taskName" | "taskDir" | "flags" | "dependsOn" | "worktree"
  >[];
}
