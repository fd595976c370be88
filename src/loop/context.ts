/** What the parts of the loop share: what they work with, and on what. */
import type { Clock } from "../clock.ts";
import type { TreeChange, TreeState } from "../host/git/tree_state.ts";
import type { OpenCode } from "../opencode/client.ts";
import type { Lease } from "../store/model.ts";
import type { Store } from "../store/store.ts";
import type { Settings } from "../settings/settings.ts";
import type { Task } from "../task/task_files.ts";
import type { Verification } from "../verify/verification.ts";
import type { Past } from "./decide.ts";
import type { Emit } from "./event.ts";
import type { Backlog } from "./iteration/backlog.ts";
import type { Delivery } from "./iteration/delivery.ts";
import type { SharedLimit } from "./provider/shared_limit.ts";
import type { Recorder } from "./recorder.ts";
import type { TurnPlace } from "./server/turn_place.ts";
import type { FilePatch } from "../verify/review/changes.ts";
import type { LinesOf } from "../verify/review/verdict.ts";
import type { Reviewer } from "./review/model.ts";
import type { Turns } from "./turn/turn.ts";

/** What the loop works with: the outside, as arguments. */
export interface LoopTools {
  client: OpenCode;
  turns: Turns;
  /** Among the turns at work on the server. */
  place: TurnPlace;
  /** What providers have sessions of this user wait for. */
  limit: SharedLimit;
  recorder: Recorder;
  /** For reading, but that the worker is there: what is written goes through `recorder`. */
  store: Pick<
    Store,
    | "session"
    | "usage"
    | "iterations"
    | "lastReviews"
    | "reviews"
    | "findings"
    | "sessionOfOpenCode"
    | "requireLease"
    | "noteThere"
    | "iterationBeforeMs"
    | "waitingWords"
    | "wordsTold"
    | "prdEdits"
  >;
  tree: {
    /** What was not written since `known` is not read again. */
    state(root: string, known?: TreeState, signal?: AbortSignal): Promise<TreeState | undefined>;
    change(
      root: string,
      between: { before: TreeState; after: TreeState; ignore: readonly string[] },
      signal?: AbortSignal,
    ): Promise<TreeChange | undefined>;
  };
  /**
   * What was changed since a commit, as patches; `ignore` as for `change`. Undefined when git cannot say.
   */
  changes(
    root: string,
    options: { since: string | undefined; ignore: readonly string[]; signal?: AbortSignal },
  ): Promise<readonly FilePatch[] | undefined>;
  /** How long files of a project are. */
  linesOf(root: string): LinesOf;
  /**
   * What commands of agents have left running in a project's folder, in words, if one can look; with `since`
   * (epoch milliseconds) what they have started since then.
   */
  leftRunning(root: string, since?: number): Promise<readonly string[] | undefined>;
  /**
   * A file's text, of a very long one the two ends; undefined when there is no such file. Of one that
   * leads out of `folders` it only says that it does.
   */
  readText(path: string, folders: readonly string[]): string | undefined;
  clock: Clock;
  emit: Emit;
}

export interface KeptTree {
  keep(tree: TreeState | undefined): void;
  kept(): TreeState | undefined;
}

/** What all iterations of a session share. */
export interface SessionContext {
  lease: Lease;
  task: Task;
  settings: Settings;
  backlog: Backlog;
  verification: Verification;
  /** Whether the work is where it belongs. */
  delivery: Delivery;
  /** Looks at what is said to be done; undefined where nobody does. */
  reviewer?: Reviewer;
  /** Where the tree as it was before the turn outlives the worker. */
  treeBefore: KeptTree;
  /** The same of the tree that a reviewer was shown. */
  treeReviewed: KeptTree;
  /** The id of the one story to work on; undefined: all. */
  only?: string;
  /** A prompt of the user's own. */
  template?: string;
  /** What a person answered. */
  said?: string;
}

/** What came of an iteration, for those that follow. */
export interface Ended extends Past {
  /** What the next prompt says about it. */
  failure?: string;
  /** The tree once the work was delivered, and when it was looked at, by the monotonic clock. */
  delivered?: SeenTree;
}

export interface SeenTree {
  tree: TreeState;
  at: number;
}
