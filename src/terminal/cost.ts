import { plural, usd } from "./format.ts";

/** What was spent, with what was quoted, derived and unknown kept apart: `$0.12 + $0.03 derived`. */
export function costWords(
  { costUsd, derivedCostUsd, unpricedCalls }: {
    costUsd: number;
    derivedCostUsd: number;
    unpricedCalls: number;
  },
): string {
  const known = [
    ...costUsd > 0 ? [usd(costUsd)] : [],
    ...derivedCostUsd > 0 ? [`${usd(derivedCostUsd)} derived`] : [],
  ];
  if (unpricedCalls === 0) return known.join(" + ") || usd(0);
  if (known.length === 0) return usd(undefined);
  return [...known, `${plural(unpricedCalls, "call")} of unknown cost`].join(" + ");
}

/**
 * The same in little room, with what is derived in the sum: `~$0.15 of $5.00`. `~`: a part is derived,
 * `≥`: a part is unknown. `maxUsd`: the limit, if there is one.
 */
export function shortCost(
  spent: Parameters<typeof costWords>[0] | undefined,
  maxUsd?: number,
): string {
  const limit = maxUsd === undefined ? "" : ` of ${cents(maxUsd)}`;
  if (!spent) return `unknown${limit}`;
  const { costUsd, derivedCostUsd, unpricedCalls } = spent;
  const sum = costUsd + derivedCostUsd;
  if (unpricedCalls > 0 && sum === 0) return `unknown${limit}`;
  const sign = unpricedCalls > 0 ? "≥" : derivedCostUsd > 0 ? "~" : "";
  return `${sign}${cents(sum)}${limit}`;
}

const cents = (amount: number) => amount > 0 && amount < 0.005 ? "<$0.01" : `$${amount.toFixed(2)}`;
