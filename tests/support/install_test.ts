import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "./folder.ts";
import { opencodeBinary, VERSIONS } from "./install.ts";

const SCRIPT = fileURLToPath(new URL("./install.ts", import.meta.url));

Deno.test("the programs are of the version that was asked for", async () => {
  for (const version of VERSIONS) {
    const { stdout } = await new Deno.Command(await opencodeBinary(version), {
      args: ["--version"],
      env: { HOME: Deno.env.get("TMPDIR") ?? "/tmp" },
    }).output();
    assert.equal(new TextDecoder().decode(stdout).trim(), version);
  }
});

Deno.test("what Deno's cache has is found, also below a registry whose URL has a path", async () => {
  using folder = temporaryFolder();
  for (const version of VERSIONS) {
    const inPackage = (await opencodeBinary(version)).split("/").slice(-4);
    const binary = join(folder.path, "npm", "registry", "api", "npm", ...inPackage);
    await Deno.mkdir(join(binary, ".."), { recursive: true });
    await Deno.writeTextFile(binary, "");
  }
  const { code, stdout } = await install(folder.path);
  assert.equal(code, 0);
  assert.match(stdout, /^OpenCode 1\.1\.53: .*\/registry\/api\/npm\/opencode-.*\n/);
});

Deno.test("without a registry it says what could not be installed, and how to", async () => {
  using folder = temporaryFolder();
  const { code, stderr } = await install(folder.path);
  assert.equal(code, 1);
  assert.match(stderr, /^could not install opencode-[\w-]+@1\.1\.53 from the npm registry:/);
  assert.match(stderr, /deno run -A tests\/support\/install\.ts\n$/);
});

/** Runs the script with an empty cache of its own and a registry that does not answer. */
async function install(denoDir: string) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-config", SCRIPT],
    env: { DENO_DIR: denoDir, NPM_CONFIG_REGISTRY: "http://127.0.0.1:9/", NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
