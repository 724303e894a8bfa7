/** Bounds how often a message is logged, by its kind. The SDK has it too, for its own messages. */
export { RateLimit } from '../osquery/log.ts';
