import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import type { APIGatewayProxyEvent, APIGatewayProxyEventV2, Context } from "aws-lambda";

const logger = new Logger({ serviceName: "small-api" });
const metrics = new Metrics({ namespace: "small", serviceName: "small-api" });

interface Request {
  method: string;
  path: string;
  query: string[];
  cookie: string;
  body: Buffer;
}

// What both payload formats say of a request.
function read(event: APIGatewayProxyEvent | APIGatewayProxyEventV2): Request {
  const body = Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8");
  if ("rawPath" in event) {
    const x = new URLSearchParams(event.rawQueryString).getAll("x");
    return { method: event.requestContext.http.method, path: event.rawPath, query: x, cookie: (event.cookies ?? []).join("; "), body };
  }
  const headers = Object.fromEntries(Object.entries(event.headers).map(([k, v]) => [k.toLowerCase(), v]));
  return {
    method: event.httpMethod,
    path: decodeURIComponent(event.path),
    query: event.multiValueQueryStringParameters?.x ?? [],
    cookie: headers.cookie ?? "",
    body,
  };
}

const json = (value: unknown) => ({ statusCode: 200, headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) });

export const handler = async (event: APIGatewayProxyEvent | APIGatewayProxyEventV2, context: Context) => {
  logger.addContext(context);
  metrics.addMetric("requests", MetricUnit.Count, 1);
  metrics.publishStoredMetrics();
  const r = read(event);
  logger.info("request", { path: r.path });
  switch (`${r.method} ${r.path.split("/")[1]}`) {
    case "GET cookies":
      return "rawPath" in event
        ? { ...json({ got: r.cookie }), cookies: ["a=1", "b=2"] }
        : { ...json({ got: r.cookie }), multiValueHeaders: { "Set-Cookie": ["a=1", "b=2"] } };
    case "GET query":
      return json({ x: r.query });
    case "GET path":
      return json({ name: r.path.slice("/path/".length) });
    case "POST bytes":
      return { statusCode: 200, headers: { "Content-Type": "application/octet-stream" }, body: r.body.toString("base64"), isBase64Encoded: true };
    case "POST form":
      return json({ name: new URLSearchParams(r.body.toString()).get("name") });
    case "GET redirect":
      return { statusCode: 302, headers: { Location: "/elsewhere" }, body: "" };
    case "GET teapot":
      return { statusCode: 418, headers: { "Content-Type": "text/plain" }, body: "short and stout" };
    case "GET boom":
      throw new Error("boom");
  }
  return { statusCode: 404, body: "" };
};
