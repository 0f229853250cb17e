'use strict';
// The connection to the Runtime API (spec lambda.md §1.2 to §1.6): HTTP/1.1 over one socket that stays open.
const net = require('node:net');
const { toResponse, toXRayCause } = require('./errors.cjs');

const INVOCATION = '/2018-06-01/runtime/invocation/';
const ERROR_TYPE = 'Lambda-Runtime-Function-Error-Type';
const XRAY_CAUSE = 'Lambda-Runtime-Function-XRay-Error-Cause';
const INVOCATION_ID = 'Lambda-Runtime-Invocation-Id';
const MAX_XRAY_CAUSE = 1 << 20;
const READ_BUFFER = 64 << 10;
const HEAD_END = '\r\n\r\n';

function toJSON(value) {
  try {
    return JSON.stringify(value === undefined ? null : value) ?? 'null';
  } catch {
    throw new Error('Unable to stringify response body');
  }
}

class RuntimeAPI {
  constructor(address) {
    this.address = address;
    const colon = address.lastIndexOf(':');
    this.host = address.slice(0, colon).replace(/[[\]]/g, '');
    this.port = Number(address.slice(colon + 1));
    // The requests that wait for their answer, oldest first.
    this.pending = [];
    this.received = [];
    // How many bytes a partly received answer will have, or 0 where that is not known yet.
    this.expected = 0;
    this.socket = undefined;
    this.invocationId = undefined;
  }

  // another is a second connection on behalf of the same invocation.
  another() {
    const api = new RuntimeAPI(this.address);
    api.invocationId = this.invocationId;
    return api;
  }

  // next waits for an event: { headers (names in lower case), body }.
  async next() {
    const answer = await this.request('GET', INVOCATION + 'next');
    if (answer.status !== 200) throw new Error(`Failed to get next invocation, error ${answer.status}`);
    this.invocationId = answer.headers['lambda-runtime-invocation-id'];
    return answer;
  }

  // response posts a result. It throws where the result has no JSON; what the Runtime API answers does not matter, as in AWS's client.
  response(requestId, result) {
    const body = toJSON(result);
    this.request('POST', `${INVOCATION}${encodeURIComponent(requestId)}/response`, body, this.echo()).catch(() => {});
  }

  // invocationError posts an error, and resolves when it has arrived.
  invocationError(requestId, error) {
    const cause = toXRayCause(error);
    const headers = this.echo();
    if (cause.length < MAX_XRAY_CAUSE) headers[XRAY_CAUSE] = cause;
    return this.request('POST', `${INVOCATION}${encodeURIComponent(requestId)}/error`, toJSON(toResponse(error)), headers);
  }

  initError(error) {
    const body = toResponse(error);
    return this.request('POST', '/2018-06-01/runtime/init/error', toJSON(body), { [ERROR_TYPE]: body.errorType });
  }

  // echo is the header that says which attempt an answer belongs to.
  echo() {
    return this.invocationId ? { [INVOCATION_ID]: this.invocationId } : {};
  }

  // request sends a request behind those that are under way, and resolves with { status, headers, body }.
  request(method, path, body, headers) {
    let head = `${method} ${path} HTTP/1.1\r\nHost: ${this.address}\r\n`;
    if (body !== undefined) head += `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
    for (const name in headers) head += `${name}: ${headers[name].replace(/[\r\n]/g, ' ')}\r\n`;
    const bytes = head + '\r\n' + (body ?? '');
    return new Promise((resolve, reject) => {
      this.pending.push({ bytes, resolve, reject, poll: method === 'GET' });
      if (this.socket) this.send(bytes);
      else this.connect();
    });
  }

  send(bytes) {
    // What a handler left running decides when the event loop is empty; only an answer that is waited for keeps it alive.
    this.socket.ref();
    this.socket.write(bytes);
  }

  connect() {
    this.expected = 0;
    this.received = [];
    const socket = net.connect({
      host: this.host,
      port: this.port,
      noDelay: true,
      onread: { buffer: Buffer.allocUnsafe(READ_BUFFER), callback: (count, buffer) => this.read(Buffer.from(buffer.subarray(0, count))) },
    });
    this.socket = socket;
    socket.on('error', (error) => this.lost(socket, error));
    socket.on('close', () => this.lost(socket, new Error('the Runtime API closed the connection')));
    for (const { bytes } of this.pending) this.send(bytes);
  }

  // lost is called when the connection has ended. A poll is sent again, once, since the server may close behind an answer that it refuses (an
  // oversize one); everything else has failed.
  lost(socket, error) {
    if (this.socket !== socket) return;
    this.socket = undefined;
    const failed = this.pending.filter((request) => !request.poll || request.again);
    this.pending = this.pending.filter((request) => !failed.includes(request));
    for (const request of this.pending) request.again = true;
    if (this.pending.length > 0) this.connect();
    for (const request of failed) request.reject(error);
  }

  // read takes bytes of answers. It returns true, which keeps the socket reading.
  read(chunk) {
    this.received.push(chunk);
    for (;;) {
      const answer = this.parse();
      if (!answer) return true;
      const request = this.pending.shift();
      if (this.pending.length === 0) this.socket?.unref();
      request?.resolve(answer);
    }
  }

  // parse takes one whole answer off the received bytes, or returns undefined.
  parse() {
    if (this.expected > 0 && this.received.reduce((sum, chunk) => sum + chunk.length, 0) < this.expected) return undefined;
    const bytes = this.received.length === 1 ? this.received[0] : Buffer.concat(this.received);
    this.received = bytes.length > 0 ? [bytes] : [];
    const headLength = bytes.indexOf(HEAD_END);
    if (headLength < 0) return undefined;
    const answer = parseHead(bytes.toString('utf8', 0, headLength));
    const start = headLength + HEAD_END.length;
    const end = start + Number(answer.headers['content-length'] ?? 0);
    this.expected = end > bytes.length ? end : 0;
    if (this.expected > 0) return undefined;
    answer.body = bytes.toString('utf8', start, end);
    this.received = end < bytes.length ? [bytes.subarray(end)] : [];
    return answer;
  }
}

function parseHead(text) {
  const lines = text.split('\r\n');
  const headers = {};
  for (let i = 1; i < lines.length; i++) {
    const colon = lines[i].indexOf(':');
    headers[lines[i].slice(0, colon).toLowerCase()] = lines[i].slice(colon + 1).trim();
  }
  return { status: Number(lines[0].split(' ', 2)[1]), headers };
}

module.exports = { RuntimeAPI };
//# sourceURL=file:///var/runtime/index.mjs
