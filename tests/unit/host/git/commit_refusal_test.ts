/** What git says when it makes no commit, by kind: each text is made by the real git here. */
import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { unmendable } from "../../../../src/host/git/commit_refusal.ts";
import { runGit } from "../../../../src/host/git/run_git.ts";
import { systemClock as clock } from "../../../../src/host/system/clock.ts";
import { makeProject, type Project } from "../../../support/project.ts";

type Kind = NonNullable<ReturnType<typeof unmendable>>["kind"] | undefined;

/** Settings, and files beside, with which a commit fails, and what it is then. */
const CASES: readonly (readonly [
  what: string,
  config: Readonly<Record<string, string>>,
  kind: Kind,
  files?: Readonly<Record<string, string>>,
])[] = [
  ["gpg is missing", { "commit.gpgsign": "true", "gpg.program": "/nonexistent/gpg" }, "signing"],
  ["gpg has no key", { "commit.gpgsign": "true", "gpg.program": "false" }, "signing"],
  [
    "gpgsm",
    { "commit.gpgsign": "true", "gpg.format": "x509", "gpg.x509.program": "false" },
    "signing",
  ],
  ["no ssh key is named", { "commit.gpgsign": "true", "gpg.format": "ssh" }, "signing"],
  [
    "the ssh key is missing",
    { "commit.gpgsign": "true", "gpg.format": "ssh", "user.signingkey": "/nonexistent/key.pub" },
    "signing",
  ],
  [
    "ssh-keygen is missing",
    {
      "commit.gpgsign": "true",
      "gpg.format": "ssh",
      "user.signingkey": "/nonexistent/key.pub",
      "gpg.ssh.program": "/nonexistent/ssh-keygen",
    },
    "signing",
  ],
  ["an unknown form of key", { "commit.gpgsign": "true", "gpg.format": "nonsense" }, "signing"],
  [
    "the filter's program is missing",
    { "filter.lfs.clean": "git-no-lfs clean -- %f", "filter.lfs.required": "true" },
    "filter",
    { ".gitattributes": "a.txt filter=lfs\n" },
  ],
  [
    "that of a filter for many files",
    { "filter.lfs.process": "git-no-lfs filter-process", "filter.lfs.required": "true" },
    "filter",
    { ".gitattributes": "a.txt filter=lfs\n" },
  ],
  [
    "the filter has no command",
    { "filter.x.required": "true" },
    "filter",
    { ".gitattributes": "a.txt filter=x\n" },
  ],
  [
    "a filter that refuses the file",
    { "filter.x.clean": "exit 3", "filter.x.required": "true" },
    undefined,
    { ".gitattributes": "a.txt filter=x\n" },
  ],
  ["a hook refuses", {}, undefined, { ".git/hooks/pre-commit": "#!/bin/sh\nexit 1\n" }],
  [
    "a hook refuses in git's words",
    {},
    undefined,
    {
      ".git/hooks/pre-commit": "#!/bin/sh\necho 'error: gpg failed to sign the data' >&2; exit 1\n",
    },
  ],
  [
    "a hook's interpreter is missing",
    {},
    undefined,
    { ".git/hooks/commit-msg": "#!/nonexistent/node\n" },
  ],
];

/** What git says to a commit that it does not make. */
async function refusal(
  project: Project,
  config: Readonly<Record<string, string>>,
  files: Readonly<Record<string, string>> = {},
): Promise<{ code: number; said: string }> {
  for (const [file, text] of Object.entries(files)) {
    await project.write(file, text);
    if (file.startsWith(".git/hooks/")) chmodSync(`${project.root}/${file}`, 0o755);
  }
  await project.write("a.txt", "changed");
  const options = { clock, changes: true, config: Object.entries(config) };
  for (const args of [["update-index", "a.txt"], ["commit", "--quiet", "-m", "feat: it"]]) {
    const answer = await runGit(project.root, args, options);
    if (answer.kind === "failed") return answer;
  }
  throw new Error("git made the commit");
}

for (const [what, config, kind, files] of CASES) {
  Deno.test(`a commit that git does not make: ${what}`, async () => {
    await using project = await makeProject({ files: { "a.txt": "a" } });
    const { code, said } = await refusal(project, config, files);
    const found = unmendable({ code, said }, "/p");
    assert.equal(found?.kind, kind, said);
    if (found) assert.match(found.words, /`git -C \/p /);
  });
}

Deno.test("a full disk, and a folder of git's that cannot be written, are told by git's words", () => {
  const said = (...lines: readonly string[]) => ({ code: 128, said: lines.join("\n") });
  // Of git 2.39, on a full file system, on one that is read-only, and in a folder of another user.
  for (
    const [kind, ...lines] of [
      ["room", "fatal: unable to write loose object file: No space left on device"],
      [
        "not_writable",
        "error: unable to create temporary file: Read-only file system",
        "error: big: failed to insert into database",
        "fatal: Unable to process path big",
      ],
      ["not_writable", "fatal: Unable to create '/p/.git/index.lock': Read-only file system"],
      ["not_writable", "fatal: Unable to create '/p/.git/index.lock': Permission denied"],
      [
        "not_writable",
        "error: insufficient permission for adding an object to repository database .git/objects",
        "error: a: failed to insert into database",
      ],
      // A file of the work: the agent can make it readable.
      [undefined, 'error: open("a.txt"): Permission denied', "fatal: Unable to process path a.txt"],
      [undefined, "fatal: Unable to create '/p/.git/index.lock': File exists."],
    ] as const
  ) assert.equal(unmendable(said(...lines), "/p")?.kind, kind, lines.join("\n"));
});
