/** YAML documents as plain values. */
import { parseAllDocuments, visit } from 'yaml';

/** A number is the text that the file has for it. */
export type Scalar = string | boolean | null;
export type Value = Scalar | readonly Value[] | Mapping;
export interface Mapping {
  readonly [key: string]: Value;
}

export const isList = (value: Value | undefined): value is readonly Value[] => Array.isArray(value);
export const isMapping = (value: Value | undefined): value is Mapping =>
  typeof value === 'object' && value !== null && !isList(value);

/** Each document; an Error for one that is not YAML. */
export function yamlDocuments(text: string): (Value | Error)[] {
  return [...parseAllDocuments(text, { logLevel: 'silent' })].map((document) => {
    const [error] = document.errors;
    if (error) return error;
    visit(document, {
      Scalar(_, node) {
        if (typeof node.value === 'number') node.value = node.source ?? String(node.value);
      },
    });
    try {
      return document.toJS() as Value;
    } catch (refused) {
      // The library bounds aliases of aliases.
      if (refused instanceof ReferenceError) return refused;
      throw refused;
    }
  });
}
