/** The settings of a run of the loop: the result of all sources, its defaults, and their order. */
import type { Gate } from "../task/gate.ts";
import { DEFAULT_SERVER_URL } from "./server_url.ts";

/** When a session, a turn or a wait ends. Durations in milliseconds, `DURATION_MS_MAX` at most. */
export interface Limits {
  readonly iterations: number;
  /** US dollars of the whole session; absent: no limit. */
  readonly costUsd?: number;
  /** Of the whole session; absent: no limit. */
  readonly tokens?: number;
  /** Of the whole session; absent: no limit. */
  readonly durationMs?: number;
  /** Of the agent's work in one turn; waiting for the provider or the server does not count. */
  readonly turnMs: number;
  /** Without any sign of life of the agent while it is said to work. */
  readonly silenceMs: number;
  /** Of the agent and its sub-agents in one turn. */
  readonly modelCalls: number;
  /** Of a gate that has no limit of its own. */
  readonly gateMs: number;
  /** Iterations in a row without progress. */
  readonly noProgress: number;
  /** Iterations in a row that end in an error, run into a limit, or are lost with the server. */
  readonly errors: number;
  /** Of waiting for a server that is away. */
  readonly serverAwayMs: number;
  /** Of waiting for a provider that refuses or fails, all such waits in a row. */
  readonly rateLimitMs: number;
  /** Model calls in a row that break off without an end, in one conversation. */
  readonly brokenAnswers: number;
  /** How often conversations of one turn may be shortened, since they had grown too long. */
  readonly compactions: number;
}

/** How work is looked at by a model that did not do it. */
export interface ReviewSettings {
  /** Absent: that of the session. */
  readonly model?: Settings["model"];
  /** Refusals of a story in a row that end the session. */
  readonly rounds: number;
  /** Before each story counts as done, or once before the task does. */
  readonly when: "story" | "end";
}

/** Plain data: it can be stored as JSON. */
export interface Settings {
  /** Origin of the OpenCode server, as `serverUrl` hands it back. */
  readonly server: string;
  /** Only the project's own `ralph.json` names that server: the user's password is not for it. */
  readonly serverOfProject: boolean;
  /** Of all sessions on that server; absent: by the cores of this machine. */
  readonly turnsAtOnce?: number;
  /** Absent: the server's choice. */
  readonly model?: { readonly providerId: string; readonly modelId: string };
  /** Absent: the server's choice. */
  readonly agent?: string;
  /** Absolute path of a template that replaces ralph's own prompt. */
  readonly prompt?: string;
  /** Absolute paths, of the user's own settings: what a task may use beside its project. */
  readonly outside: readonly string[];
  /** Gates of every task. */
  readonly verify: readonly Gate[];
  /** Names of variables that gates get beside the usual ones; `AWS_*` stands for all that begin so. */
  readonly gateEnv: readonly string[];
  /** Globs of protected files, from the project root. */
  readonly protect: readonly string[];
  /** Whether tests that vanish or are skipped take back a claim (`counted`), or not (`trusted`). */
  readonly tests: "counted" | "trusted";
  /** Who commits what a claim that holds has left: ralph, or nobody but the agent. */
  readonly commit: "ralph" | "agent";
  /** Where all gates pass before a session completes: in a clean checkout, or in the work tree. */
  readonly finish: "commit" | "tree";
  /** Absent or false: no work is reviewed. */
  readonly review?: ReviewSettings | false;
  /** What a task's branch is created from; absent: the current branch. */
  readonly baseBranch?: string;
  /** Whether a task gets a git worktree of its own when it begins. */
  readonly worktree: boolean;
  /** Where its folder is: `beside` the project, or among ralph's own data. */
  readonly worktreeIn: "beside" | "data";
  /** What is run in a new worktree, one after the other. */
  readonly setup: readonly Gate[];
  /** Globs of files that git does not have, which a new worktree gets copies of. */
  readonly copy: readonly string[];
  /** By a task's name, those that have to be completed before it. */
  readonly dependsOn: Readonly<Record<string, readonly string[]>>;
  /** Commands that are told of what happens, as argument lists; absent: nobody is told. */
  readonly onEnd?: readonly string[];
  readonly onBlocked?: readonly string[];
  readonly onIteration?: readonly string[];
  /** Whether a session's end is shown on the desktop, and rings the terminal's bell. */
  readonly notify: boolean;
  /** Absolute paths, of the user's own settings: projects whose `ralph.json` may name such commands. */
  readonly hooksFrom: readonly string[];
  readonly limits: Limits;
}

/** The settings that have something run on the user's behalf, beside the work. */
export const HOOK_SETTINGS = ["onEnd", "onBlocked", "onIteration", "notify"] as const;

/** What one source says. An undefined value says nothing. */
export type SettingsPart =
  & Partial<Omit<Settings, "limits" | "serverOfProject">>
  & { readonly limits?: Partial<Limits> };

/** Of one settings file, in bytes. No honest settings come near. */
export const SETTINGS_BYTES_MAX = 64 * 1024;

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;

/** A timer fires at once when it is set for more than 2^31 - 1 ms, some 24.8 days. */
export const DURATION_MS_MAX = 24 * 24 * HOUR_MS;

/** As it is written in settings, and as OpenCode calls it. */
export const modelName = ({ providerId, modelId }: NonNullable<Settings["model"]>): string =>
  `${providerId}/${modelId}`;

export const DEFAULT_SETTINGS: Settings = {
  server: DEFAULT_SERVER_URL,
  serverOfProject: false,
  outside: [],
  verify: [],
  gateEnv: [],
  protect: [],
  tests: "counted",
  commit: "ralph",
  finish: "commit",
  worktree: false,
  worktreeIn: "beside",
  setup: [],
  copy: [],
  dependsOn: {},
  notify: false,
  hooksFrom: [],
  limits: {
    iterations: 10,
    // A story that needs more than an hour of work is too large for one context.
    turnMs: 1 * HOUR_MS,
    // Of the model alone: a tool that runs is a sign of life.
    silenceMs: 15 * MINUTE_MS,
    // Honest turns stay far below; a turn that loops makes four calls a second (1.1.53, measured).
    modelCalls: 300,
    gateMs: 10 * MINUTE_MS,
    noProgress: 3,
    errors: 3,
    serverAwayMs: 30 * MINUTE_MS,
    // Subscriptions refuse for windows of up to 5 hours.
    rateLimitMs: 6 * HOUR_MS,
    // An answer that breaks off is asked for again at once, forever (1.1.53, 1.18.33, measured).
    brokenAnswers: 5,
    // A loop of them makes two to four a second (1.1.53, 1.18.33, measured), each a long, paid call.
    compactions: 10,
  },
};

/** The defaults with the parts laid over them. Later parts win; each limit counts by itself. */
export function mergeSettings(parts: readonly SettingsPart[]): Settings {
  return parts.reduce<Settings>((merged, part) => ({
    ...merged,
    ...said(part),
    limits: { ...merged.limits, ...said(part.limits ?? {}) },
  }), DEFAULT_SETTINGS);
}

/** What is not said of a review that is wanted. */
export const DEFAULT_REVIEW = { rounds: 2, when: "story" } as const satisfies ReviewSettings;

/** Where the files of a task may be. */
export function allowedFolders(
  projectRoot: string,
  { outside }: Pick<Settings, "outside">,
): readonly string[] {
  return [projectRoot, ...outside];
}

function said<T extends object>(part: T): T {
  return Object.fromEntries(
    Object.entries(part).filter(([, value]) => value !== undefined),
  ) as T;
}
