/** The accounts of this machine, of passwd(5). */
import { userInfo } from "node:os";
import { modeOf } from "../files/mode.ts";
import { textOf } from "../files/read_file.ts";

/** The number of one that has no entry in /etc/passwd, as in many a container: systemd takes both. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(Deno.uid() ?? "unknown");
  }
}

/** The name of an account of this machine itself; undefined for one that a directory in the network has. */
export function accountName(uid: number): string | undefined {
  return textOf("/etc/passwd")?.split("\n").map((line) => line.split(":"))
    .find(([, , id]) => id !== undefined && id !== "" && Number(id) === uid)?.[0];
}

/**
 * Whose HOME this is, where it is that of another account, as after `sudo -E`. Root's is nobody's, and
 * so is that of a number without an account: containers run with either.
 */
export function foreignHome(home: string): { owner: string; ownHome?: string } | undefined {
  const uid = modeOf(home)?.uid ?? 0;
  if (uid === 0 || uid === Deno.uid()) return undefined;
  const owner = accountName(uid);
  return owner === undefined ? undefined : { owner, ownHome: ownHome() };
}

function ownHome(): string | undefined {
  try {
    return userInfo().homedir;
  } catch {
    return undefined;
  }
}
