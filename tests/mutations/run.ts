/**
 * Shows that the tests bite: `deno task mutations [words of a name]`. Each mutation is put into a
 * copy of the work tree, and the tests that it names are run there: they must pass without it and
 * fail with it. Prints which test noticed; exits with 1 when none did.
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Mutation, MUTATIONS } from "./mutations.ts";
import { mutated } from "./mutated.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** A test that hangs does not count as one that notices. */
const LIMIT_MS = 300_000;

interface TestRun {
  readonly failed: readonly string[];
  /** All went well; neither that nor `failed`: something that is no test failed. */
  readonly passed: boolean;
  readonly output: string;
}

const words = Deno.args.join(" ");
const chosen = MUTATIONS.filter(({ name }) => name.includes(words));
const copy = await copyTree();
let unnoticed = chosen.length === 0 ? 1 : 0;
try {
  const sound = new Map<string, TestRun>();
  for (const mutation of chosen) {
    const { tests, only = "", name } = mutation;
    const key = [...tests, only].join(" ");
    const before = sound.get(key) ?? await runTests(mutation);
    sound.set(key, before);
    if (!before.passed) {
      unnoticed++;
      console.log(`NOT SHOWN: ${name}: ${key} fails without it\n${before.output}`);
      continue;
    }
    const { failed, output } = await withMutation(mutation, () => runTests(mutation));
    if (failed.length === 0) unnoticed++;
    console.log(failed.length > 0 ? `noticed: ${name}` : `NOT NOTICED: ${name}\n${output}`);
    for (const test of failed) console.log(`    ${test}`);
  }
} finally {
  await Deno.remove(copy, { recursive: true });
}
console.log(`${chosen.length - unnoticed} of ${chosen.length} mutations were noticed`);
if (unnoticed > 0) Deno.exit(1);

/** Copies what git knows or would add: the tree as it is now. */
async function copyTree(): Promise<string> {
  const { stdout } = await new Deno.Command("git", {
    args: ["-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
  }).output();
  const target = await Deno.makeTempDir({ prefix: "ralph-mutations-" });
  for (const file of new TextDecoder().decode(stdout).split("\0").filter(Boolean)) {
    await Deno.mkdir(dirname(join(target, file)), { recursive: true });
    await Deno.copyFile(join(ROOT, file), join(target, file));
  }
  return target;
}

async function withMutation<T>(mutation: Mutation, act: () => Promise<T>): Promise<T> {
  const file = join(copy, mutation.file);
  const text = await Deno.readTextFile(file);
  await Deno.writeTextFile(file, mutated(text, mutation));
  try {
    return await act();
  } finally {
    await Deno.writeTextFile(file, text);
  }
}

async function runTests({ tests, only = "" }: Mutation): Promise<TestRun> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--quiet", "--no-check", "--filter", only, ...tests],
    cwd: copy,
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(LIMIT_MS),
  }).output();
  const output = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
  const failed = [...output.matchAll(/^(\S.*) \.\.\. FAILED/gm)].map(([, name]) => name);
  return { failed, passed: success, output };
}
