/** Faults of the state machine, and of what performs its effects. */
import { unit, type Mutant } from './mutant.ts';

const policy = { file: 'supervisor/policy.ts', noticedBy: unit('supervisor/policy') };
const ending = unit('supervisor/ending');

export const supervisorMutants: readonly Mutant[] = [
  {
    what: 'an election is tried again without jitter',
    ...policy,
    find: 'return delay / 2 + (delay / 2) * jitter;',
    put: 'return delay;',
  },
  {
    what: 'an election is tried again at an even pace: the pause does not double',
    ...policy,
    find: 'Math.min(ELECTION_RETRY_MS * 2 ** (failures - 1), ELECTION_RETRY_MAX_MS)',
    put: 'ELECTION_RETRY_MS',
  },
  {
    what: 'the pause after a failed election grows without its limit of 5 s',
    ...policy,
    find: 'Math.min(ELECTION_RETRY_MS * 2 ** (failures - 1), ELECTION_RETRY_MAX_MS)',
    put: 'ELECTION_RETRY_MS * 2 ** (failures - 1)',
  },
  {
    what: 'failures are counted on after a long run',
    ...policy,
    find: 'result.ranFor >= plan.restartMaxDelay ? 1 : failures + 1',
    put: 'failures + 1',
  },
  {
    what: 'failures are counted on after a success',
    ...policy,
    find: 'if (exitCodeOf(result) === ExitCode.ok) return 0;',
    put: 'if (exitCodeOf(result) === ExitCode.ok) return failures;',
  },
  {
    what: 'the pause between runs grows without restart-max-delay',
    ...policy,
    find: 'Math.min(plan.restartDelay * 2 ** (failures - 1), plan.restartMaxDelay)',
    put: 'plan.restartDelay * 2 ** (failures - 1)',
  },
  {
    what: 'a command that succeeds at once is run again without a pause',
    ...policy,
    find: 'return Math.max(0, plan.restartDelay - result.ranFor);',
    put: 'return 0;',
  },
  {
    what: 'a run that took too long and then ended with 0 counts as a success',
    ...policy,
    find: 'return result.timedOut ? ExitCode.runTimeout : result.exitCode;',
    put: 'return result.exitCode;',
  },
  {
    what: 'a run that timed out while the lease ran out loses its own policy',
    file: 'supervisor/conclusions.ts',
    find: "if (!staying || (own !== 'runTimeout' && own !== 'leftovers'))",
    put: "if (!staying || own !== 'leftovers')",
    noticedBy: ending,
  },
  {
    what: 'a rerun does not ask for a renewal and waits for the next heartbeat',
    file: 'supervisor/steps.ts',
    find: "role.kind === 'leader' ? [{ kind: 'renew', term: role.leadership.term }] : []",
    put: '[]',
    noticedBy: ending,
  },
  {
    what: 'a rerun starts under a renewal that was sent before the run before had ended',
    file: 'supervisor/steps.ts',
    find: ' && deadline - leaseDuration >= confirmedSince',
    put: '',
    noticedBy: ending,
  },
];
