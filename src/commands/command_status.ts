/** Exit statuses of the program. */

/** The command failed. */
export const FAILED = 1;
/** The command line is wrong. */
export const USAGE = 2;
