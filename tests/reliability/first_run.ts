/**
 * What a worker does with the database at its start, when told to by a file: `first_runs_test.ts` starts
 * many of these. Arguments: a folder, a number of its own, and how many times. Prints what was refused.
 */
import { join } from "node:path";
import { openStore } from "../../src/store/store.ts";
import { migrations } from "../support/migrations.ts";

const [folder, number, rounds] = Deno.args;
const nap = new Int32Array(new SharedArrayBuffer(4));

for (let round = 0; round < Number(rounds); round++) {
  Deno.writeTextFileSync(join(folder, `at-${round}-${number}`), "");
  const gun = join(folder, `go-${round}`);
  while (!isThere(gun)) Atomics.wait(nap, 0, 0, 1);
  const path = join(folder, `data-${round}`, "sessions.db");
  try {
    const store = openStore({ path, migrations, now: () => Date.now() });
    try {
      store.keepDailyCopy();
    } finally {
      store.close();
    }
  } catch (error) {
    console.log(`${round}: ${error instanceof Error ? error.message : error}`);
  }
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
