import * as internals from 'cosmiconfig/dist/Explorer.js';
import { documentLayer } from './document.ts';
import type { Layer } from './layers.ts';

/** Finds and reads files, as cosmiconfig does. */
export interface Explorer {
  /** `null` when the folder holds none of the names, or none that can be read. */
  search(folder: string): Promise<Found | null>;
  /** Throws what the file system says. */
  load(path: string): Promise<Found | null>;
}

export interface Found {
  /** Undefined for an empty file. */
  readonly config: Layer | undefined;
}

/**
 * cosmiconfig's explorer, made directly: its public entry first looks for a `package.json` and a
 * `.config/config.{json,yaml,js,…}` of other tools in the working directory, runs what it finds, and fails when that
 * does not parse. The class is marked internal and left out of the package's declarations: hence the cast, the exact
 * version in package.json, and a test of its own.
 */
export function openExplorer(names: readonly string[]): Explorer {
  const { Explorer } = internals as unknown as { Explorer: new (options: object) => Explorer };
  const loader = (path: string, content: string): Layer => documentLayer(path, content);
  return new Explorer({
    moduleName: 'ballot',
    searchPlaces: names,
    searchStrategy: 'none',
    loaders: { '.yaml': loader, '.json': loader, noExt: loader, default: loader },
    ignoreEmptySearchPlaces: false,
    applyPackagePropertyPathToConfiguration: false,
    mergeImportArrays: false,
    mergeSearchPlaces: false,
    metaConfigFilePath: null,
    cache: false,
    transform: (found: unknown) => found,
  });
}
