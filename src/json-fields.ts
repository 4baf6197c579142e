/** Records as JSON on the wire. What another ballot wrote besides the known fields is kept, and written back. */
export type Fields = Readonly<Record<string, unknown>>;

/** How a field stands on the wire. */
export interface Form {
  /** `a string`, for messages. */
  readonly is: string;
  /** `undefined`: the value is not of this form. */
  read(value: unknown): unknown;
  /** `undefined`: the field is left out. */
  write(value: unknown): unknown;
}

/** By the field's name, in the order of writing. */
export type Forms = Readonly<Record<string, Form>>;

/** A form that stands on the wire as it is. */
export function plain(is: string, fits: (value: unknown) => boolean): Form {
  return { is, read: (value) => (fits(value) ? value : undefined), write: (value) => value };
}

/** The object that the data holds, or why there is none. */
export function parseObject(data: Buffer): Fields | string {
  let json: unknown;
  try {
    json = JSON.parse(data.toString('utf8'));
    // Data that is nested too deeply can be read and not be written.
    JSON.stringify(json);
  } catch {
    return 'not JSON';
  }
  return isObject(json) ? json : 'not a JSON object';
}

/** Whether it is an object, and no list. */
export function isObject(json: unknown): json is Fields {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

/** The record that an object stands for, or which field is wrong or missing. */
export function readFields(json: Fields, forms: Forms, needed: readonly string[]): Fields | string {
  const known: [string, unknown][] = [];
  const unknown: [string, unknown][] = [];
  for (const [name, value] of Object.entries(json)) {
    const form = Object.hasOwn(forms, name) ? forms[name] : undefined;
    const meaning = form?.read(value);
    if (form === undefined) unknown.push([name, value]);
    else if (meaning === undefined) return `${name} is not ${form.is}`;
    else known.push([name, meaning]);
  }
  if (unknown.length > 0) known.push(['unknownFields', Object.fromEntries(unknown)]);
  const record: Fields = Object.fromEntries(known);
  const missing = needed.find((name) => record[name] === undefined);
  return missing === undefined ? record : `${missing} is missing`;
}

/** The object that stands for a record. */
export function writtenFields(record: object, forms: Forms): Fields {
  const { unknownFields = {}, ...known } = record as Fields & { readonly unknownFields?: Fields };
  const said = Object.entries(forms).filter(([name]) => known[name] !== undefined);
  const kept = Object.entries(unknownFields).filter(([name]) => !Object.hasOwn(forms, name));
  return Object.fromEntries<unknown>([
    ...said.map(([name, form]) => [name, form.write(known[name])] as const),
    ...kept,
  ]);
}
