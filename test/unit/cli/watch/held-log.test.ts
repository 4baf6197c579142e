import { expect, it } from 'vitest';
import { HeldLog } from '../../../../src/cli/watch/held-log.ts';
import { recorder } from '../../../support/sessions.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';

it('a log that is held says later what it was told, in order, each line with its instant', async () => {
  const { lines, logger } = recorder();
  const clock = new VirtualClock(1);
  const held = new HeldLog(logger, clock.process());
  held.warn('first', { a: 1 });
  await clock.run(1500);
  held.info('second');
  expect(lines).toEqual([]);
  held.release();
  expect(lines.map(({ level, message }) => `${level} ${message}`)).toEqual(['warn first', 'info second']);
  const [first, second] = lines.map(({ fields }) => fields);
  expect(first).toMatchObject({ a: 1 });
  expect(Date.parse(String(second?.['at'])) - Date.parse(String(first?.['at']))).toBe(1500);
  held.release();
  expect(lines).toHaveLength(2);
});

it('keeps the last hundred lines, and says how many it dropped', () => {
  const { lines, logger } = recorder();
  const held = new HeldLog(logger, new VirtualClock(1).process());
  for (let index = 0; index < 130; index++) held.debug(`line ${index}`);
  held.release();
  expect(lines[0]).toMatchObject({ level: 'info', fields: { lines: 30 } });
  expect(lines).toHaveLength(101);
  expect(lines.at(1)?.message).toBe('line 30');
});
