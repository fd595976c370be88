/** What a command prints with `--json`, against the form that is published for it. */
import assert from "node:assert/strict";
import * as z from "zod";
import { meant } from "../../src/cli/synonyms.ts";
import { PRINTED, printedSchema } from "../../tools/json_schemas.ts";

/**
 * For each command that a test has run: with `--json` it may print only what is published, all of it
 * and nothing else.
 */
export function checkPrinted(
  typed: readonly string[],
  { stdout, stderr }: { stdout: string; stderr: string },
): void {
  if (!typed.includes("--json") || typed[0].startsWith("__")) return;
  const args = meant(typed);
  const name = args.includes("--version") ? "version" : args[0];
  const said = `${typed.join(" ")}: ${stdout}`;
  if (stdout !== "") {
    assert(Object.hasOwn(PRINTED, name), `tools/json_schemas.ts lacks ${name}`);
    const printed = PRINTED[name];
    const texts = printed.as === "lines" ? stdout.trim().split("\n") : [stdout];
    for (const text of texts) assertIs(printedSchema(printed), JSON.parse(text), said);
  }
  const last = stderr.trim().split("\n").at(-1) ?? "";
  if (last.startsWith("{")) assertIs(printedSchema(PRINTED.error), JSON.parse(last), last);
}

function assertIs(schema: z.ZodType, value: unknown, said: string): void {
  const { error } = schema.safeParse(value);
  assert(!error, error && `${z.prettifyError(error)}\n${said}`);
}
