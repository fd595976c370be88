import { hostname } from "node:os";
import * as path from "node:path";
import type { Names } from "../doctor/probes.ts";
import { baseFolders, movedBases } from "../host/system/base_folders.ts";
import type { Systemd } from "../host/system/systemd.ts";
import { findProgram } from "../host/process/programs.ts";
import { portOf } from "../host/system/port.ts";
import { foreignHome, userName } from "../host/system/accounts.ts";
import { UNIT_NAME } from "../doctor/unit_facts.ts";
import type { Context } from "./context.ts";
import { ownFolders } from "./own_folders.ts";
import { ownName } from "./own_name.ts";
import { pathsOf } from "./store.ts";

/** What commands in remedies are filled in with. */
function namesOf(context: Context, serverUrl: string): Names {
  const home = context.environment("HOME") ?? "/";
  const folders = baseFolders(context.environment, home);
  const configHome = folders.XDG_CONFIG_HOME;
  const { database, logs } = pathsOf(context);
  return {
    user: userName(),
    uid: Deno.uid() ?? 0,
    home,
    foreignHome: foreignHome(home),
    host: hostname(),
    serverUrl,
    port: portOf(serverUrl),
    ralph: ownName(context),
    unitFile: path.join(configHome, "systemd", "user", UNIT_NAME),
    dataFolder: path.dirname(database),
    stateFolder: path.dirname(logs),
    folders,
    configFolder: path.join(configHome, "ralph"),
    ownFolders: ownFolders(context),
    database,
  };
}

/**
 * The same, with the unit where the user manager looks for it, which need not have this shell's
 * XDG_CONFIG_HOME. It is asked only where this shell has one.
 */
export async function namesFor(
  context: Context,
  serverUrl: string,
  systemd: Pick<Systemd, "unitFolder">,
): Promise<Names> {
  const names = namesOf(context, serverUrl);
  if (!movedBases(names.folders, names.home).includes("XDG_CONFIG_HOME")) return names;
  const folder = await systemd.unitFolder() ?? path.join(names.home, ".config/systemd/user");
  return { ...names, unitFile: path.join(folder, UNIT_NAME) };
}

/** Where a program is on PATH: what gates find. */
export function onPath({ environment }: Context, name: string): string | undefined {
  return findProgram(name, { searchPath: environment("PATH") ?? "", folders: [] });
}

/** Where a program is: on PATH, or where its own installer puts it. */
export function programOf({ environment }: Context, name: string): string | undefined {
  const home = environment("HOME") ?? "/";
  const folders = [".opencode/bin", ".local/bin", ".bun/bin", ".npm-global/bin"];
  return findProgram(name, {
    searchPath: environment("PATH") ?? "",
    folders: [...folders.map((folder) => path.join(home, folder)), "/usr/local/bin"],
  });
}
