/**
 * Makes dist/ralph: `deno task compile`; with an argument, `ralph` in that folder in place of dist.
 *
 * The source is bundled first, in pieces that are loaded when they are needed. Loading a single npm
 * package costs a compiled program some 11 ms at every start, and the same package from a bundle
 * under 1 ms (Deno 2.7.11, measured by `deno task bench start`).
 */
/** What ralph may do. Servers on other machines are not among it. */
const PERMISSIONS = [
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys",
  "--allow-run", // git, opencode, itself: by name, from the user's PATH
  "--allow-net=127.0.0.1,localhost,[::1]",
];

const folder = Deno.args[0] ?? "dist";
const bundle = `${folder}/bundle`;
await Deno.remove(bundle, { recursive: true }).catch(() => {});
await deno("bundle", "--quiet", "--minify", "--code-splitting", `--outdir=${bundle}`, "main.ts");
await Deno.copyFile("install.sh", `${bundle}/install.sh`);
for (const kept of ["migrations", "systemd", "systemd/opencode.service.d"]) {
  await Deno.mkdir(`${bundle}/${kept}`);
  for (const { name, isFile } of Deno.readDirSync(kept)) {
    if (isFile) await Deno.copyFile(`${kept}/${name}`, `${bundle}/${kept}/${name}`);
  }
}
await deno(
  "compile",
  "--quiet",
  "--no-config", // its packages are in the bundle
  "--no-check",
  "--no-code-cache", // a file in a temporary folder that everybody may write to
  ...PERMISSIONS,
  `--include=${bundle}`,
  `--output=${folder}/ralph`,
  `${bundle}/main.js`,
);
console.log(`${folder}/ralph  ${((await Deno.stat(`${folder}/ralph`)).size / 1e6).toFixed(0)} MB`);

async function deno(...args: string[]): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), { args }).spawn().status;
  if (!success) throw new Error(`\`deno ${args[0]}\` failed`);
}
