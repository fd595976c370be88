/**
 * The real OpenCode for tests and the demo, from the npm registry into Deno's own cache, without
 * npm. As a script it installs every version that the tests need.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The newest OpenCode of generation 1. */
export const NEWEST = "1.18.34";
/** The oldest and the newest that ralph supports. */
export const VERSIONS = ["1.1.53", NEWEST] as const;
export type Version = typeof VERSIONS[number];
/** `2`: the program of `OPENCODE2`, whatever version that is. */
export type ServerVersion = Version | "2";

/** Those that tests of each version take: all, or the one that RALPH_OPENCODE names. */
export const TESTED: readonly Version[] = VERSIONS.filter((version) =>
  version === (Deno.env.get("RALPH_OPENCODE") ?? version)
);

/**
 * The program of an OpenCode 2, for the tests that want a real one: no release of it can be had from
 * the registry that the others come from.
 */
export const OPENCODE2: string | undefined = Deno.env.get("RALPH_TEST_OPENCODE2") || undefined;

/** Made by `deno cache --no-config --lock=opencode.lock npm:<package>@<version> …`. */
const LOCK_FILE = fileURLToPath(new URL("./opencode.lock", import.meta.url));

/**
 * The path of the OpenCode program of that version, installed first when it is missing.
 * Throws an error that tells how to install it when the registry cannot be reached.
 */
export async function opencodeBinary(version: ServerVersion): Promise<string> {
  if (version === "2") {
    if (OPENCODE2 === undefined) throw new Error("RALPH_TEST_OPENCODE2 names no OpenCode 2");
    return OPENCODE2;
  }
  const name = await packageName();
  const cache = await npmCache();
  const installed = await findBinary(cache, { name, version });
  if (installed) return installed;
  await install(name, version);
  const binary = await findBinary(cache, { name, version });
  if (!binary) throw new Error(`\`deno cache\` put no ${name}@${version} under ${cache}`);
  return binary;
}

/** Bun, which OpenCode is compiled with, needs AVX2 on x86-64 unless it is the baseline build. */
async function packageName(): Promise<string> {
  const arch = Deno.build.arch === "aarch64" ? "arm64" : "x64";
  const name = `opencode-${Deno.build.os}-${arch}`;
  if (name !== "opencode-linux-x64") return name;
  return /\bavx2\b/.test(await Deno.readTextFile("/proc/cpuinfo")) ? name : `${name}-baseline`;
}

async function npmCache(): Promise<string> {
  const { stdout } = await deno(["info", "--json"]);
  return JSON.parse(stdout).npmCache;
}

/** The cache has one folder for each registry, nested when the registry's URL has a path. */
async function findBinary(
  folder: string,
  wanted: { name: string; version: string },
  depth = 4,
): Promise<string | undefined> {
  const binary = join(folder, wanted.name, wanted.version, "bin", "opencode");
  if (await exists(binary)) return binary;
  if (depth === 0 || !(await exists(folder))) return undefined;
  for await (const entry of Deno.readDir(folder)) {
    if (!entry.isDirectory) continue;
    const found = await findBinary(join(folder, entry.name), wanted, depth - 1);
    if (found) return found;
  }
  return undefined;
}

async function install(name: string, version: string): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ralph-opencode-lock-" });
  try {
    const lock = join(folder, "opencode.lock");
    const pinned = await writeLock(lock, `${name}@${version}`);
    const { success, stderr } = await deno([
      "cache",
      "--no-config", // or the project's own lock file would have to name OpenCode
      ...(pinned ? ["--frozen", `--lock=${lock}`] : ["--no-lock"]),
      `npm:${name}@${version}`,
    ]);
    if (success) return;
    throw new Error(
      `could not install ${name}@${version} from the npm registry:\n${stderr.trim()}\n` +
        "The tests and the demo need it once; it then stays in Deno's cache. With network, run:\n" +
        "  deno run -A tests/support/install.ts",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * Writes a lock file with that one package: Deno downloads all that a lock file holds, asked for
 * or not. False for a platform that `opencode.lock` has no checksum for: there the registry's own
 * is what is checked.
 */
async function writeLock(path: string, id: string): Promise<boolean> {
  const all = JSON.parse(await Deno.readTextFile(LOCK_FILE));
  if (!(id in all.npm)) return false;
  const specifier = `npm:${id}`;
  const one = {
    version: all.version,
    specifiers: { [specifier]: all.specifiers[specifier] },
    npm: { [id]: all.npm[id] },
  };
  await Deno.writeTextFile(path, JSON.stringify(one));
  return true;
}

async function deno(args: string[]) {
  const command = new Deno.Command(Deno.execPath(), { args, stdin: "null" });
  const { success, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

if (import.meta.main) {
  try {
    for (const version of VERSIONS) {
      console.log(`OpenCode ${version}: ${await opencodeBinary(version)}`);
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
