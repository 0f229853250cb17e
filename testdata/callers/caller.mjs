// Invokes with the JavaScript SDK and prints what came of it as JSON: the answer with its log, and two typed errors.
import { createRequire } from "node:module";

const [endpoint, packages] = process.argv.slice(2);
const { InvokeCommand, LambdaClient, ResourceNotFoundException, TooManyRequestsException } = createRequire(packages + "/")("@aws-sdk/client-lambda");
const client = new LambdaClient({ endpoint, region: "us-east-1", maxAttempts: 1, credentials: { accessKeyId: "a", secretAccessKey: "b" } });

const answer = await client.send(new InvokeCommand({ FunctionName: "echo", Payload: '{"n":1}', LogType: "Tail" }));
const out = {
  payload: JSON.parse(Buffer.from(answer.Payload).toString()),
  log: Buffer.from(answer.LogResult, "base64").toString(),
  version: answer.ExecutedVersion,
};
try {
  await client.send(new InvokeCommand({ FunctionName: "missing" }));
} catch (e) {
  if (e instanceof ResourceNotFoundException) out.missing = e.message;
}
try {
  await client.send(new InvokeCommand({ FunctionName: "none" }));
} catch (e) {
  if (e instanceof TooManyRequestsException) out.throttled = e.Reason;
}
console.log(JSON.stringify(out));
