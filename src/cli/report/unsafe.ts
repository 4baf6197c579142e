/**
 * Controls and invisible format characters that could steer a terminal, and that neither JSON nor YAML escapes by
 * itself.
 */
export const UNSAFE = /[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** The escape of a character, as JSON and double quoted YAML write it. */
export function escapeChar(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
