import picocolors from "picocolors";

export type Colors = ReturnType<typeof picocolors.createColors>;

/** No colours: for logs and pipes. */
export const PLAIN: Colors = picocolors.createColors(false);
