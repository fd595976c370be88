/** One iteration in a report. Pure. */
import { costWords, tokenWords } from "../terminal/cost.ts";
import { findingWords, withoutFindings } from "../terminal/finding_words.ts";
import { duration, plural } from "../terminal/format.ts";
import { type Html, markup } from "./markup.ts";
import type { Round } from "./model.ts";
import { reviewWords } from "./reviews.ts";
import { outcomeWords } from "./standing.ts";
import { tookWords } from "./took.ts";
import { utc } from "./words.ts";

/** `several`: sessions, so that a number alone is not enough. */
export function linkTo({ key, iteration }: Round, several: boolean): Html {
  return markup`<a href="#${key}">${nameOf(iteration, several)}</a>`;
}

function nameOf({ number, sessionId }: Round["iteration"], several: boolean): string {
  return several ? `iteration ${number} of session ${sessionId}` : `iteration ${number}`;
}

export function roundHtml(round: Round, several: boolean): Html {
  const { key, iteration, standing } = round;
  const { blocked, openCodeSessionId } = iteration;
  const story = [iteration.storyId, iteration.storyTitle].filter(Boolean).join(" ");
  return markup`<details class="row" id="${key}">
<summary><div>
<div class="what"><span class="${standing.tone}">${standing.sign} ${standing.word}</span> ${
    nameOf(iteration, several)
  }${story ? `: ${story}` : null}</div>
<div class="facts">${factsOf(round).map((fact) => markup`<span>${fact}</span> `)}</div>
</div></summary>
<div class="body">
<p>${outcomeWords(iteration, standing.word) ?? standing.word}</p>
<p class="quiet">Began ${utc(iteration.startedAt)}${
    openCodeSessionId ? markup`, OpenCode session <code>${openCodeSessionId}</code>` : null
  }</p>
${
    blocked
      ? markup`<p><strong>Needs a person:</strong> ${blocked}</p>
`
      : null
  }${claimsOf(round)}${reviewsOf(round)}${gatesOf(round)}${notesOf(round)}${commitsOf(round)}</div>
</details>
`;
}

function factsOf({ iteration, tokens, gates }: Round): string[] {
  const { usage, commits, filesChanged } = iteration;
  if (iteration.endedAt === null) return [];
  const failed = gates.filter(({ passed }) => !passed).length;
  return [
    tookWords(iteration),
    tokens === undefined || !usage ? "tokens unknown" : tokenWords(tokens, usage),
    usage ? costWords(usage) : "cost unknown",
    ...gates.length === 0
      ? []
      : [failed > 0 ? `${failed} of ${plural(gates.length, "gate run")} failed` : "gates pass"],
    commits === null ? "commits unknown" : plural(commits, "commit"),
    ...filesChanged === null ? [] : [`${plural(filesChanged, "file")} changed`],
    ...iteration.counts ? [] : ["costs no iteration"],
  ];
}

function claimsOf({ claims }: Round): Html | null {
  return list(
    "Claims",
    claims.map(({ storyId, held, why }) => {
      const because = why === null ? null : `: ${withoutFindings(why)}`;
      if (held === null) return markup`${storyId} ${tone("partly", "was not judged")}${because}`;
      const fate = held ? tone("good", "holds") : tone("bad", "was taken back");
      return markup`${storyId} ${fate}${because}`;
    }),
  );
}

function reviewsOf({ reviews }: Round): Html | null {
  return list(
    "Reviews",
    reviews.map((review) => {
      const isGood = review.outcome === "passed";
      return markup`${tone(isGood ? "good" : "bad", isGood ? "✓" : "✗")} ${reviewWords(review)}${
        review.findings.length === 0 ? null : markup`
<ul>
${
          review.findings.map((one) =>
            markup`<li>${one.met ? "✓" : "✗"} ${one.storyId}: ${findingWords(one)}</li>
`
          )
        }</ul>
`
      }`;
    }),
  );
}

/** Of a gate that passes nobody reads what it printed. */
function gatesOf({ gates, key }: Round): Html | null {
  return list(
    "Gates",
    gates.map(({ gate, passed, why, output, durationMs, final }, i) => {
      const sign = passed ? tone("good", "✓ passes") : tone("bad", "✗ fails");
      const when = final ? ", with all gates at the end" : null;
      const name = `Output of run ${i + 1} of the gates, ${key}`;
      return markup`${sign} <code>${gate}</code>: ${why} (${duration(durationMs)})${when}${
        passed || output.trim() === "" ? null : markup`
<pre tabindex="0" role="region" aria-label="${name}">${output.trimEnd()}</pre>`
      }`;
    }),
  );
}

function notesOf({ notes }: Round): Html | null {
  return list("Found beside", notes.map(({ text }) => markup`${text}`));
}

function commitsOf({ commits: found, iteration }: Round): Html | null {
  if (!found) {
    const many = iteration.commits ?? 0;
    const words = `${plural(many, "commit")} on record, and git does not show which`;
    return list("Commits", many > 0 ? [markup`${words}`] : []);
  }
  return list("Commits", [
    ...found.leftOut > 0 ? [markup`… ${plural(found.leftOut, "older commit")}`] : [],
    ...found.commits.map(({ id, subject }) =>
      markup`<a href="#c-${id}"><code>${id.slice(0, 10)}</code></a> ${subject}`
    ),
  ]);
}

function list(title: string, items: readonly Html[]): Html | null {
  if (items.length === 0) return null;
  return markup`<h3>${title}</h3>
<ul>
${
    items.map((item) =>
      markup`<li>${item}</li>
`
    )
  }</ul>
`;
}

function tone(name: "good" | "partly" | "bad", words: string): Html {
  return markup`<span class="${name}">${words}</span>`;
}
