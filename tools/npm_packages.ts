/**
 * Makes the packages for npm: `deno run -A tools/npm_packages.ts <binaries> <folder>`. For each
 * platform `<folder>/<target>` gets the program `<binaries>/<target>/ralph`; `<folder>/ralph` is the
 * package that people install, a few lines of Node that start it. None runs anything when it is
 * installed, and none downloads anything: npm picks the platform's.
 */
import * as path from "node:path";
import { NPM_PACKAGE, VERSION } from "../src/version.ts";

/** The targets of a release, and what npm calls their platforms. */
export const PLATFORMS = {
  "linux-x64": { os: "linux", cpu: "x64" },
  "linux-arm64": { os: "linux", cpu: "arm64" },
  "macos-x64": { os: "darwin", cpu: "x64" },
  "macos-arm64": { os: "darwin", cpu: "arm64" },
} as const;
/** A package.json, without what all have. */
type Manifest = Readonly<Record<string, unknown>>;
type Platform = typeof PLATFORMS[keyof typeof PLATFORMS];

const ROOT = path.join(import.meta.dirname ?? "", "..");
const read = (name: string) => Deno.readTextFile(path.join(ROOT, name));

const packageOf = ({ os, cpu }: Platform) => `${NPM_PACKAGE}-${os}-${cpu}`;

/** Writes all packages into `folder`, which it makes. Throws where a program is missing. */
export async function makePackages(binaries: string, folder: string): Promise<void> {
  const repository = /^REPOSITORY=(\S+)$/m.exec(await read("install.sh"))?.[1];
  const common = {
    version: VERSION,
    license: "MIT",
    homepage: `https://github.com/${repository}#readme`,
    repository: { type: "git", url: `git+https://github.com/${repository}.git` },
    publishConfig: { access: "public", provenance: true },
  };
  const make = async (name: string, manifest: Manifest, readme: string) => {
    const place = path.join(folder, name);
    await Deno.mkdir(place, { recursive: true });
    const text = JSON.stringify({ ...manifest, ...common }, null, 2);
    await Deno.writeTextFile(path.join(place, "package.json"), `${text}\n`);
    await Deno.writeTextFile(path.join(place, "README.md"), readme);
    await Deno.copyFile(path.join(ROOT, "LICENSE"), path.join(place, "LICENSE"));
    return place;
  };
  for (const [target, platform] of Object.entries(PLATFORMS)) {
    const { os, cpu } = platform;
    const name = packageOf(platform);
    const description = `The program of ${NPM_PACKAGE} for ${os} on ${cpu}`;
    const place = await make(target, {
      name,
      description,
      os: [os],
      cpu: [cpu],
      ...os === "linux" && { libc: ["glibc"] },
      files: ["bin"],
      preferUnplugged: true, // of Yarn, which else keeps it in an archive
    }, `# ${name}\n\n${description}. Install \`${NPM_PACKAGE}\`.\n`);
    const program = path.join(place, "bin/ralph");
    await Deno.mkdir(path.dirname(program), { recursive: true });
    await Deno.copyFile(path.join(binaries, target, "ralph"), program);
    await Deno.chmod(program, 0o755);
  }
  const place = await make("ralph", {
    name: NPM_PACKAGE,
    description: "Runs the OpenCode coding agent in a loop over a task until every story passes",
    keywords: ["ralph", "opencode", "agent", "loop", "prd"],
    bin: { ralph: "ralph.js" },
    files: ["ralph.js"],
    engines: { node: ">=20" },
    optionalDependencies: Object.fromEntries(
      Object.values(PLATFORMS).map((platform) => [packageOf(platform), VERSION]),
    ),
  }, await read("README.md"));
  await Deno.copyFile(path.join(ROOT, "tools/npm/ralph.js"), path.join(place, "ralph.js"));
}

if (import.meta.main) {
  const [binaries, folder] = Deno.args;
  if (folder === undefined) throw new Error("usage: npm_packages.ts <binaries> <folder>");
  await makePackages(binaries, folder);
}
