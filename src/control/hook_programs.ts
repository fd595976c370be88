/** Whether what is to tell of something can be run: at night nobody sees that it cannot. */
import type { Context } from "../app/context.ts";
import { findProgram } from "../host/process/programs.ts";
import { fileExists } from "../host/files/read_file.ts";
import type { Settings } from "../settings/settings.ts";
import { plain } from "../terminal/plain.ts";

/** One line for each program that is not there. */
export function missingHookPrograms(
  { environment }: Pick<Context, "environment">,
  { onEnd, onBlocked, onIteration, notify }: Settings,
): readonly string[] {
  const shows = Deno.build.os === "darwin" ? "osascript" : "notify-send";
  const commands = { onEnd, onBlocked, onIteration, notify: notify ? [shows] : undefined };
  const searchPath = environment("PATH") ?? "";
  return Object.entries(commands).flatMap(([name, command]) => {
    const [program] = command ?? [];
    if (program === undefined) return [];
    const isThere = program.includes("/")
      ? fileExists(program)
      : findProgram(program, { searchPath, folders: [] }) !== undefined;
    return isThere
      ? []
      : [`\`${name}\` will tell nobody: there is no program ${plain(program, 200)}`];
  });
}
