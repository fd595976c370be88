/**
 * Runs a suite of `suites.ts`, and installs first what it needs:
 *
 *   quick    what `deno task test` runs
 *   all      everything
 *   rest     everything but `quick`, with the newest OpenCode and the contract of the oldest, and what
 *            holds on a fake of either generation on one of the second; with RALPH_BINARY also what of
 *            `quick` starts the program
 *   binary   what the program in RALPH_BINARY is tested by
 *
 * Exit code 1 when a test failed.
 */
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { temporaryFolder } from "./support/folder.ts";
import { AS_ONE, LONG, OF_THE_BINARY, ON_BOTH_FAKES, ON_EACH_VERSION } from "./suites.ts";
import { NEWEST, opencodeBinary, type Version, VERSIONS } from "./support/install.ts";

/** A call of `deno test`. */
interface Part {
  /** Below `tests/`. */
  readonly files: readonly string[];
  /** Only the tests whose name this regular expression fits. */
  readonly filter?: string;
  /** The only version for the tests of each version of OpenCode; default: all. */
  readonly version?: Version;
  /** What the fake server of `reliability/world.ts` is where a test does not say. */
  readonly fake?: string;
}

interface Suite {
  readonly versions: readonly Version[];
  readonly parts: readonly Part[];
}

const HERE = fileURLToPath(new URL(".", import.meta.url));
/**
 * Modules at a time for each core: most tests wait for a server or a process, and with one for each the
 * cores were half idle (363 s of CPU in 365 s on two, measured).
 */
const JOBS_PER_CORE = 2;
/** How many of the slowest tests are named at the end. */
const SLOWEST = 10;
/** Of what each failed test says. */
const FAILURE_LINES = 25;
const [OLDEST] = VERSIONS;

const all = testFiles("");
const isIn = (places: readonly string[]) => (file: string) =>
  places.some((place) => file === place || (place.endsWith("/") && file.startsWith(place)));
const quick = all.filter((file) => !isIn(LONG)(file));
const binary = Deno.env.get("RALPH_BINARY");
const isOfTheBinary = binary === undefined ? () => false : isIn(OF_THE_BINARY);
/** Without those of the first generation's own requests. */
const onSecond: Part = { files: all.filter(isIn(ON_BOTH_FAKES)), fake: "2.0.26" };
const onOldest = `(OpenCode|fake) ${OLDEST.replaceAll(".", "\\.")}$`;

const SUITES: Readonly<Record<string, Suite>> = {
  quick: { versions: [NEWEST], parts: [{ files: quick, version: NEWEST }] },
  rest: {
    versions: VERSIONS,
    parts: [
      { files: all.filter((file) => isIn(LONG)(file) || isOfTheBinary(file)), version: NEWEST },
      { files: quick.filter(isIn(ON_EACH_VERSION)), filter: onOldest },
      onSecond,
    ],
  },
  all: { versions: VERSIONS, parts: [{ files: all }, onSecond] },
  binary: { versions: VERSIONS, parts: [{ files: all.filter(isIn(OF_THE_BINARY)) }] },
};

Deno.exit(await main(Deno.args));

async function main([name = "", ...others]: readonly string[]): Promise<number> {
  const suite = Object.hasOwn(SUITES, name) ? SUITES[name] : undefined;
  if (!suite || others.length > 0) {
    console.error(`usage: deno run -A tests/run.ts ${Object.keys(SUITES).join("|")}`);
    return 2;
  }
  for (const version of suite.versions) await opencodeBinary(version);
  const reported: Ended[] = [];
  let allWell = true;
  for (const part of suite.parts) {
    const { isWell, tests } = await run(part);
    allWell &&= isWell;
    reported.push(...tests);
  }
  const ended = reported.filter(({ isStep }) => !isStep);
  const slowest = ended.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
  for (const { seconds, test } of slowest) console.log(`${seconds.toFixed(1)} s  ${test}`);
  const failed = ended.filter((test) => test.failure !== undefined).length;
  // Once more: in a long log they are far above, among what the tests print.
  for (const { test, failure } of reported) {
    if (failure !== undefined) console.log(`failed: ${test}\n${failure}`);
  }
  // A file that does not even load has no test that failed.
  const failures = allWell ? 0 : Math.max(failed, 1);
  console.log(`${name}: ${ended.length - failed} passed, ${failures} failed`);
  return allWell ? 0 : 1;
}

interface Ended {
  readonly test: string;
  readonly isStep: boolean;
  readonly seconds: number;
  /** Why it failed, the first lines of it. */
  readonly failure?: string;
}

async function run(
  { files, filter, version, fake }: Part,
): Promise<{ isWell: boolean; tests: Ended[] }> {
  using folder = temporaryFolder();
  const report = join(folder.path, "report.xml");
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", "--parallel", `--junit-path=${report}`]
      .concat(filter === undefined ? [] : `--filter=/${filter}/`)
      .concat(modules(files, folder.path)),
    cwd: join(HERE, ".."),
    env: {
      DENO_JOBS: Deno.env.get("DENO_JOBS") ?? `${JOBS_PER_CORE * navigator.hardwareConcurrency}`,
      ...version && { RALPH_OPENCODE: version },
      ...fake && { RALPH_FAKE: fake },
      // some tests work in another folder
      ...binary && { RALPH_BINARY: await Deno.realPath(binary) },
    },
    stdin: "null",
  }).spawn().status;
  const tests = readReport(await Deno.readTextFile(report));
  return { isWell: success && tests.length > 0, tests };
}

/** The modules that `deno test` gets for these files; those that are made are put in `folder`. */
function modules(files: readonly string[], folder: string): string[] {
  const moduleOf = (file: string) => AS_ONE.findIndex((places) => isIn(places)(file));
  const made = AS_ONE.flatMap((_, index) => {
    const imported = files.filter((file) => moduleOf(file) === index)
      .map((file) => pathToFileURL(join(HERE, file)).href);
    if (imported.length === 0) return [];
    const module = join(folder, `${index}_test.ts`);
    Deno.writeTextFileSync(module, imported.map((url) => `import "${url}";\n`).join(""));
    return [module];
  });
  const alone = files.filter((file) => moduleOf(file) < 0);
  return [...made, ...alone.map((file) => join(HERE, file))];
}

/** The tests of a JUnit report and their steps, without those that were ignored. */
function readReport(xml: string): Ended[] {
  const cases = xml.matchAll(
    /<testcase name="([^"]*)" classname="([^"]*)" time="([^"]*)"[^>]*>(.*?)<\/testcase>/gs,
  );
  return [...cases].filter(([, , , , what]) => !what.includes("<skipped"))
    .map(([, test, file, time, what]) => ({
      test: unescaped(`${file} ${test}`),
      isStep: test.includes(" &gt; "),
      seconds: Number(time),
      failure: failureIn(what),
    }));
}

function failureIn(what: string): string | undefined {
  const found = /<(?:failure|error)\b[^>]*>(.*?)<\/(?:failure|error)>/s.exec(what);
  return found
    ? unescaped(found[1]).split("\n").slice(0, FAILURE_LINES).map((line) => `  ${line}`).join("\n")
    : undefined;
}

function unescaped(text: string): string {
  const named: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replaceAll(/&(\w+);/g, (whole, name) => named[name] ?? whole);
}

function testFiles(folder: string): string[] {
  return [...Deno.readDirSync(join(HERE, folder))].flatMap(({ name, isDirectory }) => {
    const path = `${folder}${name}`;
    return isDirectory ? testFiles(`${path}/`) : path.endsWith("_test.ts") ? [path] : [];
  }).toSorted();
}
