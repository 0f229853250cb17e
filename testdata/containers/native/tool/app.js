const { execFileSync } = require("node:child_process");

exports.handler = async (event) => ({
  statusCode: 200,
  body: execFileSync(process.env.LAMBDA_TASK_ROOT + "/bin/jq", ["-r", '"native " + .rawPath'], { input: JSON.stringify(event) }).toString().trim(),
});
