/**
 * What checks may look at: read-only probes, so that no check can repair anything. The real ones are
 * put together in `cli/doctor_probes/probes.ts`. What several checks ask for is asked once.
 */
import type { MissingFilter } from "../host/git/missing_filters.ts";
import type { BaseFolders } from "../host/system/base_folders.ts";
import type { Listener } from "../host/system/port.ts";
import type { Unwritable } from "../host/files/unwritable.ts";
import type { Repository } from "../host/git/repository.ts";
import type { ServerEnv } from "../host/system/server_env.ts";
import type { Systemd } from "../host/system/systemd.ts";
import type { Denials } from "../opencode/agent_rules.ts";
import type { Health } from "../opencode/client.ts";
import type { OpenCodeError } from "../opencode/error.ts";
import type { PermissionRequest, QuestionRequest } from "../opencode/model.ts";
import type { Inspection } from "../store/inspect.ts";
import type { Hint, RalphError } from "../error.ts";
import type { ProjectChoices } from "../opencode/project_choices.ts";
import type { SettingsFile } from "../opencode/settings_files.ts";
import type { CompletionFile } from "./completion_setup.ts";

export interface Probes {
  /** What commands in remedies are filled in with. */
  readonly names: Names;
  readonly machine: { readonly os: string; readonly arch: string; readonly versions: string };
  readonly now: () => number;
  readonly systemd: Systemd;
  /** Where a program is: on this user's PATH, or where its installer puts it. */
  program(name: string): string | undefined;
  /** Where it is on PATH alone, as gates find it. */
  onPath(name: string): string | undefined;
  /** What it says to `--version`. */
  versionOf(program: string): Promise<string | undefined>;
  /** Why it does not run, in its words or the kernel's; undefined where it does, or is late. */
  refusalOf(program: string): Promise<string | undefined>;
  /** Whether a file is there; a link counts whatever it leads to. */
  exists(path: string): boolean;
  /** Of what a link leads to; undefined when it cannot be looked at. */
  mode(path: string): { mode: number; uid: number; gid?: number; isLinkTo?: string } | undefined;
  /** The environment of a process of this user; undefined when it cannot be read. */
  environmentOf(pid: number): Promise<ReadonlyMap<string, string> | undefined>;
  /** Whether this shell has a variable of that name. */
  isSet(variable: string): boolean;
  /** The variables that OpenCode's own settings in this folder take in (`{env:NAME}`), by file. */
  settingsVariables(configHome: string): readonly { file: string; variable: string }[];
  /** Where a process of this user has settings and logins. */
  foldersOf(pid: number): Promise<BaseFolders | undefined>;
  freeBytes(folder: string): number | undefined;
  fileSystemType(folder: string): Promise<string | undefined>;
  isNetworkFileSystem(type: string): boolean;
  listeners(): Promise<readonly Listener[] | undefined>;
  /** Whether it is another user's, and a request to the server may reach it. */
  isForeign(listener: Listener): boolean;
  /** Undefined for a shell that has none. */
  readonly completions: CompletionFile | undefined;
  readonly serverEnv: ServerEnv;
  /** The password is not for this server: only the project's own settings name it. */
  readonly isPasswordWithheld: boolean;
  /** Names of the other people who have a login on this machine, as far as it says. */
  otherUsers(): Promise<readonly string[]>;
  /** Why the settings cannot be read. */
  readonly settingsProblem?: RalphError;
  readonly server: ServerProbes;
  readonly store: StoreProbes;
  readonly project: ProjectProbes | undefined;
}

export interface Names {
  user: string;
  uid: number;
  home: string;
  /** Set where that is another account's: its name, and where one's own is. */
  foreignHome?: { owner: string; ownHome?: string };
  host: string;
  /** `http://127.0.0.1:14096`. */
  serverUrl: string;
  port: number;
  /** This program, as a command that works from everywhere. */
  ralph: string;
  /** Of settings and logins, as this shell has them. */
  folders: BaseFolders;
  /** Where the unit's file belongs. */
  unitFile: string;
  dataFolder: string;
  stateFolder: string;
  configFolder: string;
  /** These and those below them. */
  ownFolders: readonly string[];
  database: string;
}

