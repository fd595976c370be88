/** Where the settings come from, and in which order they count. */
import * as path from "node:path";
import { RalphError } from "../error.ts";
import { plain } from "../terminal/plain.ts";
import { serverUrl } from "./server_url.ts";
import { mergeSettings, type Settings, type SettingsPart } from "./settings.ts";
import { readVariables, unknownVariables } from "./variables.ts";

export interface SettingsSources {
  readonly projectRoot: string;
  /** The value of a variable; undefined when it is unset or empty. */
  readonly environment: (name: string) => string | undefined;
  /** The names of all variables, to tell of those that are mistyped. */
  readonly variableNames: readonly string[];
  /** The file's bytes; undefined when there is no such file. */
  readonly readFile: (path: string) => Uint8Array | undefined;
  /** `server` as it was typed: it is checked here. */
  readonly flags: SettingsPart;
}

/**
 * The settings for a project: later wins of the user's `config.json`, the project's `ralph.json`,
 * variables and flags. `warnings` are lines to show. Throws `RalphError` (`usage`) for whatever is
 * wrong in one of them.
 */
export async function readSettings(
  { projectRoot, environment, variableNames, readFile, flags }: SettingsSources,
): Promise<{ settings: Settings; warnings: readonly string[] }> {
  const files = [configPath(environment), projectSettingsPath(projectRoot)].flatMap((path) => {
    const bytes = path === undefined ? undefined : bytesOf(path, readFile);
    return path === undefined || bytes === undefined ? [] : [{ path, bytes }];
  });
  const parts = [
    ...await readFiles(files),
    ...readVariables(environment),
    { ...flags, server: flags.server === undefined ? undefined : serverUrl(flags.server) },
  ];
  return { settings: mergeSettings(parts), warnings: unknownVariables(variableNames) };
}

/** The project's settings. They belong to the judge: the agent may write there. */
export function projectSettingsPath(projectRoot: string): string {
  return path.join(projectRoot, "ralph.json");
}

/**
 * The user's settings; undefined when the environment does not say where. A relative
 * XDG_CONFIG_HOME is ignored, as the XDG Base Directory Specification asks.
 */
function configPath(environment: (name: string) => string | undefined): string | undefined {
  const home = environment("HOME") ?? "";
  const folder = [environment("XDG_CONFIG_HOME") ?? "", path.join(home, ".config")]
    .find(path.isAbsolute);
  return folder && path.join(folder, "ralph", "config.json");
}

function bytesOf(
  path: string,
  readFile: (path: string) => Uint8Array | undefined,
): Uint8Array | undefined {
  try {
    return readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RalphError(
      "usage",
      `cannot read the settings ${plain(path)}: ${plain(reason, 200)}`,
      [],
      { cause: error },
    );
  }
}

async function readFiles(
  files: readonly { path: string; bytes: Uint8Array }[],
): Promise<readonly SettingsPart[]> {
  if (files.length === 0) return [];
  // Loads zod: only where there is something to check.
  const { readSettingsFile } = await import("./file.ts");
  return files.map(readSettingsFile);
}
