/** The files of `systemd/`, which this program brings along, made to fit this machine. */
import * as path from "node:path";
import { type BaseFolders, movedBases } from "./base_folders.ts";

export const UNIT_FILES = ["opencode", "unattended", "limits", "hardening", "resume"] as const;
export type UnitFile = typeof UNIT_FILES[number];

/** The unit's own port, in its file. */
const PORT = "14096";

const FILES: Partial<Record<UnitFile, string>> = {
  opencode: "opencode.service",
  resume: "ralph-resume.service",
};

/** The text of the unit, or of one of its drop-ins, as it is in `systemd/`. */
export function unitFileText(name: UnitFile, mainUrl: string): string {
  const file = FILES[name] ?? `opencode.service.d/${name}.conf`;
  return Deno.readTextFileSync(new URL(`./systemd/${file}`, mainUrl));
}

interface Fit {
  port: number;
  /** The `opencode` of this shell. */
  program?: string;
  home: string;
  /** Of this shell. */
  folders: BaseFolders;
  /** The `opencode` in the first of these that has one. */
  found(folders: readonly string[]): string | undefined;
  realPath(path: string): string | undefined;
}

/**
 * The unit with the port that ralph is configured for, with the folder of this shell's `opencode` in
 * front of its PATH unless it finds that one anyway, and with this shell's XDG folders.
 */
export function fitUnit(text: string, { port, ...fit }: Fit): string {
  const withPort = text.replaceAll(`--port ${PORT}`, `--port ${port}`)
    .replaceAll(`--port=${PORT}`, `--port=${port}`);
  return withFolders(withPath(withPort, fit), fit);
}

function withPath(text: string, { program, home, found, realPath }: Omit<Fit, "port">): string {
  const folder = program === undefined ? undefined : lastingFolder(path.dirname(program), realPath);
  if (folder === undefined) return text;
  return text.replace(/^(Environment="?PATH=)(.*)$/m, (line, start: string, rest: string) => {
    const folders = rest.replace(/"$/, "").replaceAll("%h", home).split(":");
    const first = found(folders);
    const isThis = first === undefined
      ? folders.includes(folder)
      : path.dirname(first) === folder || realPath(first) === realPath(program ?? "");
    return isThis ? line : `${start}${escaped(folder)}:${rest}`;
  });
}

/** Places that are emptied at a logout or a boot; what fnm puts on PATH is there. */
const SHORT_LIVED = /^\/(?:run\/user|tmp|dev\/shm)\//;
const isShortLived = (folder: string): boolean => SHORT_LIVED.test(`${folder}/`);

/** The folder, or where a link there leads, whichever lasts; undefined where neither does. */
export function lastingFolder(
  folder: string,
  realPath: (path: string) => string | undefined,
): string | undefined {
  if (!isShortLived(folder)) return folder;
  const real = realPath(folder);
  return real === undefined || isShortLived(real) ? undefined : real;
}

const FILE = "%E/ralph/server.env";

/** A unit with this shell's XDG folders: systemd's user manager need not have what this shell has. */
export function withFolders(
  text: string,
  { folders, home }: Pick<Fit, "folders" | "home">,
): string {
  const moved = movedBases(folders, home);
  const lines = moved.map((name) => `Environment="${name}=${escaped(folders[name])}"\n`).join("");
  const file = moved.includes("XDG_CONFIG_HOME")
    ? `${folders.XDG_CONFIG_HOME.replaceAll("%", "%%")}/ralph/server.env`
    : FILE;
  return text.replace(/^Environment="?PATH=/m, (start) => lines + start).replace(FILE, () => file);
}

/** systemd.unit(5), systemd.syntax(7): what begins a specifier, or an escape, and what ends quotes. */
const escaped = (text: string) => text.replaceAll("%", "%%").replaceAll(/["\\]/g, "\\$&");
