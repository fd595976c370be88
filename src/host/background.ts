/** Starting this program again as a process of its own, that outlives the terminal. */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The command line that runs this program again, from the binary or from the source. */
export function selfCommand(mainUrl: string): string[] {
  return Deno.build.standalone
    ? [Deno.execPath()]
    : [Deno.execPath(), "run", "-A", "--quiet", fileURLToPath(mainUrl)];
}

/**
 * Starts a detached process, in a session of its own and without a terminal, and reads its first
 * line of output. Resolves with that line, or with undefined when it ended without one. What it
 * says on standard error goes to the file `stderrPath`, made anew.
 */
export async function startInBackground(
  command: readonly string[],
  { cwd, stderrPath }: { cwd: string; stderrPath: string },
): Promise<string | undefined> {
  const stderr = openSync(stderrPath, "w", 0o600);
  try {
    const child = spawn(command[0], command.slice(1), {
      cwd,
      detached: true,
      stdio: ["ignore", "pipe", stderr],
    });
    const { stdout } = child;
    if (!stdout) throw new Error("the new process has no standard output");
    let output = "";
    await new Promise<void>((resolve, reject) => {
      child.once("error", reject);
      stdout.setEncoding("utf8");
      stdout.on("data", (chunk: string) => {
        output += chunk;
        if (output.includes("\n")) resolve();
      });
      stdout.once("end", resolve);
    });
    stdout.destroy();
    child.unref();
    return output.includes("\n") ? output.slice(0, output.indexOf("\n")) : undefined;
  } finally {
    closeSync(stderr);
  }
}
