/**
 * What checks may look at: read-only doors, so that no check can repair anything. The real ones are
 * put together in `cli/doctor_probes.ts`. What several checks ask for is asked once.
 */
import type { Listener } from "../host/port.ts";
import type { RepositoryState } from "../host/repository.ts";
import type { ServerEnv } from "../host/server_env.ts";
import type { Systemd } from "../host/systemd.ts";
import type { OpenCodeError } from "../opencode/error.ts";
import type { PermissionRequest, QuestionRequest } from "../opencode/model.ts";
import type { Inspection } from "../registry/inspect.ts";
import type { RalphError } from "../error.ts";

export interface Probes {
  /** What commands in remedies are filled in with. */
  readonly names: Names;
  readonly machine: { readonly os: string; readonly arch: string; readonly versions: string };
  readonly now: () => number;
  readonly systemd: Systemd;
  /** Where a program is: on this user's PATH, or where its installer puts it. */
  program(name: string): string | undefined;
  /** What it says to `--version`. */
  versionOf(program: string): Promise<string | undefined>;
  /** Whether a file is there; a link counts whatever it leads to. */
  exists(path: string): boolean;
  /** Undefined when it cannot be looked at. */
  mode(path: string): { mode: number; uid: number; isLinkTo?: string } | undefined;
  /** The environment of a process of this user; undefined when it cannot be read. */
  environmentOf(pid: number): Promise<ReadonlyMap<string, string> | undefined>;
  freeBytes(folder: string): number | undefined;
  fileSystemType(folder: string): Promise<string | undefined>;
  isNetworkFileSystem(type: string): boolean;
  listeners(): Promise<readonly Listener[] | undefined>;
  readonly completions: { readonly shell: string; readonly file: string } | undefined;
  readonly serverEnv: ServerEnv;
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
  host: string;
  /** `http://127.0.0.1:14096`. */
  serverUrl: string;
  port: number;
  /** This program, as a command that works from everywhere. */
  ralph: string;
  /** Where the unit's file belongs. */
  unitFile: string;
  dataFolder: string;
  stateFolder: string;
  configFolder: string;
  database: string;
}

/** How the server met a question. */
export type Asked<T> = { value: T } | { error: OpenCodeError };

export interface ServerProbes {
  health(): Promise<Asked<{ version: string }>>;
  /** Makes an OpenCode session in the project, looks for it and its event, and deletes it. */
  roundTrip(): Promise<{ session: Asked<void>; event: Asked<boolean> }>;
  models(): Promise<Asked<Models>>;
  waiting(): Promise<
    Asked<{
      permissions: readonly PermissionRequest[];
      questions: readonly QuestionRequest[];
    }>
  >;
  /** One tiny prompt through everything; only asked for with `--deep`. */
  turn(): Promise<Asked<{ ms: number; tokens: number; text: string }>>;
}

export interface Models {
  /** What the loop will use, as `provider/model`; undefined when the server has no choice to make. */
  chosen?: string;
  /** Why that one. */
  chosenBy: "ralph" | "server" | "default";
  /** The providers that can be used. */
  providers: readonly { id: string; hasCredentials: boolean; models: readonly string[] }[];
}

export interface StoreProbes {
  /** Undefined when nothing was ever recorded. */
  read(): StoreFacts | RalphError | undefined;
  sqliteVersion(): string;
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

export interface ProjectProbes {
  readonly root: string;
  git(): Promise<RepositoryState | undefined>;
  tasks(): readonly { name: string; problem?: RalphError; open?: number; total?: number }[];
}
