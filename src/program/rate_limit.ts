/** Limits how often each kind of message is logged. The SDK uses the same class. */
export { RateLimit } from '../osquery/log.ts';
