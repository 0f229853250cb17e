'use strict';
// From the handler's name to its function (spec lambda.md §1.8): "src/app.a.b" is export a.b of module app in folder src of the function's code.
const fs = require('node:fs');
const path = require('node:path');
const { createRequire } = require('node:module');
const { pathToFileURL } = require('node:url');
const { HandlerNotFound, ImportModuleError, MalformedHandlerName, MalformedStreamingHandler, UserCodeSyntaxError } = require('./errors.cjs');

// Handlers are required as if by AWS's client, which is what error messages name ("Require stack:\n- /var/runtime/index.mjs").
const requireFromRuntime = createRequire('/var/runtime/index.mjs');

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');

// PRELUDE_END is the number of NUL bytes between the prelude of an HTTP response stream and its body (spec lambda.md §1.5).
const PRELUDE_END = 8;

// parse splits the handler's name into folder, module and the path of the export.
function parse(name) {
  if (name.includes('..')) {
    throw new MalformedHandlerName(`'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  }
  const base = path.basename(name);
  const dot = base.indexOf('.');
  if (dot < 0) throw new MalformedHandlerName('Bad handler');
  return { folder: name.slice(0, name.indexOf(base)), module: base.slice(0, dot), exported: base.slice(dot + 1) };
}

const requireIfThere = (file) => (fs.existsSync(file) ? requireFromRuntime(file) : undefined);
const importIfThere = async (file) => (fs.existsSync(file) ? import(pathToFileURL(file).href) : undefined);

// isTypeModule says whether the package.json nearest to the folder has type module. Folders of installed packages end the search.
function isTypeModule(folder) {
  if (path.basename(folder) === 'node_modules') return false;
  const file = path.join(folder, 'package.json');
  if (fs.existsSync(file)) {
    try {
      return JSON.parse(fs.readFileSync(file, 'utf8'))?.type === 'module';
    } catch (error) {
      console.warn(`${file} cannot be read, it will be ignored for ES module detection purposes.`, error);
      return false;
    }
  }
  const parent = path.dirname(folder);
  return parent !== folder && isTypeModule(parent);
}

async function loadModule(taskRoot, folder, module) {
  const file = path.resolve(taskRoot, folder, module);
  const esm = fs.existsSync(file + '.js') && isTypeModule(path.dirname(file));
  return requireIfThere(file) ||
    (!esm && requireIfThere(file + '.js')) ||
    (esm && (await importIfThere(file + '.js'))) ||
    (await importIfThere(file + '.mjs')) ||
    requireIfThere(file + '.cjs') ||
    requireFromRuntime(requireFromRuntime.resolve(module, { paths: [taskRoot, folder] }));
}

// defineGlobals makes awslambda, by which code marks a handler that streams its answer.
function defineGlobals() {
  if (['1', 'true'].includes(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) return;
  globalThis.awslambda = {
    streamifyResponse(handler, options) {
      handler[STREAMING] = 'response';
      if (typeof options?.highWaterMark === 'number') handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
      return handler;
    },
    HttpResponseStream: class HttpResponseStream {
      static from(stream, prelude) {
        stream.setContentType('application/vnd.awslambda.http-integration-response');
        const head = JSON.stringify(prelude);
        stream._onBeforeFirstWrite = (write) => {
          write(head);
          write(new Uint8Array(PRELUDE_END));
        };
        return stream;
      }
    },
  };
}

function findExport(object, names) {
  return names.split('.').reduce((value, name) => value && value[name], object);
}

// loadHandler imports the handler's module and returns the function. With moduleDefault, an export may be a member of the default export.
async function loadHandler(taskRoot, name, { moduleDefault = false } = {}) {
  const { folder, module, exported } = parse(name);
  defineGlobals();
  let app;
  try {
    app = await loadModule(taskRoot, folder, module);
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserCodeSyntaxError(error);
    if (error?.code === 'MODULE_NOT_FOUND') throw new ImportModuleError(error);
    throw error;
  }
  const handler = findExport(app, exported) || (moduleDefault && findExport(app?.default, exported));
  if (!handler) throw new HandlerNotFound(`${name} is undefined or not exported`);
  if (typeof handler !== 'function') throw new HandlerNotFound(`${name} is not a function`);
  return handler;
}

// isStreaming says whether awslambda.streamifyResponse has marked the handler.
function isStreaming(handler) {
  const mark = handler[STREAMING];
  if (mark === undefined || mark === null || mark === false) return false;
  if (mark !== 'response') throw new MalformedStreamingHandler('Only response streaming is supported.');
  return true;
}

// highWaterMark is the size in bytes that the handler asked for, or undefined.
const highWaterMark = (handler) => handler[HIGH_WATER_MARK];

module.exports = { loadHandler, isStreaming, highWaterMark };
//# sourceURL=file:///var/runtime/index.mjs
