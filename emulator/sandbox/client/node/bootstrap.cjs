'use strict';
// The runtime client of nodejs*: `node bootstrap.cjs [HANDLER]`. It finds the handler below LAMBDA_TASK_ROOT, then asks the Runtime API for one
// event after the other. It speaks as AWS's own client does (spec lambda.md §1.8, §4.3). Up to nodejs22.x a handler may take a callback and answer
// by context.done, and an invocation waits for the event loop to be empty; from nodejs24.x on AWS has removed all that.
//
//   runtime-api.cjs   the connection to the Runtime API
//   handler.cjs       file.export → function
//   runtime.cjs       one invocation after the other, each way that a handler can answer
//   stream.cjs        awslambda.streamifyResponse
//   log.cjs errors.cjs
//
// CommonJS, few modules, and a socket instead of node:http: that is 9 ms less until the first poll. Unlike AWS's images, there is no AWS SDK here:
// a function brings its own in node_modules.

// AWS's entry point is an ES module, so that require.main is undefined in a function's code.
process.mainModule = undefined;

const { patchConsole, logError } = require('./log.cjs');
const { RuntimeAPI } = require('./runtime-api.cjs');
const { UnhandledPromiseRejection, CallbackHandlerDeprecated } = require('./errors.cjs');
const { loadHandler, isStreaming } = require('./handler.cjs');
const { Runtime, PlainRuntime, beforeExit } = require('./runtime.cjs');

const LAST_MAJOR_WITH_CALLBACKS = 22;
const UNSETTLED_TOP_LEVEL_AWAIT = 13;

// runtimeMajor is the major version that the function asked for, or of this interpreter where it did not say.
function runtimeMajor() {
  const asked = /^AWS_Lambda_nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV ?? '');
  return Number(asked ? asked[1] : process.versions.node.split('.')[0]);
}

// whenUncaught reports what nothing caught, once, and exits: with 129 for an exception and 128 for a rejection.
function whenUncaught(api, runtime) {
  let reported = false;
  const report = (title, error, code) => {
    logError(title, error);
    if (reported) return;
    reported = true;
    const exit = () => process.exit(code);
    // On a connection of its own: on the other one a poll may be waiting.
    const other = api.another();
    const id = runtime.requestId;
    (id === undefined ? other.initError(error) : other.invocationError(id, error)).then(exit, exit);
  };
  process.on('uncaughtException', (error) => report('Uncaught Exception', error, 129));
  process.on('unhandledRejection', (reason, promise) =>
    report('Unhandled Promise Rejection', new UnhandledPromiseRejection(reason, promise), 128));
  return report;
}

function warnOfCallback(handler) {
  const asynchronous = handler.constructor.name === 'AsyncFunction';
  if (handler.length !== 3 || asynchronous || isStreaming(handler) || process.env.AWS_LAMBDA_NODEJS_DISABLE_CALLBACK_WARNING !== undefined) return;
  console.warn('AWS Lambda plans to remove support for callback-based function handlers starting with Node.js 24. You will need to update this function to use an async handler to use Node.js 24 or later. For more information and to provide feedback on this change, see https://github.com/aws/aws-lambda-nodejs-runtime-interface-client/issues/137. To disable this warning, set the AWS_LAMBDA_NODEJS_DISABLE_CALLBACK_WARNING environment variable.');
}

async function runWithCallbacks(api, taskRoot, name) {
  const runtime = new Runtime(api);
  const report = whenUncaught(api, runtime);
  process.on('beforeExit', beforeExit.run);
  // A top-level await that nothing will settle: AWS's client then ends with Node's status for it.
  beforeExit.set(() => process.exit(UNSETTLED_TOP_LEVEL_AWAIT));
  let handler;
  try {
    handler = await loadHandler(taskRoot, name);
    isStreaming(handler);
  } catch (error) {
    beforeExit.reset();
    report('Uncaught Exception', error, 129);
    return;
  }
  beforeExit.reset();
  warnOfCallback(handler);
  runtime.start(handler);
}

async function runWithoutCallbacks(api, taskRoot, name) {
  let handler;
  try {
    handler = await loadHandler(taskRoot, name, { moduleDefault: true });
    if (!isStreaming(handler) && handler.length >= 3) throw new CallbackHandlerDeprecated();
  } catch (error) {
    logError('Init Error', error);
    await api.initError(error);
    throw error;
  }
  await new PlainRuntime(api, handler).run();
}

function main() {
  patchConsole();
  const api = new RuntimeAPI(process.env.AWS_LAMBDA_RUNTIME_API);
  const taskRoot = process.env.LAMBDA_TASK_ROOT ?? process.cwd();
  const name = process.argv[2] ?? process.env._HANDLER;
  const run = runtimeMajor() > LAST_MAJOR_WITH_CALLBACKS ? runWithoutCallbacks : runWithCallbacks;
  run(api, taskRoot, name);
}

main();
//# sourceURL=file:///var/runtime/index.mjs
