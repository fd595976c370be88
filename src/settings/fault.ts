/** What is wrong in a settings file, where, and what could stand there instead. */
import type * as z from "zod";
import type { Hint, RalphError } from "../error.ts";
import type { JsonMember, JsonNode } from "../task/json_scan.ts";
import { didYouMean } from "../task/did_you_mean.ts";
import { prdError } from "../task/faults.ts";
import { type Source, textAt } from "../task/source.ts";
import { plain } from "../terminal/plain.ts";
import { limitsSchema, reviewSchema, settingsSchema } from "./schema.ts";

/** Names and numbers that lead from the root to a value. */
type Place = readonly PropertyKey[];

/** A fault as zod tells it. */
interface Issue {
  readonly path: Place;
  /** Completes `… must be`. */
  readonly message: string;
  /** The names in an object that do not belong there. */
  readonly keys?: readonly string[];
  /** Of what may be one of several: what is wrong with it as each of them. */
  readonly errors?: readonly (readonly Issue[])[];
}

interface Fault {
  /** In bytes. */
  readonly offset: number;
  readonly reason: string;
  readonly hints: readonly Hint[];
}

/** A name that comes twice says two things. Throws `RalphError`. */
export function refuseDoubles(source: Source, node: JsonNode): void {
  if (node.type === "array") return node.items.forEach((item) => refuseDoubles(source, item));
  if (node.type !== "object") return;
  const seen = new Set<string>();
  for (const { key, keyStart, value } of node.members) {
    if (seen.has(key)) {
      throw prdError(source, keyStart, `\`${plain(key, 80)}\` stands here for the second time`);
    }
    seen.add(key);
    refuseDoubles(source, value);
  }
}

/** The error for what comes first in the file. */
export function firstFault(source: Source, root: JsonNode, issues: readonly Issue[]): RalphError {
  const [{ offset, reason, hints }] = issues.flatMap(nearest)
    .map((issue) => faultOf(source, root, issue))
    .sort((a, b) => a.offset - b.offset);
  return prdError(source, offset, reason, hints);
}

/** What is wrong inside of it, as the one of several that it was meant to be. */
function nearest(issue: Issue): readonly Issue[] {
  const meant = issue.errors?.find((one) =>
    one.length > 0 && one.every(({ path, keys }) => path.length > 0 || keys !== undefined)
  );
  return meant?.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })) ?? [issue];
}

function faultOf(
  source: Source,
  root: JsonNode,
  { path: place, message, keys }: Issue,
): Fault {
  const node = nodeAt(root, place) ?? root;
  const unknown = node.type === "object" && node.members.find(({ key }) => keys?.includes(key));
  if (unknown) return unknownName(place, unknown);
  const name = place.length === 0 ? "the file's value" : `\`${nameOf(place)}\``;
  const is = node.type === "object" || node.type === "array"
    ? `an ${node.type}`
    : `\`${plain(textAt(source, node.start, node.end), 80)}\``;
  return {
    offset: node.start,
    reason: `${name} must be ${message}, and is ${is}`,
    hints: exampleHints(place),
  };
}

function unknownName(place: Place, { key, keyStart }: JsonMember): Fault {
  const known = Object.keys(schemasAt(place));
  const near = didYouMean(key, known);
  const where = place.length === 0 ? "the settings have" : `\`${nameOf(place)}\` has`;
  return {
    offset: keyStart,
    reason: `${where} no \`${plain(key, 80)}\``,
    hints: [
      ...(near ? [{ text: `did you mean \`${near}\`?` }] : []),
      { text: `there are: ${known.join(", ")}` },
    ],
  };
}

/** What could stand in this place. */
function exampleHints(place: Place): readonly Hint[] {
  const name = String(place.at(-1));
  const examples = schemasAt(place.slice(0, -1))[name]?.meta()?.examples;
  return Array.isArray(examples)
    ? [{ text: `write for example \`"${name}": ${JSON.stringify(examples[0])}\`` }]
    : [];
}

/** What may stand there, by name. */
function schemasAt(place: Place): Readonly<Record<string, z.ZodType>> {
  switch (place[0]) {
    case "limits":
      return limitsSchema.shape;
    case "review":
      return reviewSchema.shape;
    default:
      return settingsSchema.shape;
  }
}

/** `limits.iterations`, `protect[1]` */
function nameOf(place: Place): string {
  return place.map((step) => typeof step === "number" ? `[${step}]` : `.${String(step)}`)
    .join("").slice(1);
}

/** The value in a place; undefined when there is none. */
export function nodeAt(root: JsonNode, place: Place): JsonNode | undefined {
  return place.reduce<JsonNode | undefined>((node, step) => {
    if (node?.type === "array") return node.items[Number(step)];
    return node?.type === "object"
      ? node.members.find(({ key }) => key === step)?.value
      : undefined;
  }, root);
}
