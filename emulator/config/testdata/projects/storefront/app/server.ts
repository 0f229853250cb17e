interface Request {
  httpMethod: string;
  path: string;
  headers: Record<string, string>;
}

export const handler = async (event: Request) => ({
  statusCode: 200,
  headers: { "Content-Type": "text/html; charset=utf-8", "Access-Control-Allow-Origin": "https://shop.example.com" },
  body: `<h1>${event.httpMethod} ${event.path}</h1>`,
});
