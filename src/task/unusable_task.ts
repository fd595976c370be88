import { RalphError } from "../error.ts";

/**
 * A task of that name is where the user is, and cannot be used as it is: not in git, or not at its root.
 * One of another project is not meant.
 */
export class UnusableTask extends RalphError {}