/** How the server met a question. */
export type Asked<T> = { value: T } | { error: OpenCodeError };

export interface ServerProbes {
  health(): Promise<Asked<Health>>;
  /** Whether it answers to who has no password. */
  isOpen(): Promise<boolean>;
  /** Makes an OpenCode session in ralph's own folder, looks for it and its event, and deletes it. */
  roundTrip(): Promise<{ session: Asked<void>; event: Asked<boolean> }>;
  models(): Promise<Asked<Models>>;
  /** The variables that a provider takes its key from; empty where not known. */
  keyVariables(providerId: string): Promise<Asked<readonly string[]>>;
  /** What the rules of the agents deny outside of projects. */
  denials(): Promise<Asked<Denials>>;
  /** In the project; undefined when no worker is at work in it, so that the server has to load it. */
  waiting(): Promise<
    | Asked<{
      permissions: readonly PermissionRequest[];
      questions: readonly QuestionRequest[];
    }>
    | undefined
  >;
  /** One tiny prompt through everything; only asked for with `--deep`. */
  turn(): Promise<Asked<{ ms: number; tokens: number; text: string }>>;
}

export interface Models {
  /** What the loop will use, as `provider/model`; undefined when the server has no choice to make. */
  chosen?: string;
  /** Why that one. */
  chosenBy: "ralph" | "agent" | "server" | "default";
  /** The providers that can be used. */
  providers: readonly { id: string; hasCredentials: boolean; models: readonly string[] }[];
}

interface StoreProbes {
  /** Undefined when nothing was ever recorded. */
  read(): StoreFacts | RalphError | undefined;
  sqliteVersion(): string;
  /** Of the folders that ralph's own would be made in, those that cannot be written to. */
  unwritable(): Promise<readonly Unwritable[]>;
}

export interface StoreFacts extends Inspection {
  /** Undefined while the schema is an older one, which this ralph does not read. */
  sessions?: SessionFacts;
}

export interface SessionFacts {
  running: number;
  /** Running sessions whose worker is gone. */
  dead: readonly { taskName: string; taskDir: string }[];
  /** Signal files that no worker waits for. */
  leftSignals: readonly string[];
}

interface ProjectProbes {
  readonly root: string;
  git(): Promise<Repository | undefined>;
  /** What of it, its git folder and its tasks is there and cannot be written to. */
  unwritable(): Promise<readonly Unwritable[]>;
  /** Undefined where commits can be signed, or are not to be; `isSure`: not even with somebody there. */
  unsigned(): Promise<
    { isSure: boolean } | undefined
  >;
  /** Filters that files are to go through, and that cannot run. */
  missingFilters(): Promise<readonly MissingFilter[]>;
  /** Why git refuses to work here, in its words, and the command that it gives itself. */
  gitRefusal(): Promise<{ why: string; remedy: readonly Hint[] } | undefined>;
  /**
   * Those of the settings and of all tasks. `needs`: the program that is looked for on PATH; a path
   * may be of what the work is to make. `line`: what a list was probably meant as, for a shell.
   * `withheld`: variables that it names and does not get.
   */
  gates(): readonly { name: string; needs?: string; line?: string; withheld: readonly string[] }[];
  /**
   * How many files a session would protect, what its gates run that is not, and what `protect` does
   * not do, in words. Undefined when git cannot tell.
   */
  protection(): Promise<
    { files: number; work: readonly string[]; faults: readonly string[] } | undefined
  >;
  /** OpenCode's settings in the project, each with what is malformed in it. */
  openCodeSettings(): readonly SettingsFile[];
  /** What they say of models and rules. */
  openCodeChoices(): ProjectChoices;
  /** What the project has a server run that works in it, in words that are safe to show; or none. */
  code(): string | undefined;
  tasks(): readonly { name: string; problem?: RalphError; open?: number; total?: number }[];
}
