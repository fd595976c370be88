import type { Context } from "../app/context.ts";
import type { Output } from "./output/streams.ts";

/** What every command gets: this installation, and where to write. */
export interface CommandContext extends Context {
  output: Output;
}

/** Takes the exit code of the command that was run. */
export type Done = (code: number) => void;

/** Warnings go to stderr. */
export function commandContext(parts: Omit<CommandContext, "warn">): CommandContext {
  return { ...parts, warn: (text) => parts.output.err.line(`warning: ${text}`) };
}
