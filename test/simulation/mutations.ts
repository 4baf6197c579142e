/** How parts are changed. */
import type { RequestOptions } from '../../src/election/register.ts';
import type { Session } from '../../src/zookeeper/session/port.ts';
import type { Parts } from './parts.ts';

/** The same object with other methods; those that are not replaced work on the original, whose fields are private. */
export function like<T extends object>(real: T, replaced: Partial<T>): T {
  return new Proxy(real, {
    get(target, key) {
      if (Object.hasOwn(replaced, key)) return Reflect.get(replaced, key) as unknown;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

export const sessionsWith = (change: (session: Session) => Partial<Session>): Required<Pick<Parts, 'sessions'>> => ({
  sessions: (real) =>
    like(real, {
      open: async (options: RequestOptions) => {
        const session = await real.open(options);
        return like(session, change(session));
      },
    }),
});
