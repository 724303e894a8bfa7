/** Exit statuses of the program. */

/** It could not do its work. */
export const FAILED = 1;
/** The command line is wrong. */
export const USAGE = 2;
