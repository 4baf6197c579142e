/**
 * How strict Go's ballot is as a reader of records: what `encoding/json` into its structs, `time.Parse` with its layout
 * and `time.ParseDuration` would accept. For tests that ask whether Go candidates understand what ours write.
 */

/** Fields of Go's struct, all of type string. */
const STRUCT = ['candidateId', 'hostname', 'pid', 'proposalTime', 'proposalNode', 'sessionTimeout', 'lastSeenTime'];

/** `2006-01-02 15:04:05.999999999 -0700 MST`; a fraction is accepted after the seconds whatever the layout says. */
const LAYOUT =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]) ([01]\d|2[0-3]):[0-5]\d:[0-5]\d([.,]\d+)? [+-]([01]\d|2[0-4])[0-5]\d ([A-Z]{3,5}|[+-]\d\d)$/;

const DURATION = /^[-+]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$/;

/** What Go makes of a record. Throws an error that says what Go would stumble over. */
export function readAsGo(data: Buffer): Record<string, string> {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
  const json = JSON.parse(text) as Record<string, unknown>;
  const record: Record<string, string> = {};
  for (const [key, value] of Object.entries(json)) {
    // Go matches keys without regard to case.
    const field = STRUCT.find((name) => name.toLowerCase() === key.toLowerCase());
    if (field === undefined) {
      if (key.toLowerCase() === 'notes') throw new Error('notes is a field of Go, of type []string');
      continue;
    }
    if (typeof value !== 'string')
      throw new Error(`cannot unmarshal ${typeof value} into Go struct field ${field} of type string`);
    record[field] = value;
  }
  for (const field of ['proposalTime', 'lastSeenTime']) {
    const time = record[field]?.split(' m=')[0];
    if (time !== undefined && !LAYOUT.test(time)) throw new Error(`parsing time ${JSON.stringify(time)} of ${field}`);
  }
  const { sessionTimeout } = record;
  if (sessionTimeout !== undefined && !DURATION.test(sessionTimeout))
    throw new Error(`invalid duration ${sessionTimeout}`);
  return record;
}
