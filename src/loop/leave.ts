/**
 * The reason with which a loop's signal is aborted when its worker has to go and nobody stopped the
 * session: a shutdown, a logout, `kill`. The session is left so that it can go on.
 */
export const LEAVE = Symbol("leave");

export const isLeaving = (signal: AbortSignal) => signal.aborted && signal.reason === LEAVE;
