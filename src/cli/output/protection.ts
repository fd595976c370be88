/** Which files a session protects, told by a command that begins none itself. */
import { protectionOf } from "../../app/gates.ts";
import { RalphError } from "../../error.ts";
import { protectionLines } from "../../verify/protected/protection_words.ts";
import type { CommandContext } from "../command_context.ts";

/** For git to list the files, of which 100,000 take it some 0.5 s. */
const LIMIT_MS = 3_000;

/** That it cannot be told is told, and fails nothing. */
export async function tellProtection(
  context: CommandContext,
  order: Omit<Parameters<typeof protectionOf>[1], "limitMs">,
): Promise<void> {
  const { out } = context.output;
  try {
    const protection = await protectionOf(context, { ...order, limitMs: LIMIT_MS });
    for (const line of protectionLines(protection)) out.line(out.colors.dim(`  ${line}`));
    for (const fault of protection.faults) context.warn(fault);
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    context.warn(`which files are protected cannot be told: ${error.message}`);
  }
}
