/** Function, file and line of whoever called `callee`: `Supervisor.run main.js:120`. */
export function callerOf(callee: (...parameters: never[]) => unknown): string {
  const limit = Error.stackTraceLimit;
  const holder: { stack?: string } = {};
  Error.stackTraceLimit = 1;
  Error.captureStackTrace(holder, callee);
  Error.stackTraceLimit = limit;
  // V8: " at Supervisor.run (file:///opt/ballot/dist/main.js:120:7)", or without a function " at file:///…:120:7".
  const frame = /at (?:(.*) \()?.*?([^/()]+:\d+):\d+\)?$/.exec(holder.stack?.split('\n').at(-1) ?? '');
  return frame === null ? 'unknown' : [frame[1], frame[2]].filter((part) => part !== undefined).join(' ');
}
