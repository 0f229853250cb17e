const addon = require("addon");

exports.handler = async (event) => ({ statusCode: 200, body: addon.word() + " " + event.rawPath });
