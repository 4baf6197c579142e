import type { Scene } from './scene.ts';

/** Where scenes are shown. */
export interface Display {
  /** The present one. Never throws. */
  show(scene: Scene): void;
  /** The last one was shown. */
  close(): Promise<void>;
}
