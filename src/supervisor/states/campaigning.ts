/** Transitions of a supervisor that stands for election. Pure. */
import { campaignLater, isFinal, isOf } from '../leadership.ts';
import { electedNote, note } from '../note.ts';
import { seconds } from '../../election/words.ts';
import { electionRetryDelay } from '../../election/timing.ts';
import { after, stay, type Counts, type In, type On, type Plan, type Role, type Row, type Step } from '../state.ts';
import { atOnce, leave, notElected, runAt, serve, stopIdle, waitToStand } from '../transitions.ts';

/** The role is there: run the command, or serve its schedule. */
function begin(base: Counts, role: Role, plan: Plan, now: number): Step {
  return plan.cron === undefined ? runAt(base, atOnce(role, undefined, now), plan, now) : serve(base, role, plan);
}

function elected(state: In<'campaigning'>, event: On<'elected'>, plan: Plan, now: number): Step {
  if (!isOf(state.candidacy, event)) return stay(state);
  const said = electedNote(event, 'elected leader', { stoodFor: seconds(now - state.candidacy.since) });
  return after([said], begin(state, { kind: 'leader', leadership: event.leadership }, plan, now));
}

function electionFailed(state: In<'campaigning'>, event: On<'electionFailed'>, plan: Plan, now: number): Step {
  if (!isOf(state.candidacy, event)) return stay(state);
  const { kind, message, exitCode } = event.failure;
  const fields = { why: message, policy: plan.onElectionFailure };
  const failed = note(kind === 'unavailable' ? 'warn' : 'error', 'the election failed', fields);
  if (isFinal(event.failure)) return after([failed], leave(state, undefined, exitCode, now));
  if (plan.onElectionFailure === 'run-anyway') {
    const [candidacy, again] = campaignLater(state.candidacy, state.campaigns, event.jitter);
    const base = { ...state, campaigns: candidacy.campaign };
    const anyway = note('warn', 'running the command without leadership, and standing for election meanwhile');
    return after([failed, anyway, again], begin(base, { kind: 'standby', candidacy }, plan, now));
  }
  if (plan.onElectionFailure === 'exit' || kind === 'refused')
    return after([failed], leave(state, undefined, exitCode, now));
  const failures = state.candidacy.failures + 1;
  const due = now + electionRetryDelay(failures, event.jitter);
  return after([failed], waitToStand(state, { ...state.candidacy, failures }, due));
}

export const campaigning: Row<'campaigning'> = {
  elected,
  electionFailed,
  deadline: (state, _event, _plan, now) => notElected(state, state.candidacy, now),
  stopRequested: (state, event, _plan, now) => stopIdle(state, undefined, event, now),
};
