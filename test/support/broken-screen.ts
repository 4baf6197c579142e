/** A program of its own: a screen of `ballot watch` under which there is a bug. */
import { systemClock } from '../../src/clock.ts';
import { Screen } from '../../src/cli/watch/screen.ts';
import { sceneOf } from './scenes.ts';

const screen = new Screen({ clock: systemClock, colours: true, quit: () => undefined, fail: () => undefined });
screen.show(await sceneOf({}));
systemClock.at(systemClock.now() + 500, () => {
  throw new Error('a bug');
});
