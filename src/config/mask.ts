/**
 * A value as it may be shown: whatever stands before an `@` and looks like `user:password` becomes `***`. Masks too
 * much rather than too little: from the first word with a colon to the last `@`.
 */
export function mask(value: string): string {
  return value.replace(/[^\s:"]*:.*@/gs, '***@');
}
