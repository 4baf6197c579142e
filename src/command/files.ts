/** Node's file system by promises. Its own `fs/promises` would cost each start two milliseconds. */
import * as fs from 'node:fs';
import { promisify } from 'node:util';

export const access = promisify(fs.access);
export const fsync = promisify(fs.fsync);
export const mkdir = promisify(fs.mkdir);
export const open = promisify(fs.open);
export const readdir = promisify(fs.readdir);
export const readFile = promisify(fs.readFile);
export const rmdir = promisify(fs.rmdir);
export const writeFile = promisify(fs.writeFile);
