/** The commits in a report, with what they changed folded away. Pure. */
import type { FileChange } from "../host/git/commits.ts";
import { count, plural } from "../terminal/format.ts";
import { type Html, markup } from "./markup.ts";
import type { CommitRecord, Round } from "./model.ts";
import { linkTo } from "./round_html.ts";
import { utc } from "./words.ts";

/** In UTF-16 units, some 500 lines: who wants more has git. */
const PATCH_MAX = 40_000;
const FILES_MAX = 100;

/** Each commit once: a branch that went back and forth has it in several iterations. */
export function commitsSection(
  { rounds, sessions }: { rounds: readonly Round[]; sessions: readonly unknown[] },
): Html | null {
  const found = new Map<string, { commit: CommitRecord; round: Round }>();
  for (const round of rounds) {
    for (const commit of round.commits?.commits ?? []) {
      if (!found.has(commit.id)) found.set(commit.id, { commit, round });
    }
  }
  if (found.size === 0) return null;
  const several = sessions.length > 1;
  return markup`<h2>Commits</h2>
<div>
${[...found.values()].map(({ commit, round }) => oneCommit(commit, linkTo(round, several)))}</div>
`;
}

function oneCommit(commit: CommitRecord, madeIn: Html): Html {
  const { id, subject, body, author, committedAt, files, isMerge } = commit;
  const sum = (key: "added" | "deleted") => files.reduce((all, file) => all + (file[key] ?? 0), 0);
  const size = isMerge
    ? ["a merge"]
    : [plural(files.length, "file"), `+${count(sum("added"))}`, `−${count(sum("deleted"))}`];
  const facts = [...size, author, utc(committedAt)];
  return markup`<details class="row" id="c-${id}">
<summary><div>
<div class="what"><code>${id.slice(0, 10)}</code> ${subject}</div>
<div class="facts">${facts.map((fact) => markup`<span>${fact}</span> `)}</div>
</div></summary>
<div class="body">
<p class="quiet">Made in ${madeIn}</p>
${
    body === "" ? null : markup`<pre class="message">${body}</pre>
`
  }${filesOf(files)}${patchOf(commit)}</div>
</details>
`;
}

function filesOf(files: CommitRecord["files"]): Html | null {
  if (files.length === 0) return null;
  const more = files.length - FILES_MAX;
  return markup`<ul>
${files.slice(0, FILES_MAX).map(fileItem)}${
    more > 0
      ? markup`<li>… ${plural(more, "file")} more</li>
`
      : null
  }</ul>
`;
}

function fileItem({ path, added, deleted }: FileChange): Html {
  const size = added === null
    ? markup`<span class="quiet">binary, or large</span>`
    : markup`<span class="good">+${added}</span> <span class="bad">−${deleted}</span>`;
  return markup`<li><code>${path}</code> ${size}</li>
`;
}

function patchOf({ id, patch, files }: CommitRecord): Html | null {
  if (files.length === 0) return null;
  const rest = markup`<p class="quiet">All of it: <code>git show ${id.slice(0, 12)}</code></p>
`;
  if (patch === undefined) return rest;
  const shown = patch.slice(0, PATCH_MAX);
  return markup`<pre tabindex="0" role="region" aria-label="Changes of ${id}">${
    patchLines(shown.trimEnd())
  }</pre>
${shown === patch ? null : rest}`;
}

/** What a line is by its first character it is only inside a hunk: before are the names of a file. */
function patchLines(patch: string): Html[] {
  let inHunk = false;
  return patch.split("\n").map((line) => {
    if (line.startsWith("diff --git ")) inHunk = false;
    const isHunk = line.startsWith("@@");
    inHunk ||= isHunk;
    const kind = { "+": "added", "-": "deleted" }[line[0]] ?? "";
    return markup`<span class="${isHunk ? "hunk" : inHunk ? kind : "file"}">${line}</span>`;
  });
}
