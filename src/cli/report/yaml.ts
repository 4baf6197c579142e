import { Document, visit } from 'yaml';
import { escapedLines, needsQuotes } from '../../visible.ts';

/** YAML as Go's ballot lays it out. A file of its own, as only this format needs the parser. */
export function yamlText(report: object): string {
  // The older schema quotes what readers of either version of YAML could take for something else than text.
  const document = new Document(report, { schema: 'yaml-1.1', aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (_, scalar) => {
      // Only between double quotes can escapes stand.
      if (typeof scalar.value === 'string' && needsQuotes(scalar.value)) scalar.type = 'QUOTE_DOUBLE';
    },
  });
  return escapedLines(document.toString({ indentSeq: false, lineWidth: 0 }));
}
