import { Document, visit } from 'yaml';
import { UNSAFE, escapeChar } from './unsafe.ts';

/** A report as YAML, laid out as Go's ballot does: sequences are not indented, lines not folded. */
export function stringifyYaml(report: object): string {
  // The older schema quotes what readers of either version of YAML could take for something else than text.
  const document = new Document(report, { schema: 'yaml-1.1', aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (_, scalar) => {
      // Only between double quotes can the escapes below stand.
      if (typeof scalar.value === 'string' && scalar.value.search(UNSAFE) >= 0) scalar.type = 'QUOTE_DOUBLE';
    },
  });
  return document.toString({ indentSeq: false, lineWidth: 0 }).replace(UNSAFE, escapeChar);
}
