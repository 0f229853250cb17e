import { gzipSync } from "node:zlib";
import { Router } from "@aws-lambda-powertools/event-handler/http";
import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import type { APIGatewayProxyEvent, APIGatewayProxyEventV2, Context } from "aws-lambda";

const logger = new Logger({ serviceName: "small-api" });
const metrics = new Metrics({ namespace: "small", serviceName: "small-api" });
const app = new Router({ logger });

// What no route catches is an error of the function, so that Lambda counts it.
let unexpected: Error | undefined;
app.errorHandler(Error, async (error) => {
  unexpected = error;
  return { statusCode: 500, message: error.message };
});
app.notFound(async () => new Response("nothing here", { status: 404 }));

app.get("/cookies", ({ req }) => ({
  statusCode: 200,
  body: JSON.stringify({ got: req.headers.get("Cookie") ?? "" }),
  multiValueHeaders: { "Set-Cookie": ["a=1", "b=2"] },
}));
app.get("/session", () => ({
  statusCode: 204,
  // The router splits at commas, which rules Expires out.
  multiValueHeaders: { "Set-Cookie": ["sid=abc; Path=/; Max-Age=345600; HttpOnly", "seen=1; Path=/; Max-Age=60"] },
}));
app.get("/query", ({ req }) => ({ x: new URL(req.url).searchParams.getAll("x") }));
app.get("/path/:name", ({ params }) => ({ name: params.name }));
app.get("/headers", ({ req }) => ({
  statusCode: 200,
  body: JSON.stringify({ in: (req.headers.get("X-In") ?? "").replace(", ", ",") }),
  multiValueHeaders: { "X-Multi": ["one", "two"] },
}));
app.post("/json", async ({ req }) => (await req.json()) as Record<string, unknown>);
app.put("/item/:id", ({ req, params }) => ({ method: req.method, id: params.id }));
app.patch("/item/:id", ({ req, params }) => ({ method: req.method, id: params.id }));
app.delete("/item/:id", () => new Response(null, { status: 204 }));
// The router's own request has the body as text; the bytes are in the event.
app.post("/bytes", ({ event, res }) => {
  const { body, isBase64Encoded } = event as APIGatewayProxyEvent;
  res.headers.set("Content-Type", "application/octet-stream");
  return new Uint8Array(Buffer.from(body ?? "", isBase64Encoded ? "base64" : "utf8")).buffer;
});
app.get("/gzip", () => new Response(gzipSync("small when wet"), { headers: { "Content-Type": "text/plain", "Content-Encoding": "gzip" } }));
app.get("/large", () => new Response("x".repeat(1_000_000), { headers: { "Content-Type": "text/plain" } }));
app.post("/form", async ({ req }) => ({ name: new URLSearchParams(await req.text()).get("name") }));
app.get("/redirect", () => new Response(null, { status: 302, headers: { Location: "/elsewhere" } }));
app.get("/teapot", () => new Response("short and stout", { status: 418, headers: { "Content-Type": "text/plain" } }));
app.get("/boom", () => {
  throw new Error("boom");
});

export const handler = async (event: APIGatewayProxyEvent | APIGatewayProxyEventV2, context: Context) => {
  logger.addContext(context);
  metrics.addMetric("requests", MetricUnit.Count, 1);
  metrics.publishStoredMetrics();
  unexpected = undefined;
  const answer = await app.resolve(event, context);
  if (unexpected) throw unexpected;
  return answer;
};
