/** What a mutant is: one fault put into the product, and the test that must notice it. */

/** A file of tests, or those of it whose names match. */
export interface TestFile {
  readonly project: 'unit' | 'simulation' | 'contract' | 'integration' | 'predecessor' | 'faults';
  /** Under `test/`, without `.test.ts`. */
  readonly file: string;
  /** Vitest's `-t`: a pattern of names. */
  readonly named?: string;
}

/** Histories of the simulation, from a seed on. */
export interface Histories {
  readonly mode: 'once' | 'cron';
  readonly first: number;
  readonly histories: number;
}

export type Check = TestFile | Histories;

export interface Mutant {
  /** What is wrong with the product, in words. Each mutant has its own. */
  readonly what: string;
  /** Under `src/`. */
  readonly file: string;
  /** The text that is taken out. It stands in the file exactly once. */
  readonly find: string;
  /** The text that takes its place. */
  readonly put: string;
  /** The fastest check that must fail with this fault in place. */
  readonly noticedBy: Check;
}

/** A file of unit tests. */
export const unit = (file: string, named?: string): TestFile => testFile('unit', `unit/${file}`, named);

/** A file of the simulation. */
export const told = (file: string, named?: string): TestFile => testFile('simulation', `simulation/${file}`, named);

/** The contract, on the simulated ensemble alone. */
export const contract = (file: string, named = ''): TestFile =>
  testFile('contract', `contract/${file}`, `the simulated ensemble.*${named}`);

/** Real processes on a real server. */
export const integration = (file: string, named?: string): TestFile =>
  testFile(
    (['predecessor', 'faults'] as const).find((project) => file.startsWith(`${project}/`)) ?? 'integration',
    `integration/${file}`,
    named,
  );

function testFile(project: TestFile['project'], file: string, named: string | undefined): TestFile {
  return { project, file, ...(named === undefined ? {} : { named }) };
}

/** Whether a check takes a few seconds, and neither servers nor a build: those are the part for every `npm test`. */
export function isQuick(check: Check): boolean {
  return 'project' in check && (check.project === 'unit' || check.project === 'simulation');
}

/** A check in words; two that say the same are the same. */
export function describeCheck(check: Check): string {
  if ('mode' in check) return `histories ${check.first} to ${check.first + check.histories - 1} of run ${check.mode}`;
  return check.named === undefined ? check.file : `${check.file} “${check.named}”`;
}

/** Why a mutant cannot be put into the source, as it stands now; `undefined`: it can. */
export function misfit({ find, put }: Mutant, source: string): string | undefined {
  const places = source.split(find).length - 1;
  if (places !== 1) return `the text to take out stands in the file ${places} times`;
  return find === put ? 'it changes nothing' : undefined;
}

/** The source with the fault in it. */
export function mutate({ find, put }: Mutant, source: string): string {
  return source.split(find).join(put);
}
