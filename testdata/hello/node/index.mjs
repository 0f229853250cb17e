// How many invocations this execution environment has served: it starts again at every cold start.
let invocations = 0;

export async function handler(event) {
  invocations++;
  const name = event.queryStringParameters?.name ?? "world";
  console.log("greeting", name);
  return { message: `${process.env.GREETING}, ${name}, from Node`, invocations };
}
