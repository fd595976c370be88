/** What belongs to a whole process, and so to all tests that run at the same time: PATH, the current folder. */
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Runs `work` with `given` in a process of its own, with `env` added to its environment, and returns what
 * it returns, as JSON has it. `work` goes there as text: it sees nothing but `given`, and imports what it
 * needs by address.
 */
export async function inOwnProcess<Given, Result>(
  work: (given: Given) => Promise<Result>,
  given: Given,
  env: Readonly<Record<string, string>> = {},
): Promise<Result> {
  const code = `console.log(JSON.stringify(await (${work})(${JSON.stringify(given)})))`;
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", code],
    cwd: ROOT,
    env,
    stdin: "null",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("the process of its own failed");
  return JSON.parse(new TextDecoder().decode(stdout));
}
