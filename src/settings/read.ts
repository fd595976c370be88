/** Where the settings come from, and in which order they count. */
import * as path from "node:path";
import { RalphError } from "../error.ts";
import { PRD_BYTES_MAX } from "../task/prd_file.ts";
import { plain } from "../terminal/plain.ts";
import { seeWhatItIs, shellWord } from "../terminal/shell_word.ts";
import { flatSettings, type SettingSource } from "./flat.ts";
import { DEFAULT_SERVER_URL, serverUrl } from "./server_url.ts";
import {
  HOOK_SETTINGS,
  mergeSettings,
  type Settings,
  SETTINGS_BYTES_MAX,
  type SettingsPart,
} from "./settings.ts";
import { readVariables, unknownVariables } from "./variables.ts";

type ReadFile = (path: string, maxBytes: number) => Uint8Array | undefined;

interface SettingsSources {
  readonly projectRoot: string;
  /** Of a worktree: the project that it was made from. */
  readonly homeRoot?: string;
  /** The value of a variable; undefined when it is unset or empty. */
  readonly environment: (name: string) => string | undefined;
  /** The names of all variables, to tell of those that are mistyped. */
  readonly variableNames: readonly string[];
  /** The file's bytes; undefined when there is no such file. Throws for one of more than `maxBytes`. */
  readonly readFile: ReadFile;
  /** Of the task that they are for: it may ask for a review. */
  readonly prdPath?: string;
  /** `server` as it was typed: it is checked here. */
  readonly flags: SettingsPart;
}

/**
 * The settings for a project: later wins of the user's `config.json`, the project's `ralph.json`,
 * the task's `prd.json`, variables and flags. `sources` says where each comes from that is not the default, by its name in
 * `ralph.json`; `warnings` are lines to show. Throws `RalphError` (`usage`) for whatever is
 * wrong in one of them.
 */
export async function readSettings(
  { projectRoot, homeRoot = projectRoot, prdPath, environment, ...rest }: SettingsSources,
): Promise<{
  settings: Settings;
  sources: Readonly<Record<string, SettingSource>>;
  warnings: readonly string[];
}> {
  const { variableNames, readFile, flags } = rest;
  const server = flags.server === undefined ? undefined : serverUrl(flags.server);
  const ofConfig = await readPart("config.json", configPath(environment), readFile);
  const ofProject = await readPart("ralph.json", projectSettingsPath(projectRoot), readFile);
  const { parts: ofPrd, warnings } = await prdPart(prdPath, readFile);
  const mayHook = ofConfig.some(({ part }) => part.hooksFrom?.includes(homeRoot));
  const parts: readonly SourcedPart[] = [
    ...ofConfig,
    ...mayHook ? ofProject : ofProject.map(withoutHooks),
    ...ofPrd,
    ...readVariables(environment).map((part) => ({ from: "variable", part } as const)),
    { from: "flag", part: { ...flags, server } },
  ];
  const settings = mergeSettings(parts.map(({ part }) => part));
  const ofUser = parts.filter(({ from }) => from !== "ralph.json");
  return {
    settings: { ...settings, serverOfProject: !namesServer(ofUser, settings.server) },
    sources: Object.fromEntries(
      parts.flatMap(({ from, part }) =>
        Object.keys(flatSettings(part)).map((name) => [name, from])
      ),
    ),
    warnings: [
      ...unknownVariables(variableNames),
      ...warnings,
      ...mayHook ? [] : ofProject.flatMap(({ part }) => hooksNotRun(part, homeRoot)),
    ],
  };
}

async function prdPart(
  prdPath: string | undefined,
  readFile: ReadFile,
): Promise<{ parts: readonly SourcedPart[]; warnings: readonly string[] }> {
  const none = { parts: [], warnings: [] };
  const bytes = prdPath?.endsWith(".json") ? readFile(prdPath, PRD_BYTES_MAX) : undefined;
  if (prdPath === undefined || bytes === undefined) return none;
  // Loads zod: only where there may be something to check.
  if (!new TextDecoder().decode(bytes).includes('"review"')) return none;
  const { readPrdReview } = await import("./file.ts");
  const { part, warnings } = readPrdReview({ path: prdPath, bytes });
  return { parts: [{ from: "PRD", part }], warnings };
}

/** A repository has nothing run by being worked in, but its gates. */
function withoutHooks({ from, part }: SourcedPart): SourcedPart {
  const without = Object.fromEntries(HOOK_SETTINGS.map((name) => [name, undefined]));
  return { from, part: { ...part, ...without } };
}

function hooksNotRun(part: SettingsPart, projectRoot: string): readonly string[] {
  const named = HOOK_SETTINGS.filter((name) => part[name] !== undefined);
  if (named.length === 0) return [];
  const allowed = `"hooksFrom": ${JSON.stringify([projectRoot])}`;
  return [
    `${named.map((name) => `\`${name}\``).join(", ")} of ralph.json ` +
    `${named.length === 1 ? "does" : "do"} not count: they belong into your own config.json, ` +
    `where \`${plain(allowed, 300)}\` allows them for this project`,
  ];
}

interface SourcedPart {
  from: SettingSource;
  part: SettingsPart;
}

/**
 * Whether it is the user who names this server: as the usual one, in `config.json` or in RALPH_SERVER.
 * False where those cannot be read.
 */
export async function userNamesServer(
  url: string,
  { environment, readFile }: Pick<SettingsSources, "environment" | "readFile">,
): Promise<boolean> {
  try {
    const ofUser = await readPart("config.json", configPath(environment), readFile);
    const variables = readVariables(environment).map((part) => ({ part }));
    return namesServer([...ofUser, ...variables], url);
  } catch (error) {
    if (error instanceof RalphError) return false;
    throw error;
  }
}

function namesServer(parts: readonly Pick<SourcedPart, "part">[], url: string): boolean {
  return [DEFAULT_SERVER_URL, ...parts.map(({ part }) => part.server)].includes(url);
}

/** The project's settings. They are protected: the agent may write there. */
export function projectSettingsPath(projectRoot: string): string {
  return path.join(projectRoot, "ralph.json");
}

/**
 * The user's settings; undefined when the environment does not say where. A relative
 * XDG_CONFIG_HOME is ignored, as the XDG Base Directory Specification asks.
 */
export function configPath(environment: (name: string) => string | undefined): string | undefined {
  const home = environment("HOME") ?? "";
  const folder = [environment("XDG_CONFIG_HOME") ?? "", path.join(home, ".config")]
    .find(path.isAbsolute);
  return folder && path.join(folder, "ralph", "config.json");
}

function bytesOf(path: string, readFile: ReadFile): Uint8Array | undefined {
  try {
    return readFile(path, SETTINGS_BYTES_MAX);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RalphError(
      "usage",
      `cannot read the settings ${plain(path)}: ${plain(reason, 200)}`,
      [seeWhatItIs(path)],
      { cause: error },
    );
  }
}

/** What a file says: one part, or none where there is no such file. */
async function readPart(
  from: "config.json" | "ralph.json",
  path: string | undefined,
  readFile: ReadFile,
): Promise<readonly SourcedPart[]> {
  const bytes = path === undefined ? undefined : bytesOf(path, readFile);
  if (path === undefined || bytes === undefined) return [];
  // Loads zod: only where there is something to check.
  const { readSettingsFile } = await import("./file.ts");
  try {
    return [{ from, part: readSettingsFile({ path, bytes, isOwn: from === "config.json" }) }];
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    const see = { text: "see the file", command: `cat ${shellWord(path)}` };
    throw new RalphError(error.kind, error.message, [...error.hints, see], { cause: error });
  }
}
