import type { MessageHead, SessionUse } from "../../opencode/model.ts";
import { tokensOf } from "../../store/model.ts";

interface Amount {
  costUsd: number;
  tokens: number;
}

/** Of one session. What the server counts of it includes what its messages say. */
interface Account {
  readonly messages: Amount;
  counted: Amount;
  /** The larger of both: as much of it is in the sum. */
  booked: Amount;
}

const NOTHING: Amount = { costUsd: 0, tokens: 0 };

/** Adds up what a turn uses while it runs: each message and each count comes many times. */
interface Bill {
  readonly sum: Readonly<Amount>;
  /** `costUsd`: what is known of its cost, whoever says so. */
  message(message: Pick<MessageHead, "id" | "sessionId" | "tokens">, costUsd: number): void;
  /** What the server counted of one session in all. */
  counted(sessionId: string, use: SessionUse): void;
}

export function createBill(): Bill {
  const sum = { ...NOTHING };
  const accounts = new Map<string, Account>();
  const messages = new Map<string, Amount>();

  function accountOf(sessionId: string): Account {
    const known = accounts.get(sessionId) ??
      { messages: { ...NOTHING }, counted: NOTHING, booked: NOTHING };
    accounts.set(sessionId, known);
    return known;
  }

  /** Only what is new counts. */
  function book(account: Account): void {
    const before = account.booked;
    account.booked = {
      costUsd: Math.max(account.messages.costUsd, account.counted.costUsd),
      tokens: Math.max(account.messages.tokens, account.counted.tokens),
    };
    sum.costUsd += account.booked.costUsd - before.costUsd;
    sum.tokens += account.booked.tokens - before.tokens;
  }

  return {
    sum,

    message({ id, sessionId, tokens }, costUsd) {
      const before = messages.get(id) ?? NOTHING;
      const now = { costUsd, tokens: tokensOf(tokens) };
      messages.set(id, now);
      const account = accountOf(sessionId);
      account.messages.costUsd += now.costUsd - before.costUsd;
      account.messages.tokens += now.tokens - before.tokens;
      book(account);
    },

    counted(sessionId, { costUsd, tokens }) {
      const account = accountOf(sessionId);
      account.counted = { costUsd, tokens: tokensOf(tokens) };
      book(account);
    },
  };
}
