/**
 * Records docs/first-run.md: a new user with OpenCode installed, from the line that installs ralph over
 * `ralph doctor` all red to a first run, an upgrade, and the end of it. What is typed between is what
 * doctor printed. Run as root, with the program and a build of it that has an older version:
 *
 *   RALPH_BINARY=dist/ralph RALPH_BEFORE=dist/ralph-0.1.0 deno run -A tests/systemd/record_first_run.ts
 */
import { machine, PROJECT, USER } from "./machine.ts";
import { NEWEST } from "../support/install.ts";
import { playReleases } from "../support/release_page.ts";
import { VERSION } from "../../src/version.ts";

const FILE = new URL("../../docs/first-run.md", import.meta.url);
const INSTALL = Deno.readFileSync(new URL("../../install.sh", import.meta.url));
const BEFORE = "0.1.0";
const [program, older] = ["RALPH_BINARY", "RALPH_BEFORE"].map((name) => Deno.env.get(name));
if (program === undefined || older === undefined) {
  console.error("RALPH_BINARY and RALPH_BEFORE name two programs");
  Deno.exit(2);
}

await using page = playReleases();
page.spoil("/latest/download/install.sh", () => new Response(INSTALL));
await using m = await machine({ version: NEWEST });
await using _session = await m.testbed.login(USER);
await m.testbed.lead(Number(new URL(page.url).port));

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
        RALPH_RELEASES: page.url,
      },
    },
  );
  // Of a line that was written over, what stood there in the end.
  const shown = stdout.replaceAll("\r\n", "\n").replaceAll(/^.*\r/gm, "").trimEnd();
  typed.push(`$ ${command}\n${shown}`.trimEnd());
  return shown;
}

await page.release(BEFORE, { path: older });
await type("curl -fsSL $RALPH_RELEASES/latest/download/install.sh | sh");
const report = await type(`cd ${PROJECT} && ralph doctor`);
for (const [, command] of report.matchAll(/^ +\$ (.+)$/gm)) await type(command);
await type(`cd ${PROJECT} && ralph doctor`);
await type(`cd ${PROJECT} && ralph init --yes`);
await type(`cd ${PROJECT} && ralph run my-feature`);
await type(`cd ${PROJECT} && ralph wait my-feature && ralph status my-feature`);
await page.release(VERSION, { path: program });
await type("ralph upgrade --check");
await type("ralph upgrade");
await type(`cd ${PROJECT} && ralph history my-feature`);
await type("curl -fsSL $RALPH_RELEASES/latest/download/install.sh | sh -s -- --uninstall");

await Deno.writeTextFile(
  FILE,
  `# A new user's first run

Recorded by \`tests/systemd/record_first_run.ts\`: a bare Debian user account on a real systemd, with
OpenCode ${NEWEST} and git installed, and a project with one task. The model is scripted. The releases
are on a page of this machine, in \`RALPH_RELEASES\`; the older one is this program with an older
number. Between the first \`ralph doctor\` and the second the user pastes what it printed, and nothing
else.

\`\`\`\`
${typed.join("\n\n")}
\`\`\`\`
`,
);
