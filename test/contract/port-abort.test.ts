import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coordinators, distantCoordinators, type Candidate, type Coordinator } from './coordinator.ts';
import { SLACK_MS, expectWithin, Stage, type Campaign } from './stage.ts';

/** Makes a campaign that is about to be won. */
type Beginning = (world: Coordinator, stage: Stage) => Promise<Campaign>;

const alone: Beginning = async (world, stage) => stage.campaign(await world.candidate('a'));

const behindOneThatResigns: Beginning = async (_world, stage) => {
  const { term } = await stage.lead('leader');
  const campaign = await stage.stand('a');
  stage.resign(term).catch(() => undefined);
  return campaign;
};

const behindOneThatHasDied: Beginning = async (_world, stage) => {
  const { candidate } = await stage.lead('leader');
  const campaign = await stage.stand('a');
  stage.kill(candidate);
  return campaign;
};

/**
 * Calls the campaign off, unless it is won already. Returns whether it is. At moment 0 it cannot know that it is won: a
 * busy machine may win it before this process runs again.
 */
async function callOff(stage: Stage, campaign: Campaign, moment: number): Promise<boolean> {
  const won = moment > 0 && (await stage.isElected(campaign));
  const reason = new Error('called off');
  campaign.abort(reason);
  if (!won) expect(await stage.failure(campaign.term)).toBe(reason);
  return won;
}

/** The one whose turn it is after that moment is elected soon, and nobody beside: another, or the same once more. */
async function electAnew(world: Coordinator, stage: Stage, former: Candidate, moment: number): Promise<void> {
  const isSame = moment % 2 === 1;
  if (!isSame) await world.settle(stage.close(former));
  const campaign = stage.campaign(isSame ? former : await world.candidate('b'));
  const { id, clock } = campaign.candidate;
  const before = clock.now();
  await stage.elected(campaign);
  expectWithin(world, clock.now() - before, world.leaseDuration + SLACK_MS);
  // Whatever the former campaign had on its way has arrived by then.
  await world.pass(world.leaseDuration / 4);
  const { leader, queue } = await stage.seen();
  const others = queue.filter((name) => name !== 'leader');
  expect({ moment, leader, others }).toEqual({ moment, leader: id, others: [id] });
}

describe.each(coordinators)('a campaign on %s ends with the reason of its signal, at each moment,', (_name, start) => {
  let world: Coordinator;

  beforeAll(async () => {
    world = await start();
  });
  afterAll(() => world.close());

  it.each([
    ['where nobody led before', alone],
    ['behind a leader that resigns', behindOneThatResigns],
    ['behind a leader that has died', behindOneThatHasDied],
  ])('%s', async (_where, begin) => {
    let moment = 0;
    for (let won = false; !won; moment += 1) {
      const stage = new Stage(world);
      const campaign = await begin(world, stage);
      await world.moment(moment);
      won = await callOff(stage, campaign, moment);
      if (!won) await electAnew(world, stage, campaign.candidate, moment);
      stage.end();
      await world.reset();
    }
    expect(moment, 'moments').toBeGreaterThan(world.isVirtual ? 15 : 1);
  });
});

describe.each(distantCoordinators)(
  'a campaign on %s that is cut off and called off, at each moment,',
  (_name, start) => {
    let world: Awaited<ReturnType<typeof start>>;

    beforeAll(async () => {
      world = await start();
    });
    afterAll(() => world.close());

    it.each([
      ['where nobody led before', alone],
      ['behind a leader that resigns', behindOneThatResigns],
    ])('leaves the election to others: %s', async (_where, begin) => {
      let moment = 0;
      for (let won = false; !won; moment += 1) {
        const stage = new Stage(world);
        const campaign = await begin(world, stage);
        await world.moment(moment);
        world.cutOff(campaign.candidate);
        await world.pass(world.leaseDuration / 8);
        won = await callOff(stage, campaign, moment);
        world.reconnect(campaign.candidate);
        if (!won) await electAnew(world, stage, campaign.candidate, moment);
        stage.end();
        await world.reset();
      }
      expect(moment, 'moments').toBeGreaterThan(world.isVirtual ? 15 : 1);
    });
  },
);
