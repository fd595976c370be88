import type { MissingFilter } from "../host/git/missing_filters.ts";
import type { Clock } from "../clock.ts";
import type { LogFile } from "../host/files/log_file.ts";
import type { ProjectFiles } from "../host/files/project_files.ts";
import type { SessionFolder } from "../host/files/session_folder.ts";
import type { Addressee, Request } from "../host/files/signal_files.ts";
import type { Lock } from "../host/lock/lock.ts";
import type { runBounded } from "../host/process/bounded_process.ts";
import type { LoopTools } from "../loop/context.ts";
import type { DeliveryGit } from "../loop/iteration/delivery.ts";
import type { ServerPlaces } from "../loop/server/turn_place.ts";
import type { SettingSources } from "../loop/session/setting_changes.ts";
import type { OpenCode } from "../opencode/client.ts";
import type { Settings, SettingsPart } from "../settings/settings.ts";
import type { Store } from "../store/store.ts";
import type { Task } from "../task/task_files.ts";
import type { HookCall } from "./hook_calls.ts";
import type { Telemetry } from "../telemetry/exporter.ts";
import type { SessionAbout } from "../telemetry/session_spans.ts";
import type { GateEnvironment } from "../verify/gates/gate_environment.ts";
import type { PrdFiles } from "../verify/prd/prd_files.ts";

/**
 * All that a worker has of the outside. The real one is in `system_host.ts`; tests hand in one that
 * can be killed at each step, and so run what users run.
 */
export interface WorkerHost {
  readonly clock: Clock;
  /** What is recorded of this process. */
  readonly process: {
    readonly pid: number;
    readonly version: string;
    /** The systemd unit that it runs as; undefined for any other process. */
    readonly unit?: string;
  };
  /** Which boot of the machine this is; undefined where that is not known. */
  bootId(): Promise<string | undefined>;

  findTask(order: { taskDir: string; projectRoot?: string }): Task;
  /** The settings as all sources say now, and the prompt of the user's own. Throws `RalphError`. */
  configure(
    task: Task,
    flags: SettingsPart,
  ): Promise<{
    settings: Settings;
    sources: SettingSources;
    /** The prompt of the user's own, and where it is. */
    template?: string;
    promptFile?: string;
  }>;
  /**
   * Makes the PRD's branch the current one. Returns what was done, in words. Throws `RalphError`, and
   * `signal.reason` when aborted.
   */
  prepareBranch(task: Task, settings: Settings, signal: AbortSignal): Promise<string | undefined>;

  /** Throws `RalphError` (`conflict`) when another worker has it. */
  takeLock(task: Task): Promise<Lock>;
  /** What the workers of this user share of a server: who takes a place there does it for this task. */
  serverPlaces(task: Task, server: string): ServerPlaces;
  openStore(): Store;
  openLog(task: Task, sessionId: number): LogFile;
  /** Where this task's workers keep what must outlive them. */
  keptFolder(task: Task): SessionFolder;
  /**
   * Calls `onRequest` for what a person asks of this run, and `onError` with what that throws, or
   * with why it cannot be looked. Returns a function that ends it.
   */
  watchRequests(
    task: Task,
    options: {
      to: Addressee;
      onRequest: (request: Request) => void;
      onError: (error: unknown) => void;
    },
  ): () => void;
  /** `ofProject`: only the project names it, so that it gets no password. */
  openCode(server: { url: string; directory: string; ofProject: boolean }): OpenCode;

  readonly prdFiles: PrdFiles;
  readonly projectFiles: ProjectFiles;
  readonly tree: LoopTools["tree"];
  /** When a work tree was switched away from a branch, in epoch milliseconds cut to seconds, as far as git knows. */
  leftBranchAt(root: string, branch: string, signal: AbortSignal): Promise<number | undefined>;
  readonly changes: LoopTools["changes"];
  readonly linesOf: LoopTools["linesOf"];
  /** The branch that the PRD asks for. Throws `RalphError` when the PRD cannot be read. */
  branchOf(task: Task): string | undefined;
  /**
   * `signal` aborts when the worker is to end; hooks run where the agent of this server works, and get
   * what the setting `gateEnv` names.
   */
  deliveryGit(
    signal: AbortSignal,
    hooks: { server: string; handOn: readonly string[] },
  ): DeliveryGit;
  readonly readText: LoopTools["readText"];
  readonly leftRunning: LoopTools["leftRunning"];
  /** Runs gates where the agent of this server works. */
  runGate(server: string): typeof runBounded;
  /**
   * Runs a command that is told of something, in `root`, for 30 s at most; `handOn`: the setting
   * `gateEnv`. Resolves with why it failed, not safe to print; undefined when it did not.
   */
  runHook(
    call: HookCall,
    where: { root: string; handOn: readonly string[] },
  ): Promise<string | undefined>;
  /** Who is told of the session's events beside its log; undefined where nobody asks for that. */
  telemetry(
    about: SessionAbout,
    onFailure: (text: string) => void,
  ): Promise<Telemetry | undefined>;
  /** Why they do not see the same files as that agent, in words; undefined when they do. */
  whyOutsideSandbox(server: string): Promise<string | undefined>;
  /** Filters that files of the project are to go through, and that cannot run. */
  missingFilters(projectRoot: string): Promise<readonly MissingFilter[]>;
  /** All variables that a gate gets; `handOn`: the setting `gateEnv`. */
  gateEnvironment(handOn: readonly string[]): GateEnvironment;
}
