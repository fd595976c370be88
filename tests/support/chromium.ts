/** A real browser for tests, where there is one: Debian's package, or what is on PATH under its names. */
import { chromium } from "playwright-core";
import { findProgram } from "../../src/host/process/programs.ts";

const program = ["chromium", "chromium-browser", "google-chrome"]
  .map((name) => findProgram(name, { searchPath: Deno.env.get("PATH") ?? "", folders: [] }))
  .find((path) => path !== undefined);

/**
 * Registers a test in a browser. Without one it is ignored, and its name says why; where CI is set it
 * fails, so that nobody takes a green run for one that has looked.
 */
export function browserTest(name: string, body: () => Promise<void>): void {
  const isMissing = program === undefined;
  const ignore = isMissing && !Deno.env.get("CI");
  Deno.test({ name: name + (isMissing ? " (not run: no chromium)" : ""), ignore, fn: body });
}

/** Starts it, without a window. It ends when it is disposed. */
export async function startBrowser() {
  if (program === undefined) throw new Error("there is no chromium: apt-get install chromium");
  return await chromium.launch({ executablePath: program });
}
