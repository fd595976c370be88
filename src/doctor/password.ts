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

/** For sed(1): what it prints of a variable, and of a password alone, as a line of that file. */
const OF_VARIABLE = `'/^OPENCODE_(SERVER_|PASSWORD=)/{s/[\\"\`$]/\\\\&/g;s/=/="/;s/$/"/;p;}'`;
const OF_PASSWORD = `'/./{s/[\\"\`$]/\\\\&/g;s/^/OPENCODE_SERVER_PASSWORD="/;s/$/"/;p;}'`;

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

/** Gives the server a variable that this shell has, without showing it. */
export function giveVariableCommand(names: Folder, variable: string): string {
  const script = shellWord(`s/[\\"\`$]/\\\\&/g;s/^/${variable}="/;s/$/"/`);
  return `(umask 077 && mkdir -p ${shellWord(names.configFolder)} && ` +
    `printenv ${shellWord(variable)} | sed ${script} > ` +
    `${replaceCommand(names, `^${variable}=`)})`;
}

/** Takes over what a process was started with, without showing it; fails where that has ended. */
export function takePasswordCommand(names: Folder, pid: number): string {
  return `(umask 077 && mkdir -p ${shellWord(names.configFolder)} && ` +
    `tr '\\0' '\\n' < /proc/${pid}/environ | sed -nE ${OF_VARIABLE} > ${
      replaceCommand(names, PASSWORDS)
    })`;
}

/** Asks for the password, without showing it. */
export function typePasswordCommand(names: Folder): string {
  return `(umask 077 && mkdir -p ${shellWord(names.configFolder)} && ` +
    `IFS= read -rs p && printf '%s\\n' "$p" | sed -n ${OF_PASSWORD} > ${
      replaceCommand(names, PASSWORDS)
    })`;
}

/** For grep(1). */
const PASSWORDS = "OPENCODE_(SERVER_)?(PASSWORD|USERNAME)[[:blank:]]*=";

/**
 * The end of a command that prints lines for that file: into a file beside, which then takes the place of
 * the one that is there, with what else that has: its lines but those of the pattern `lines`. A command that prints nothing changes nothing: with an empty file the server would start without a
 * password.
 */
function replaceCommand(names: Folder, lines: string): string {
  const file = fileIn(names);
  return `${file}.new && test -s ${file}.new && ` +
    `{ grep -svE ${shellWord(lines)} ${file} >> ${file}.new; ` +
    `mv ${file}.new ${file}; }`;
}
