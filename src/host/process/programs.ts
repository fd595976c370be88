/** Programs that ralph hands the terminal to. */
import * as path from "node:path";
import { onEndingSignal } from "./signals.ts";

/** Where `program` is: on PATH, or in one of `folders`; undefined when it is nowhere. */
export function findProgram(
  program: string,
  { searchPath, folders }: { searchPath: string; folders: readonly string[] },
): string | undefined {
  return [...searchPath.split(path.delimiter), ...folders]
    .filter((folder) => path.isAbsolute(folder))
    .map((folder) => path.join(folder, program))
    .find(isExecutable);
}

/**
 * Runs a program with this terminal, and returns its exit code. Signals are for that program. `env`
 * is added to its environment.
 */
export async function handTerminalTo(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const stopListening = onEndingSignal(() => {});
  try {
    const [program, ...args] = command;
    const { code } = await new Deno.Command(program, {
      args,
      env,
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn().status;
    return code;
  } finally {
    stopListening();
  }
}

function isExecutable(file: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(file);
    return isFile && (mode === null || (mode & 0o111) !== 0);
  } catch {
    return false;
  }
}
