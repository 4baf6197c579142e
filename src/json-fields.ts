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

/** The record that an object stands for, or which field is wrong or missing. `isLeftOut`: what counts as no value. */
export function readFields(
  json: Fields,
  forms: Forms,
  needed: readonly string[],
  isLeftOut: (value: unknown) => boolean = () => false,
): Fields | string {
  const record: Record<string, unknown> = {};
  const unknown: [string, unknown][] = [];
  for (const name of Object.keys(json)) {
    const form = Object.hasOwn(forms, name) ? forms[name] : undefined;
    if (form === undefined) unknown.push([name, json[name]]);
    else if (!isLeftOut(json[name])) {
      record[name] = form.read(json[name]);
      if (record[name] === undefined) return `${name} is not ${form.is}`;
    }
  }
  if (unknown.length > 0) record['unknownFields'] = Object.fromEntries(unknown);
  const missing = needed.find((name) => record[name] === undefined);
  return missing === undefined ? record : `${missing} is missing`;
}

/** The object that stands for a record. */
export function writtenFields(record: object, forms: Forms): Fields {
  const known = record as Fields;
  const written: Record<string, unknown> = {};
  for (const name of Object.keys(forms)) if (known[name] !== undefined) written[name] = forms[name]?.write(known[name]);
  const { unknownFields } = record as { readonly unknownFields?: Fields };
  if (unknownFields === undefined) return written;
  const kept = Object.entries(unknownFields).filter(([name]) => !Object.hasOwn(forms, name));
  return { ...written, ...Object.fromEntries(kept) };
}
