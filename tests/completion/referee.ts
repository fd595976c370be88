/**
 * Finds out from the working tree whether the work is done: by the scenario's own checks, which the
 * agent and the drivers never see. The PRD, promises and gates play no part.
 */
import type { Scenario } from "./scenario.ts";

const TIMEOUT_MS = 20_000;

/**
 * Runs in a process of its own, in the project root. A check may use `assert`, `load(path)` for the
 * exports of a module, and `read(path)` for a text.
 */
const PROGRAM = `
import assert from "node:assert/strict";
const load = (path) => import("file://" + Deno.cwd() + "/" + path);
const read = (path) => Deno.readTextFile(path);
const AsyncFunction = (async () => {}).constructor;
const failures = [];
Deno.exit = () => {
  throw new Error("it ends the program");
};
for (const [name, body] of Object.entries(JSON.parse(Deno.args[0]))) {
  try {
    await new AsyncFunction("assert", "load", "read", body)(assert, load, read);
  } catch (error) {
    failures.push(name + ": " + String(error.message).split("\\n", 1)[0]);
  }
}
console.log(JSON.stringify(failures));
`;

/** Judges one working tree. Returns what does not hold; empty when the work is done. */
export type Referee = (root: string, scenario: Scenario) => Promise<readonly string[]>;

/** A referee whose program lies in `folder`. */
export async function makeReferee(folder: string): Promise<Referee> {
  const program = `${folder}/referee.mjs`;
  await Deno.writeTextFile(program, PROGRAM);
  return async (root, { id, truth }) => {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-config", "--no-lock", "--allow-read", program, JSON.stringify(truth)],
      cwd: root,
      env: { NO_COLOR: "1" },
      stdin: "null",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).output();
    if (!success) throw new Error(`${id}: the referee failed: ${new TextDecoder().decode(stderr)}`);
    // what the project's modules print comes before it
    return JSON.parse(new TextDecoder().decode(stdout).trimEnd().split("\n").at(-1) ?? "");
  };
}
