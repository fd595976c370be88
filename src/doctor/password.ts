/**
 * Commands that write `server.env`, which systemd, ralph and shells all read: a value stands between
 * double quotes, with what counts there escaped, and is then read alike by all three.
 */
import * as path from "node:path";
import type { ServerEnv } from "../host/system/server_env.ts";
import { shellWord } from "../terminal/shell_word.ts";
import type { Names } from "./probes.ts";

/** What `run` says of a server that works without the password that its user believes to have set. */
export function openWarning({ unread, source, path }: ServerEnv): string | undefined {
  return unread === undefined || source !== undefined
    ? undefined
    : `the server asks for no password: in ${path} ${unread}; see: ralph doctor server.password`;
}

type Folder = Pick<Names, "configFolder">;

const fileIn = ({ configFolder }: Folder) => shellWord(path.join(configFolder, "server.env"));

/** For sed(1): what it prints of a value, from between the quotes. */
const ESCAPE = 's/[\\"`$]/\\\\&/g';

/**
 * Makes a random password in the file that the unit and ralph both read, unless it has one. On a line of
 * its own: the last line of a file that an editor wrote may have no end.
 */
export function newPasswordCommand(names: Folder): string {
  const file = fileIn(names);
  return `(umask 077 && mkdir -p ${shellWord(names.configFolder)} && ` +
    `{ grep -s '^OPENCODE_SERVER_PASSWORD=' ${file} | tail -n 1 | grep -q "=[\\"' ]*[^\\"' ]" || ` +
    `printf '\\nOPENCODE_SERVER_PASSWORD=%s\\n' "$(head -c 24 /dev/urandom | base64)" >> ${file}; } && ` +
    `chmod 600 ${file})`;
}

/** Starts a server where no systemd does: with the password of the file, which is made if need be. */
export function serveCommand(names: Pick<Names, "configFolder" | "port">): string {
  return `${newPasswordCommand(names)} && (set -a; . ${fileIn(names)}; ` +
    `exec opencode serve --hostname 127.0.0.1 --port ${names.port})`;
}

/** Takes over what a process was started with, without showing it; fails where that has ended. */
export const takePasswordCommand = (names: Folder, pid: number): string =>
  replaceCommand(
    names,
    `tr '\\0' '\\n' < /proc/${pid}/environ | ` +
      `sed -nE '/^OPENCODE_(SERVER_|PASSWORD=)/{${ESCAPE};s/=/="/;s/$/"/;p;}'`,
  );

/** Asks for the password, without showing it. */
export const typePasswordCommand = (names: Folder): string =>
  replaceCommand(
    names,
    `IFS= read -rs p && printf '%s\\n' "$p" | ` +
      `sed -n '/./{${ESCAPE};s/^/OPENCODE_SERVER_PASSWORD="/;s/$/"/;p;}'`,
  );

/**
 * Puts what a command prints in the place of the password that the file has; what else it has stays. A
 * command that prints nothing changes nothing: with an empty file the server would start without one.
 */
function replaceCommand(names: Folder, print: string): string {
  const file = fileIn(names);
  return `(umask 077 && mkdir -p ${shellWord(names.configFolder)} && ${print} > ${file}.new && ` +
    `test -s ${file}.new && ` +
    `{ grep -svE 'OPENCODE_(SERVER_)?(PASSWORD|USERNAME)[[:blank:]]*=' ${file} >> ${file}.new; ` +
    `mv ${file}.new ${file}; })`;
}
