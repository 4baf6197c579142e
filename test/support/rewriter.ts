/**
 * A program of its own that writes a file over and over, each time with other data of many blocks, until it is killed.
 */
import { replaceFile } from '../../src/local/disk.ts';

const [path = ''] = process.argv.slice(2);
for (let round = 0; ; round += 1) {
  replaceFile(path, JSON.stringify({ round, padding: String(round).repeat(50_000) }));
  if (round === 0) process.stdout.write('writes\n');
}
