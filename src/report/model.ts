/** What a report is made of. */
import type { Commit } from "../host/git/commits.ts";
import type {
  Claim,
  Findings,
  GateRecord,
  Iteration,
  Note,
  Review,
  Session,
} from "../store/model.ts";
import type { Standing } from "./standing.ts";

export interface FoundCommits {
  commits: readonly CommitRecord[];
  leftOut: number;
}

export interface CommitRecord extends Commit {
  /** Undefined: too long for the report, or git cannot say. */
  patch?: string;
}

/** A session with all that is on record of it. */
export interface SessionRecord {
  session: Session;
  iterations: readonly Iteration[];
  findings: Findings;
  reviews: readonly Review[];
  /** By the number of the iteration; none where git cannot say. */
  commits: ReadonlyMap<number, FoundCommits>;
}

export interface StoryNow {
  id: string;
  title: string;
  passes: boolean;
}

export interface ReportInput {
  taskName: string;
  projectName: string;
  /** The oldest first, one at least. */
  sessions: readonly SessionRecord[];
  /** As the PRD has them now; undefined where it cannot be read, or has none. */
  stories?: readonly StoryNow[];
  /** Epoch milliseconds. */
  now: number;
}

/** One iteration, with all that belongs to it. */
export interface Round {
  /** Unique in the report, and fit for a link. */
  key: string;
  iteration: Iteration;
  standing: Standing;
  /** In milliseconds; undefined when it is not known. */
  ms: number | undefined;
  /** Undefined when it is not known. */
  tokens: number | undefined;
  /** In dollars; undefined when a part of it is not known. */
  cost: number | undefined;
  gates: readonly (GateRecord & { final: boolean })[];
  claims: readonly Claim[];
  reviews: readonly Review[];
  notes: readonly Note[];
  /** Undefined: git cannot say which. */
  commits: FoundCommits | undefined;
}

/** A run of a gate; `round` is undefined for one before the first turn. */
export interface GateRun extends GateRecord {
  sessionId: number;
  final: boolean;
  round: Round | undefined;
}
