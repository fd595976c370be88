/** What the documents say of each other and of the program: links, and the words that one sees. */
import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DOCUMENTS = [
  "README.md",
  "SECURITY.md",
  "CHANGELOG.md",
  ...namesIn("docs", ".md"),
  ...namesIn("deploy", ".md"),
];

function namesIn(folder: string, ending: string): string[] {
  return [...Deno.readDirSync(join(ROOT, folder))].toSorted((a, b) => a.name < b.name ? -1 : 1)
    .flatMap(({ name, isDirectory }) => {
      const path = join(folder, name);
      return isDirectory ? namesIn(path, ending) : name.endsWith(ending) ? [path] : [];
    });
}

const textOf = (path: string) => Deno.readTextFileSync(join(ROOT, path));

/** As the pages of GitHub name the headings of a document. */
function anchorsOf(path: string): ReadonlySet<string> {
  const headings = textOf(path).replaceAll(/^```[^]*?^```/gm, "").matchAll(/^#+ (.*)$/gm);
  return new Set(
    [...headings].map(([, text]) =>
      text.toLowerCase().replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll(/[^\w\- ]/g, "")
        .replaceAll(" ", "-")
    ),
  );
}

for (const document of DOCUMENTS) {
  Deno.test(`each link in ${document} leads somewhere`, () => {
    const text = textOf(document).replaceAll(/^```[^]*?^```/gm, "");
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"/g)]
      .map(([, inText, inTag]) => inText ?? inTag).filter((target) => !/^https?:/.test(target));
    const dead = targets.filter((target) => {
      const [file, anchor] = target.split("#");
      const path = file === "" ? document : relative(ROOT, join(ROOT, dirname(document), file));
      try {
        return anchor ? !anchorsOf(path).has(anchor) : !Deno.statSync(join(ROOT, path));
      } catch {
        return true;
      }
    });
    assert.deepEqual(dead, []);
  });
}

Deno.test("the words under which help is looked for are those that the program says", () => {
  const sources = namesIn("src", ".ts").map(textOf).join("\n");
  const words = [...textOf("docs/troubleshooting.md").matchAll(/^\| `([^`]+)` /gm)]
    .map(([, one]) => one);
  assert(words.length > 20);
  assert.deepEqual(words.filter((one) => !sources.includes(one)), []);
});
