/**
 * A port of this machine where nothing listens: one of IANA's that nobody uses, and that `fetch` does not
 * refuse by itself, as it does 1. One that was given back just now may be another test's by the time that it
 * is asked.
 */
export const CLOSED_PORT = 2;
