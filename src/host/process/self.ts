/** This program, run once more. */
import { fileURLToPath } from "node:url";

/** The command line that runs this program again, from the binary or from the source. */
export function selfCommand(mainUrl: string): string[] {
  return Deno.build.standalone
    ? [Deno.execPath()]
    : [Deno.execPath(), "run", "-A", "--quiet", fileURLToPath(mainUrl)];
}

/** Runs this program again, to its end. Throws what it said when it failed. */
export function runSelf(mainUrl: string, args: readonly string[]): void {
  const [program, ...first] = selfCommand(mainUrl);
  const { success, stderr } = new Deno.Command(program, {
    args: [...first, ...args],
    cwd: "/",
    stdin: "null",
    stdout: "null",
  }).outputSync();
  if (success) return;
  throw new Error(new TextDecoder().decode(stderr).replace(/^error: /, "").split("\n", 1)[0]);
}
