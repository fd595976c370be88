/**
 * Records docs/first-run.md: a new user with OpenCode installed, from `ralph doctor` all red to a
 * first run. What is typed is what doctor printed. Run with the binary, as root:
 *
 *   RALPH_BINARY=dist/ralph deno run -A tests/systemd/record_first_run.ts
 */
import { machine, PROJECT, USER } from "./machine.ts";
import { NEWEST } from "../support/install.ts";

const FILE = new URL("../../docs/first-run.md", import.meta.url);
const BINARY = "/run/testbed/ralph";

await using m = await machine({ version: NEWEST });
await using _session = await m.testbed.login(USER);
await m.sh(`mkdir -p ~/.local/bin && ln -s ${BINARY} ~/.local/bin/ralph`);

const typed: string[] = [];
async function type(command: string): Promise<string> {
  const { stdout } = await m.testbed.exec(
    ["script", "--quiet", "--return", "--command", command, "/dev/null"],
    {
      user: USER,
      env: {
        PATH: `/home/${USER}/.local/bin:/usr/local/bin:/usr/bin:/bin`,
        LANG: "C.UTF-8",
        NO_COLOR: "1",
        COLUMNS: "100",
      },
    },
  );
  const shown = stdout.replaceAll("\r\n", "\n").trimEnd();
  typed.push(`$ ${command}\n${shown}`.trimEnd());
  return shown;
}

const report = await type(`cd ${PROJECT} && ralph doctor`);
for (const [, command] of report.matchAll(/^ +\$ (.+)$/gm)) await type(command);
await type(`cd ${PROJECT} && ralph doctor`);
await type(`cd ${PROJECT} && ralph run my-feature`);
await type(`cd ${PROJECT} && ralph wait my-feature && ralph status my-feature`);

await Deno.writeTextFile(
  FILE,
  `# A new user's first run

Recorded by \`tests/systemd/record_first_run.ts\`: a bare Debian user account on a real systemd, with
OpenCode ${NEWEST} and git installed, and a project with one task. The model is scripted. After the
first \`ralph doctor\`, the user pastes what it printed and nothing else.

\`\`\`\`
${typed.join("\n\n")}
\`\`\`\`
`,
);
