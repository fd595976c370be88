/** What is told of a session to those who watch many: spans and counts, before they have a wire form. */

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** Times in epoch milliseconds. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: "internal" | "client";
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  /** Why it is marked as failed: a word of ralph's own, never foreign text. */
  readonly error?: string;
}

/** A count that only grows, since `sinceMs` of the whole. */
export interface Sum {
  readonly name: string;
  readonly unit: string;
  readonly attributes: Attributes;
  readonly value: number;
}

/** How often which size was seen; `counts` has one more than `bounds`. */
export interface Histogram {
  readonly name: string;
  readonly unit: string;
  readonly attributes: Attributes;
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
}

export interface Metrics {
  /** When the worker began to count, in epoch milliseconds. */
  readonly sinceMs: number;
  readonly sums: readonly Sum[];
  readonly histograms: readonly Histogram[];
}

/** What sends them, and what the session is. */
export type Resource = Attributes;
