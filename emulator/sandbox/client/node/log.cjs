'use strict';
// console.* as lines of the function's log: text or JSON by AWS_LAMBDA_LOG_FORMAT, from AWS_LAMBDA_LOG_LEVEL on (spec lambda.md §4.3, §4.4).
const { format } = require('node:util');
const { toLogText } = require('./errors.cjs');

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const REQUEST_ID = Symbol.for('aws.lambda.runtime.requestId');
const TENANT_ID = Symbol.for('aws.lambda.runtime.tenantId');

// The log is read by lines, so that a message of several lines is held together by carriage returns.
const write = (line) => process.stdout.write(line.replace(/\n/g, '\r') + '\n');

// Before the first event the id is printed as "undefined".
const writeText = (level, ...words) => write(`${new Date().toISOString()}\t${globalThis[REQUEST_ID]}\t${level}\t${format(...words)}`);

const typeOf = (error) => error?.constructor?.name ?? 'UnknownError';

function expandErrors(_, value) {
  if (!(value instanceof Error)) return value;
  const stackTrace = typeof value.stack === 'string' ? value.stack.split('\n') : value.stack;
  return { errorType: typeOf(value), errorMessage: value.message, stackTrace, ...value };
}

function writeJSON(level, ...words) {
  const line = { timestamp: new Date().toISOString(), level, requestId: globalThis[REQUEST_ID] };
  if (globalThis[TENANT_ID] != null) line.tenantId = globalThis[TENANT_ID];
  write(words.length === 1 ? withValue(line, words[0]) : withFormat(line, words));
}

// withValue keeps a single argument as it is: an object stays an object.
function withValue(line, message) {
  try {
    return JSON.stringify({ ...line, message }, expandErrors);
  } catch {
    return JSON.stringify({ ...line, message: format(message) });
  }
}

// withFormat joins several arguments to one text, beside the first error among them.
function withFormat(line, words) {
  line.message = format(...words);
  const error = words.find((word) => word instanceof Error);
  if (error) {
    line.errorType = typeOf(error);
    line.errorMessage = error.message;
    line.stackTrace = typeof error.stack === 'string' ? error.stack.split('\n') : [];
  }
  return JSON.stringify(line);
}

const isJSON = () => process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON';

// patchConsole replaces the console's methods, console.log being console.info and console.fatal an addition of AWS.
function patchConsole() {
  const writeLine = isJSON() ? writeJSON : writeText;
  const lowest = Math.max(0, LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()));
  LEVELS.forEach((level, i) => {
    // An absent first argument is logged as undefined.
    const log = (message, ...more) => writeLine(level, message, ...more);
    console[level.toLowerCase()] = i >= lowest || level === 'FATAL' ? log : () => {};
  });
  console.log = console.info;
}

// logError logs an error that the runtime caught, as AWS's client does.
function logError(title, error) {
  const shown = error instanceof Error ? error : new Error(error);
  if (isJSON()) console.error(shown);
  else console.error(title, toLogText(shown));
}

function setRequest(requestId, tenantId) {
  globalThis[REQUEST_ID] = requestId;
  globalThis[TENANT_ID] = tenantId;
}

module.exports = { patchConsole, logError, setRequest };
//# sourceURL=file:///var/runtime/index.mjs
