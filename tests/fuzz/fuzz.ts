/**
 * `deno task fuzz --minutes 5 [target...]`: makes inputs for each parser of foreign bytes until the time
 * is over. One that breaks a parser is made small, and kept in the corpus, where the tests find it.
 */
import { parseArgs } from "node:util";
import fc from "fast-check";
import { inputs, keepInput, whyBroken } from "./fuzzing.ts";
import { type Target, TARGETS } from "./targets.ts";

const { values, positionals } = parseArgs({
  args: Deno.args,
  options: { minutes: { type: "string", default: "1" } },
  allowPositionals: true,
});
const minutes = Number(values.minutes);
const targets = TARGETS.filter(({ name }) =>
  positionals.length === 0 || positionals.includes(name)
);
if (!(minutes > 0) || targets.length === 0) {
  console.error(
    `usage: deno task fuzz [--minutes 1] [${TARGETS.map(({ name }) => name).join("|")}]`,
  );
  Deno.exit(2);
}

const broken: string[] = [];
for (const target of targets) await fuzz(target, minutes * 60_000 / targets.length);
for (const line of broken) console.log(line);
Deno.exit(broken.length === 0 ? 0 : 1);

async function fuzz(target: Target, forMs: number): Promise<void> {
  const property = fc.asyncProperty(inputs(target), async (bytes) => {
    const why = await whyBroken(target, bytes);
    if (why !== undefined) throw new Error(why);
  });
  const run = await fc.check(property, {
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: forMs,
    markInterruptAsFailure: false,
  });
  console.log(`${target.name}: ${run.numRuns} inputs, seed ${run.seed}`);
  if (!run.failed || !run.counterexample) return;
  const file = keepInput(target, run.counterexample[0]);
  const why = run.errorInstance instanceof Error ? run.errorInstance.message : "";
  broken.push(`${target.name} is broken by ${file}: ${why}`);
}
