import type { RunningCommand } from '../../src/command/launch.ts';
import type { Election } from '../../src/election/election.ts';
import type { RunLedger } from '../../src/ledger/ledger.ts';
import type { SessionOpener } from '../../src/zookeeper/session/port.ts';

/**
 * What is put between the parts of each candidate, at the ports that they have anyway. The code under test runs with
 * none of them; a part that does less than its port promises shows whether the simulation notices.
 */
export interface Parts {
  /** Between election and coordinator. */
  readonly sessions?: (real: SessionOpener) => SessionOpener;
  /** Between supervisor and election. */
  readonly election?: (real: Election) => Election;
  /** Between supervisor and ledger. */
  readonly ledger?: (real: RunLedger) => RunLedger;
  /** Between supervisor and command. */
  readonly command?: (real: RunningCommand) => RunningCommand;
}
