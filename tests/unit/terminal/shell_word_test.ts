import assert from "node:assert/strict";
import { forShell } from "../../../src/terminal/shell_word.ts";

Deno.test("a command is written for the shell that it is pasted into", () => {
  const cases: [string, string][] = [
    [
      "systemctl --user start opencode && ralph doctor",
      "systemctl --user start opencode && ralph doctor",
    ],
    ["export XDG_RUNTIME_DIR=/run/user/1000", "export XDG_RUNTIME_DIR=/run/user/1000"],
    ["unset OPENCODE_SERVER_PASSWORD", "set -e OPENCODE_SERVER_PASSWORD"],
    ["(umask 077 && mkdir -p 'a b')", `bash -c '(umask 077 && mkdir -p '\\''a b'\\'')'`],
    [String.raw`(echo '\\&')`, String.raw`bash -c '(echo '\''\\\\&'\'')'`],
    ["set -a; . /home/ann/server.env; set +a", "bash -c 'set -a; . /home/ann/server.env; set +a'"],
  ];
  for (const [posix, fish] of cases) {
    assert.equal(forShell(posix, "fish"), fish);
    assert.equal(forShell(posix, "zsh"), posix);
    assert.equal(forShell(posix, undefined), posix);
  }
});

const fish = await new Deno.Command("fish", { args: ["--version"], stdout: "null" }).output()
  .then(() => true, () => false);

Deno.test({
  name: `fish runs what is written for it${fish ? "" : " (not installed: skipped)"}`,
  ignore: !fish,
  async fn() {
    const posix =
      `(printf '%s\\n' "it's $(echo here)" | sed 's/e/\\\\&/' && { echo and; echo there; })`;
    const run = async (args: string[]) => {
      const { stdout, stderr } = await new Deno.Command(args[0], { args: args.slice(1) }).output();
      return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    };
    assert.equal(
      await run(["fish", "--no-config", "-c", forShell(posix, "fish")]),
      await run(["bash", "-c", posix]),
    );
  },
});
