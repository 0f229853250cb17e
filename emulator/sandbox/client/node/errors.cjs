'use strict';
// Errors as the Runtime API and the log show them (spec lambda.md §1.6, §1.8).
const { types } = require('node:util');

class ImportModuleError extends Error {}
class HandlerNotFound extends Error {}
class MalformedHandlerName extends Error {}
class UserCodeSyntaxError extends Error {}
class MalformedStreamingHandler extends Error {}
class InvalidStreamingOperation extends Error {}

class NodeJsExit extends Error {
  constructor() {
    super('The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes');
  }
}

class CallbackHandlerDeprecated extends Error {
  constructor() {
    super('ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to modify this function to use a supported handler signature to use Node.js 24 or later. For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.');
  }
}

class UnhandledPromiseRejection extends Error {
  constructor(reason, promise) {
    super(reason);
    this.reason = reason;
    this.promise = promise;
  }
}

const classes = {
  ImportModuleError, HandlerNotFound, MalformedHandlerName, UserCodeSyntaxError, MalformedStreamingHandler, InvalidStreamingOperation, NodeJsExit,
  CallbackHandlerDeprecated, UnhandledPromiseRejection,
};
for (const [name, type] of Object.entries(classes)) type.prototype.name = `Runtime.${name}`;

// looksLikeError is true of errors and of what has an error's three texts.
function looksLikeError(value) {
  return types.isNativeError(value) ||
    Boolean(value?.name && value.message && value.stack) && [value.name, value.message, value.stack].every((text) => typeof text === 'string');
}

// DEL is not allowed in HTTP headers, and AWS escapes it in all of an error.
const escapeDel = (text) => text?.replace(/\x7F/g, '%7F');

// toResponse is the body of a POST to an error route.
function toResponse(error) {
  try {
    if (!looksLikeError(error)) return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
    return { errorType: escapeDel(error.name), errorMessage: escapeDel(error.message), trace: escapeDel(error.stack).split('\n') };
  } catch {
    return {
      errorType: 'handled',
      errorMessage: 'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack',
    };
  }
}

// toLogText is an error in a line of the text log: JSON after a tab, with what the error's own properties say, its causes included.
function toLogText(error) {
  const expand = (_, value) => {
    if (!(value instanceof Error)) return value;
    const shown = { errorType: value.name, errorMessage: value.message, code: value.code, ...value };
    if (typeof value.stack === 'string') shown.stack = value.stack.split('\n');
    return shown;
  };
  try {
    return '\t' + JSON.stringify(error, expand);
  } catch {
    return '\t' + JSON.stringify(toResponse(error));
  }
}

// toXRayCause is the value of Lambda-Runtime-Function-XRay-Error-Cause, or "" where the error cannot be read.
function toXRayCause(error) {
  try {
    const lines = error.stack ? escapeDel(error.stack).split('\n').slice(1) : [];
    const stack = lines.map(toXRayFrame);
    return JSON.stringify({
      working_directory: process.cwd(),
      exceptions: [{ type: escapeDel(error.name), message: escapeDel(error.message), stack }],
      paths: [...new Set(stack.map((frame) => frame.path))],
    });
  } catch {
    return '';
  }
}

// toXRayFrame reads "    at label (path:line:column)".
function toXRayFrame(text) {
  const trimmed = text.trim().replace(/[()]/g, '');
  const line = trimmed.slice(trimmed.indexOf(' ') + 1);
  const space = line.lastIndexOf(' ');
  const label = space > 0 ? line.slice(0, space) : '';
  const [path, number] = (label ? line.slice(space + 1) : line).split(':');
  return { path, line: parseInt(number, 10), label: label || 'anonymous' };
}

module.exports = { ...classes, toResponse, toLogText, toXRayCause };
//# sourceURL=file:///var/runtime/index.mjs
