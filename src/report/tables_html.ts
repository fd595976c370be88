/** The tables of a report. Pure. */
import { count, duration, plural } from "../terminal/format.ts";
import type { Report } from "./data.ts";
import { type Html, markup } from "./markup.ts";
import type { Round } from "./model.ts";
import { linkTo } from "./round_html.ts";
import { utc } from "./words.ts";

type Cell = Html | string | number;

/** A section with a table, which can be moved where it is wider than the page; none without rows. */
function table(
  title: string,
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
): Html | null {
  if (rows.length === 0) return null;
  return markup`<h2>${title}</h2>
<div class="scroll" tabindex="0" role="region" aria-label="${title}">
<table>
<thead><tr>${columns.map((column) => markup`<th scope="col">${column}</th>`)}</tr></thead>
<tbody>
${
    rows.map((cells) =>
      markup`<tr>${cells.map((cell) => markup`<td>${cell}</td>`)}</tr>
`
    )
  }</tbody>
</table>
</div>
`;
}

const good = (words: string) => markup`<span class="good">${words}</span>`;
const short = (words: string) => markup`<span class="short">${words}</span>`;
/** Not one word under the other where the others leave no room. */
const words = (cell: Cell) => markup`<div class="words">${cell}</div>`;
const bad = (words: string) => markup`<span class="bad">${words}</span>`;

export function troublesTable({ troubles, sessions }: Report): Html | null {
  const several = sessions.length > 1;
  const place = (round: Round | undefined, sessionId: number) => {
    if (round) return linkTo(round, several);
    return several ? `before the first turn of session ${sessionId}` : "before the first turn";
  };
  return table(
    "What failed, and how it was mended",
    ["What", "Where", "Mended"],
    troubles.map(({ what, why, round, sessionId, times, mended }) => [
      words(markup`<strong>${what}</strong><br>${why}`),
      markup`${place(round, sessionId)}${times > 1 ? `, ${plural(times, "time")}` : null}`,
      mended
        ? markup`${good(mended.words)}, ${place(mended.round, mended.sessionId)}${
          commitsOf(mended.round)
        }`
        : bad("not on record"),
    ]),
  );
}

/** As many as say how it was done. */
const COMMITS_MAX = 3;

function commitsOf(round: Round | undefined): Html[] {
  return (round?.commits?.commits ?? []).slice(-COMMITS_MAX).map(({ id, subject }) =>
    markup`<br><a href="#c-${id}"><code>${id.slice(0, 10)}</code></a> ${subject}`
  );
}

export function takenBackTable({ takenBack, sessions }: Report): Html | null {
  const several = sessions.length > 1;
  return table(
    "Claims taken back",
    ["Story", "Claimed in", "Taken back because", "Held later"],
    takenBack.map(({ storyId, round, why, heldIn }) => [
      storyId,
      linkTo(round, several),
      words(why ?? "not on record"),
      heldIn ? markup`${good("yes")}, ${linkTo(heldIn, several)}` : bad("no"),
    ]),
  );
}

export function gatesTable({ gates }: Report): Html | null {
  return table(
    "Gates",
    ["Gate", "Last", "Runs", "Failed", "Time"],
    gates.map(({ gate, runs, failed, passesNow, flaky, ms }) => [
      markup`<code>${gate}</code>`,
      markup`${passesNow ? good("✓ passes") : bad("✗ fails")}${flaky > 0 ? ", flaky" : null}`,
      count(runs),
      count(failed),
      duration(ms),
    ]),
  );
}

export function sessionsTable({ sessions }: Report): Html | null {
  return table(
    "Sessions",
    ["Session", "Started", "Ended", "Iterations", "Model", "End"],
    sessions.map((session) => [
      session.id,
      short(utc(session.startedAt)),
      session.endedAt ? short(utc(session.endedAt)) : "not yet",
      short(`${session.iterations} of ${session.maxIterations ?? "unknown"}`),
      words(session.model ?? "the server's default"),
      words(
        markup`${session.status}${session.detail ? `: ${session.detail}` : null}${
          session.earlier === null ? null : markup`<br>${OF_THE_PREDECESSOR}`
        }`,
      ),
    ]),
  );
}

const OF_THE_PREDECESSOR =
  "By ralph's predecessor: only the number of its iterations is on record.";
