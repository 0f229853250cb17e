export const handler = async (event) => ({
  route: event.routeKey,
  tier: event.stageVariables?.tier,
  environment: process.env.ENVIRONMENT,
  tenant: event.pathParameters?.tenantId ?? null,
});
