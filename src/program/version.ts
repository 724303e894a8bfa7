/** As in package.json; a unit test compares. The native code has none of its own. */
export const VERSION = '0.1.0';
