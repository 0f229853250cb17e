exports.start = async (event) => ({ statusCode: 202, body: JSON.stringify({ saga: process.env.SAGA, order: event.pathParameters }) });
exports.reserve = async (order) => ({ ...order, reserved: true });
exports.charge = async (order) => ({ ...order, charged: true });
