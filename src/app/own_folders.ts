/** ralph's own folders, which have to be its user's alone before anything is run with them. */
import * as path from "node:path";
import { folderFault, homeFault } from "../doctor/folders.ts";
import { RalphError } from "../error.ts";
import { modeOf } from "../host/files/mode.ts";
import { foreignHome, userName } from "../host/system/accounts.ts";
import { configFolder } from "../host/system/server_env.ts";
import type { Context } from "./context.ts";
import { pathsOf } from "./store.ts";

/** All of them, whether or not they are there. */
export function ownFolders(context: Context): readonly string[] {
  const { database, locks, places, signals, logs, kept, reports } = pathsOf(context);
  const config = configFolder(context.environment);
  const ofData = [path.dirname(database), locks, places, signals];
  return [...ofData, path.dirname(logs), config, logs, kept, reports];
}

/** Throws `RalphError` (`state`) where one, or HOME, is another user's, or others may write there. */
export function requireOwnFolders(context: Context): void {
  const home = context.environment("HOME") ?? "/";
  const ofHome = homeFault({ home, foreignHome: foreignHome(home), user: userName() });
  if (ofHome) {
    const { found, because, fixes } = ofHome;
    throw new RalphError("state", `nothing is run with the HOME of another: ${found}: ${because}`, [
      ...fixes,
    ]);
  }
  const folders = ownFolders(context).flatMap((path) => {
    const facts = modeOf(path);
    return facts ? [{ path, ...facts }] : [];
  });
  const fault = folderFault(folders, { uid: Deno.uid() ?? 0, home });
  if (!fault) return;
  const { found, fix } = fault;
  const message = `nothing is run with folders that are not yours alone: ${found}`;
  throw new RalphError("state", message, [fix]);
}
