import { count, plural, usd } from "./format.ts";

interface Cost {
  costUsd: number;
  derivedCostUsd: number;
  unpricedCalls: number;
  /** Iterations of which nothing is known. */
  unknownParts?: number;
}

/** What was spent, with what was quoted, derived and unknown kept apart: `$0.12 + $0.03 derived`. */
export function costWords(
  { costUsd, derivedCostUsd, unpricedCalls, unknownParts = 0 }: Cost,
): string {
  const known = [
    ...costUsd > 0 ? [usd(costUsd)] : [],
    ...derivedCostUsd > 0 ? [`${usd(derivedCostUsd)} derived`] : [],
  ];
  const unknown = [
    ...unpricedCalls > 0 ? [plural(unpricedCalls, "call")] : [],
    ...unknownParts > 0 ? [plural(unknownParts, "iteration")] : [],
  ];
  if (unknown.length === 0) return known.join(" + ") || usd(0);
  if (known.length === 0) return usd(undefined);
  return [...known, `${unknown.join(" and ")} of unknown cost`].join(" + ");
}

/**
 * The same in little room, with what is derived in the sum: `~$0.15 of $5.00`. `~`: a part is derived,
 * `≥`: a part is unknown. `maxUsd`: the limit, if there is one.
 */
export function shortCost(spent: Cost | undefined, maxUsd?: number): string {
  const limit = maxUsd === undefined ? "" : ` of ${cents(maxUsd)}`;
  if (!spent) return `unknown${limit}`;
  const { costUsd, derivedCostUsd, unpricedCalls, unknownParts = 0 } = spent;
  const sum = costUsd + derivedCostUsd;
  const isPart = unpricedCalls + unknownParts > 0;
  if (isPart && sum === 0) return `unknown${limit}`;
  const sign = isPart ? "≥" : derivedCostUsd > 0 ? "~" : "";
  return `${sign}${cents(sum)}${limit}`;
}

const cents = (amount: number) => amount > 0 && amount < 0.005 ? "<$0.01" : `$${amount.toFixed(2)}`;

/** Of which parts the tokens are not known. */
interface Uncounted {
  uncountedCalls: number;
  unknownParts?: number;
}

/** A sum of tokens: `4,200`, `≥4,200` where a part is unknown, `unknown`. */
export function shortTokens(
  tokens: number,
  { uncountedCalls, unknownParts = 0 }: Uncounted,
): string {
  const isPart = uncountedCalls + unknownParts > 0;
  if (isPart && tokens === 0) return "unknown";
  return `${isPart ? "≥" : ""}${count(tokens)}`;
}

/** The same with the noun: `4,200 tokens`, `tokens unknown`. */
export function tokenWords(tokens: number, uncounted: Uncounted): string {
  const short = shortTokens(tokens, uncounted);
  return short === "unknown" ? "tokens unknown" : `${short} token${tokens === 1 ? "" : "s"}`;
}
