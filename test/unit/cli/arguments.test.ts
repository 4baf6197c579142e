import { describe, expect, it } from 'vitest';
import { readArguments, type Arguments } from '../../../src/cli/arguments.ts';
import { commonFlags, optionFlags, reportOutput } from '../../../src/cli/flags.ts';

const flags = [...commonFlags, ...optionFlags('global'), ...optionFlags('run'), ...optionFlags('cron'), reportOutput];
const read = (...argv: string[]): Arguments =>
  readArguments(argv, flags, (words) => words[0] === 'run' && words.length > 2);

describe('the command line', () => {
  it('hands on everything after the first -- verbatim', () => {
    const rest = ['cmd', '', '007', '1e3', '--', '--debug', '-x', 'a=b', '"q"', ' '];
    expect(read('run', 'once', '--', ...rest)).toEqual({
      words: ['run', 'once'],
      flags: new Map(),
      problems: [],
      rest,
    });
  });

  it('has no rest without --', () => {
    expect(read('run', 'once', 'ls', 'x')).toMatchObject({
      words: ['run', 'once', 'ls', 'x'],
      rest: undefined,
      problems: [],
    });
  });

  it.each([
    ['--wrap-child-logs', 'false'],
    ['--wrap-child-logs=false', undefined],
    ['--no-wrap-child-logs', undefined],
  ])('%s %s turns wrapping off (defect 26)', (flag, value) => {
    const argv = ['run', 'once', flag, ...(value === undefined ? [] : [value]), 'cmd'];
    expect(read(...argv)).toEqual({
      words: ['run', 'once', 'cmd'],
      flags: new Map([['wrap-child-logs', ['false']]]),
      problems: [],
      rest: undefined,
    });
  });

  it('lets a switch take nothing but true and false', () => {
    expect(read('--debug', 'run', 'once', 'cmd')).toMatchObject({
      words: ['run', 'once', 'cmd'],
      flags: new Map([['debug', ['true']]]),
    });
    expect(read('run', 'once', '--debug', 'TRUE', 'cmd').words).toEqual(['run', 'once', 'cmd']);
  });

  it('keeps the value of a switch for the configuration to judge', () => {
    expect(read('--wrap-child-logs=maybe').flags).toEqual(new Map([['wrap-child-logs', ['maybe']]]));
    expect(read('--debug=').flags).toEqual(new Map([['debug', ['']]]));
  });

  it('takes a schedule as one value, whatever it begins with', () => {
    expect(read('--schedule', '*/5 * * * *', '--schedule=@daily', '--timezone', 'Asia/Tokyo').flags).toEqual(
      new Map([
        ['schedule', ['*/5 * * * *', '@daily']],
        ['timezone', ['Asia/Tokyo']],
      ]),
    );
  });

  it('keeps values as they are, in order', () => {
    expect(
      read('--candidate-id', '007', '--candidate-id="q"', '--candidate-id=a=b', '--candidate-id', '').flags,
    ).toEqual(new Map([['candidate-id', ['007', '"q"', 'a=b', '']]]));
    expect(read('-o', 'json', '-oyaml', '-o=table').flags).toEqual(new Map([['output', ['json', 'yaml', 'table']]]));
    expect(read('--kill-after', '-1s').flags).toEqual(new Map([['kill-after', ['-1s']]]));
  });

  it.each([
    [['--kil-after', 'x'], 'unknown flag --kil-after (did you mean --kill-after?)'],
    [['--frobnicate'], 'unknown flag --frobnicate'],
    [['-x'], 'unknown flag -x'],
    [['--no-kill-after'], 'unknown flag --no-kill-after'],
    [['--kill-after'], 'flag --kill-after needs a value: 0s to 24h'],
    [['--kill-after', '--debug'], 'flag --kill-after needs a value: 0s to 24h'],
    [
      ['run', 'once', 'ls', '-la'],
      "-la follows the command ls: is it ballot's or the command's? Put -- before the command",
    ],
    [
      ['run', 'once', 'ls', '--debug'],
      "--debug follows the command ls: is it ballot's or the command's? Put -- before the command",
    ],
  ])('%j: %s', (argv, problem) => {
    expect(read(...argv).problems[0]).toContain(problem);
  });

  it.each([
    [['-schedule', '@daily', '--', 'x'], 'unknown flag -schedule (did you mean --schedule?)'],
    [['-schedule=@daily', '--', 'x'], 'unknown flag -schedule (did you mean --schedule?)'],
    [['-zookeeper-base-path', '/me:secret@x', '--', 'x'], 'unknown flag -zookeeper-base-path (did you mean --zoo'],
    [['-output', 'json', '--', 'x'], 'unknown flag -output (did you mean --output?)'],
    [['-help', '--', 'x'], 'unknown flag -help (did you mean --help?)'],
    [['-debug', '--', 'x'], 'unknown flag -debug (did you mean --debug?)'],
    [['-shedule=me:secret@x', '--', 'x'], 'unknown flag -shedule (did you mean --schedule?)'],
  ])('one dash, as for Go, is answered with two: %j', (argv, problem) => {
    const { words, flags: found, problems, rest } = read('run', 'cron', ...argv);
    expect({ words, flags: found, rest }).toEqual({ words: ['run', 'cron'], flags: new Map(), rest: ['x'] });
    expect(problems).toEqual([expect.stringContaining(problem)]);
    expect(problems.join()).not.toContain('secret');
  });

  it('reports every problem at once', () => {
    expect(read('--a', '--b', '--kill-after').problems).toHaveLength(3);
  });
});
