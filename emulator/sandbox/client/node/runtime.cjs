'use strict';
// One invocation after the other, in each of the ways that a handler can answer.
const { setRequest, logError } = require('./log.cjs');
const { NodeJsExit } = require('./errors.cjs');
const { isStreaming, highWaterMark } = require('./handler.cjs');

const BEFORE_EXIT = Symbol.for('aws.lambda.beforeExit');

// beforeExit is what happens when the event loop is empty. It is a global of that symbol because tracing libraries replace it.
const beforeExit = {
  run: () => globalThis[BEFORE_EXIT](),
  set: (listener) => { globalThis[BEFORE_EXIT] = listener; },
  reset: () => { globalThis[BEFORE_EXIT] = () => {}; },
};
beforeExit.reset();

const isPromise = (value) => typeof value?.then === 'function';

function parseJSON(text, name) {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error.toString()}`);
  }
}

// describe adds to a context object what the environment and the event's headers say of the invocation.
function describe(context, headers) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return Object.assign(context, {
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parseJSON(headers['lambda-runtime-client-context'], 'ClientContext'),
    identity: parseJSON(headers['lambda-runtime-cognito-identity'], 'CognitoIdentity'),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    tenantId: headers['lambda-runtime-aws-tenant-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  });
}

function setTrace(trace) {
  if (trace) process.env._X_AMZN_TRACE_ID = trace;
  else delete process.env._X_AMZN_TRACE_ID;
}

// Answer is the one answer of an invocation of Runtime: by callback, by context.done, succeed or fail, or by a promise that calls those. Only the
// first counts.
class Answer {
  constructor(runtime, requestId) {
    this.runtime = runtime;
    this.requestId = requestId;
    this.waitForEmptyEventLoop = true;
    this.given = false;
    this.completed = false;
    const once = (give) => (...args) => {
      if (this.given) return;
      give(...args);
      // Not before: a result without JSON throws, and that error is the answer then.
      this.given = true;
    };
    this.callback = once((error, result) => this.called(error, result));
    this.succeed = once((result) => this.done(null, result));
    this.fail = once((error) => this.done(error ?? 'handled'));
    this.doneOnce = once((error, result) => this.done(error, result));
  }

  // context is what the handler sees of the Answer.
  context() {
    const answer = this;
    return {
      get callbackWaitsForEmptyEventLoop() { return answer.waitForEmptyEventLoop; },
      set callbackWaitsForEmptyEventLoop(value) { answer.waitForEmptyEventLoop = value; },
      succeed: this.succeed,
      fail: this.fail,
      done: this.doneOnce,
    };
  }

  called(error, result) {
    beforeExit.reset();
    if (error !== undefined && error !== null) this.postError(error);
    else if (this.waitForEmptyEventLoop) beforeExit.set(() => setImmediate(() => this.complete(result)));
    else this.complete(result);
  }

  done(error, result) {
    beforeExit.reset();
    if (error !== undefined && error !== null) this.postError(error);
    else this.complete(result);
  }

  complete(result) {
    if (this.completed) {
      console.error('Invocation has already been reported as done. Cannot call complete more than once per invocation.');
      return;
    }
    this.completed = true;
    this.runtime.api.response(this.requestId, result);
    this.runtime.scheduleIteration();
  }

  postError(error) {
    logError('Invoke Error', error);
    this.runtime.api.invocationError(this.requestId, error).catch(() => {});
    this.runtime.scheduleIteration();
  }

  // abandoned ends an invocation whose event loop ran empty without an answer.
  abandoned(asynchronous) {
    this.completed = true;
    if (asynchronous) this.postError(new NodeJsExit());
    else {
      this.runtime.api.response(this.requestId, null);
      this.runtime.scheduleIteration();
    }
  }
}

// Runtime is the loop of the versions up to nodejs22.x. Its name and handleOnceNonStreaming stand in stack traces, as with AWS.
class Runtime {
  constructor(api) {
    this.api = api;
    this.requestId = undefined;
  }

  start(handler) {
    this.handler = handler;
    this.asynchronous = handler.constructor.name === 'AsyncFunction';
    this.handleOnce = isStreaming(handler) ? this.handleOnceStreaming : this.handleOnceNonStreaming;
    this.scheduleIteration();
  }

  scheduleIteration() {
    setImmediate(() => this.handleOnce().catch(leave));
  }

  begin(headers) {
    this.requestId = headers['lambda-runtime-aws-request-id'];
    setRequest(this.requestId, headers['lambda-runtime-aws-tenant-id']);
  }

  async handleOnceNonStreaming() {
    const { headers, body } = await this.api.next();
    this.begin(headers);
    const answer = new Answer(this, this.requestId);
    try {
      beforeExit.set(() => answer.abandoned(this.asynchronous));
      const event = JSON.parse(body);
      setTrace(headers['lambda-runtime-trace-id']);
      const result = this.handler(event, describe(answer.context(), headers), answer.callback);
      if (isPromise(result)) result.then(answer.succeed, answer.fail).catch(answer.fail);
    } catch (error) {
      answer.callback(error);
    }
  }

  async handleOnceStreaming() {
    const { headers, body } = await this.api.next();
    this.begin(headers);
    let waitForEmptyEventLoop = true;
    const context = {
      get callbackWaitsForEmptyEventLoop() { return waitForEmptyEventLoop; },
      set callbackWaitsForEmptyEventLoop(value) { waitForEmptyEventLoop = value; },
    };
    beforeExit.set(() => this.scheduleIteration());
    await this.stream(headers, body, context);
    beforeExit.reset();
    if (waitForEmptyEventLoop) beforeExit.set(() => setImmediate(() => this.scheduleIteration()));
    else this.scheduleIteration();
  }

  // stream runs a streaming handler, and returns when its answer has been sent, as a failed one if need be.
  async stream(headers, body, context) {
    const { openStream } = require('./stream.cjs');
    const { stream, sent, fail } = openStream(this.api, this.requestId, highWaterMark(this.handler));
    try {
      setTrace(headers['lambda-runtime-trace-id']);
      describe(context, headers);
      const returned = this.handler(JSON.parse(body), stream, context);
      if (!isPromise(returned)) throw 'Streaming does not support non-async handlers.';
      if ((await returned) !== undefined) console.warn('Streaming handlers ignore return values.');
      await sent;
    } catch (error) {
      logError('Invoke Error', error);
      await fail(error);
    }
  }
}

// PlainRuntime is the loop of nodejs24.x and later: a handler answers by its return value, and nothing waits for the event loop.
class PlainRuntime extends Runtime {
  constructor(api, handler) {
    super(api);
    this.handler = handler;
  }

  async run() {
    const streaming = isStreaming(this.handler);
    for (;;) {
      const { headers, body } = await this.api.next();
      this.begin(headers);
      if (streaming) await this.stream(headers, body, {});
      else await this.processInvoke(headers, body);
    }
  }

  async processInvoke(headers, body) {
    const context = describe({}, headers);
    context.xRayTraceId = headers['lambda-runtime-trace-id'];
    setTrace(context.xRayTraceId);
    try {
      const result = await this.handler(JSON.parse(body), context);
      await immediate();
      this.api.response(this.requestId, result);
    } catch (error) {
      await immediate();
      logError('Invoke Error', error);
      await this.api.invocationError(this.requestId, error);
    }
  }
}

const immediate = () => new Promise((resolve) => setImmediate(resolve));

// leave ends the process when the Runtime API is gone: nobody is left to tell.
function leave() {
  process.exit(1);
}

module.exports = { Runtime, PlainRuntime, beforeExit };
//# sourceURL=file:///var/runtime/index.mjs
