const answer = (body) => ({ statusCode: 200, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

exports.list = async () => answer({ table: process.env.NOTES_TABLE, notes: [] });
exports.get = async (event) => answer({ id: event.pathParameters.noteId });
exports.put = async (event) => answer({ id: event.pathParameters?.noteId ?? "new", text: event.body });
exports.remove = async (event) => answer({ removed: event.pathParameters.noteId });
