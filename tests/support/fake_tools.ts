/** The tools of the fake server's agents. */
import { dirname, resolve } from "node:path";
import { systemClock } from "../../src/host/system/clock.ts";
import { runBounded } from "../../src/host/process/bounded_process.ts";

export type ToolInput = Readonly<Record<string, unknown>>;

/** Does a tool's work and hands back its output; what it throws is the tool's error. */
export type Tool = (
  input: ToolInput,
  context: {
    readonly directory: string;
    /** Aborts with the turn, not with the server: real tools outlive that (measured). */
    readonly signal: AbortSignal;
  },
) => string | Promise<string>;

export type Tools = Readonly<Record<string, Tool>>;

/** OpenCode's own, as far as scripted agents use them, in the real project. */
export const hostTools: Tools = {
  async bash({ command }, { directory, signal }) {
    const { ending, output } = await runBounded(["sh", "-c", String(command)], {
      cwd: directory,
      env: Deno.env.toObject(),
      timeoutMs: 120_000,
      clock: systemClock,
      signal,
    });
    if (ending.how === "not_started") throw new Error(`cannot start the command: ${ending.why}`);
    if (ending.how === "killed") throw new Error(`the command was ended by ${ending.signal}`);
    return output;
  },

  read: ({ filePath }, { directory }) => Deno.readTextFile(resolve(directory, String(filePath))),

  async write({ filePath, content }, { directory }) {
    const file = resolve(directory, String(filePath));
    await Deno.mkdir(dirname(file), { recursive: true });
    await Deno.writeTextFile(file, String(content));
    return "Wrote file successfully.";
  },

  async edit({ filePath, oldString, newString }, { directory }) {
    const file = resolve(directory, String(filePath));
    const text = await Deno.readTextFile(file);
    if (!text.includes(String(oldString))) throw new Error("oldString not found in content");
    await Deno.writeTextFile(file, text.replace(String(oldString), () => String(newString)));
    return "Edit applied successfully.";
  },
};
