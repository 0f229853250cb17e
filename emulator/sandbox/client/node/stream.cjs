'use strict';
// An answer that is sent while the handler still writes it (spec lambda.md §1.5): a chunked POST whose trailers tell of an error on the way.
const http = require('node:http');
const { Writable } = require('node:stream');
const { InvalidStreamingOperation, toResponse } = require('./errors.cjs');

const RESPONSE_MODE = 'Lambda-Runtime-Function-Response-Mode';
const ERROR_TYPE = 'Lambda-Runtime-Function-Error-Type';
const ERROR_BODY = 'Lambda-Runtime-Function-Error-Body';

class ResponseStream extends Writable {
  constructor(request, highWaterMark) {
    super({ decodeStrings: true, ...(highWaterMark ? { highWaterMark } : {}) });
    this.request = request;
    this.begun = false;
  }

  // write takes what a stream takes; anything else goes as its JSON.
  write(chunk, encoding, callback) {
    const bytes = typeof chunk === 'string' || Buffer.isBuffer(chunk) || chunk?.constructor === Uint8Array;
    return super.write(bytes ? chunk : JSON.stringify(chunk), encoding, callback);
  }

  setContentType(contentType) {
    if (this.begun) throw new InvalidStreamingOperation('Cannot set content-type, too late.');
    this.request.setHeader('Content-Type', contentType);
  }

  _write(chunk, encoding, callback) {
    this.begin();
    this.request.write(chunk, callback);
  }

  _final(callback) {
    this.request.end(callback);
  }

  _destroy(error, callback) {
    if (error) this.request.destroy();
    callback(error);
  }

  begin() {
    if (this.begun) return;
    this.begun = true;
    this._onBeforeFirstWrite?.((bytes) => this.request.write(bytes));
  }
}

// openStream begins the answer to an invocation: the handler's stream, a promise that the whole answer has been sent, and fail, which ends it with
// an error.
function openStream(api, requestId, highWaterMark) {
  const request = http.request({
    host: api.host,
    port: api.port,
    method: 'POST',
    path: `/2018-06-01/runtime/invocation/${encodeURIComponent(requestId)}/response`,
    headers: {
      'Content-Type': 'application/octet-stream',
      'Transfer-Encoding': 'chunked',
      [RESPONSE_MODE]: 'streaming',
      Trailer: `${ERROR_TYPE}, ${ERROR_BODY}`,
      Connection: 'close',
      ...api.echo(),
    },
    agent: false,
  });
  const sent = new Promise((resolve, reject) => {
    request.on('response', (answer) => answer.resume().on('end', resolve));
    request.on('error', reject);
  });
  sent.catch(() => {});
  const stream = new ResponseStream(request, highWaterMark);
  const fail = (error) => {
    if (!request.writableEnded && !request.destroyed) {
      const body = toResponse(error);
      request.addTrailers({ [ERROR_TYPE]: body.errorType, [ERROR_BODY]: Buffer.from(JSON.stringify(body)).toString('base64') });
      request.end();
    }
    return sent.catch(() => {});
  };
  return { stream, sent, fail };
}

module.exports = { openStream };
//# sourceURL=file:///var/runtime/index.mjs
