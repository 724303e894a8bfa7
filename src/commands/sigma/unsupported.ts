/** Why a rule cannot be expressed: the field, modifier or value, and the reason. */
export class UnsupportedError extends Error {
  override readonly name = 'UnsupportedError';
}
