exports.handler = async (event) => ({
  statusCode: 200,
  headers: { "Access-Control-Allow-Origin": "*" },
  body: JSON.stringify({ resource: event.resource, table: process.env.TABLE }),
});
