/** The files of `systemd/`, which this program brings along, made to fit this machine. */
import * as path from "node:path";

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

/**
 * The unit with the port that ralph is configured for, and with the folder of this machine's
 * `opencode` in front of its PATH unless it is in there.
 */
export function fitUnit(
  text: string,
  { port, program, home }: { port: number; program?: string; home: string },
): string {
  const withPort = text.replaceAll(`--port ${PORT}`, `--port ${port}`)
    .replaceAll(`--port=${PORT}`, `--port=${port}`);
  const folder = program === undefined ? undefined : path.dirname(program);
  if (folder === undefined) return withPort;
  return withPort.replace(/^(Environment="?PATH=)(.*)$/m, (line, start: string, rest: string) => {
    const folders = rest.replace(/"$/, "").replaceAll("%h", home).split(":");
    return folders.includes(folder) ? line : `${start}${escaped(folder)}:${rest}`;
  });
}

/** systemd.unit(5), systemd.syntax(7): what begins a specifier, or an escape, and what ends quotes. */
const escaped = (text: string) => text.replaceAll("%", "%%").replaceAll(/["\\]/g, "\\$&");
