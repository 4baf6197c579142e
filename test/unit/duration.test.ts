import { describe, expect, it } from 'vitest';
import { DurationError, formatDuration, parseDuration } from '../../src/duration.ts';

describe('parseDuration', () => {
  it.each([
    ['0', 0],
    ['0s', 0],
    ['5s', 5_000],
    ['30s', 30_000],
    ['1478s', 1_478_000],
    ['5.0s', 5_000],
    ['5.6s', 5_600],
    ['5.s', 5_000],
    ['.5s', 500],
    ['1.004s', 1_004],
    ['10ns', 0.00001],
    ['11us', 0.011],
    ['12µs', 0.012],
    ['12μs', 0.012],
    ['13ms', 13],
    ['14s', 14_000],
    ['15m', 900_000],
    ['16h', 57_600_000],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['3h30m', 12_600_000],
    ['10.5s4m', 250_500],
    ['1h2m3s4ms5us6ns', 3_723_004.005006],
    ['39h9m14.425s', 140_954_425],
    ['0.100000000000000000000h', 360_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each([
    ['', 'empty'],
    ['5', 'the unit is missing'],
    ['1.5', 'the unit is missing'],
    ['5 s', 'no spaces are allowed'],
    [' 5s', 'no spaces are allowed'],
    ['-1s', 'cannot be negative'],
    ['+1s', 'no sign is allowed'],
    ['1e3s', 'no exponent is allowed'],
    ['1m30', 'the unit is missing after 30'],
    ['s', '"s" does not start with a number'],
    ['.s', 'does not start with a number'],
    ['1d', 'no such unit: "d"'],
    ['5S', 'no such unit: "S"'],
    ['1..5s', 'the unit is missing'],
    ['9223372036854775808ns', 'too long'],
    ['300000000h', 'too long'],
    ['soon', 'does not start with a number'],
  ])('%j is refused: %s', (text, why) => {
    expect(() => parseDuration(text)).toThrow(DurationError);
    expect(() => parseDuration(text)).toThrow(why);
    expect(() => parseDuration(text)).toThrow('a number with a unit (h, m, s, ms, us, ns)');
  });
});

describe('formatDuration writes as Go does', () => {
  it.each([
    [0, '0s'],
    [0.000001, '1ns'],
    [0.0011, '1.1µs'],
    [2.2, '2.2ms'],
    [500, '500ms'],
    [3_300, '3.3s'],
    [4_500, '4.5s'],
    [5_000, '5s'],
    [60_000, '1m0s'],
    [90_000, '1m30s'],
    [245_001, '4m5.001s'],
    [3_600_000, '1h0m0s'],
    [18_367_001, '5h6m7.001s'],
    [-1_500, '-1.5s'],
  ])('%d ms is %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('is read back as the same duration', () => {
    for (const ms of [1, 999.999999, 1_000, 59_999, 61_001.5, 86_400_000, 3_599_999.999]) {
      expect(parseDuration(formatDuration(ms))).toBe(ms);
    }
  });
});
