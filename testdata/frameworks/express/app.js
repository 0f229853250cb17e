const express = require("express");
const serverless = require("serverless-http");
const { gzipSync } = require("node:zlib");

const app = express();
app.get("/cookies", (req, res) => {
  res.cookie("a", "1");
  res.cookie("b", "2");
  res.json({ got: req.headers.cookie ?? "" });
});
app.get("/session", (req, res) => {
  res.cookie("sid", "abc", { expires: new Date("Wed, 21 Oct 2037 07:28:00 GMT"), httpOnly: true });
  res.append("Set-Cookie", "seen=1; Path=/; Max-Age=60");
  res.status(204).end();
});
app.get("/query", (req, res) => res.json({ x: req.query.x }));
app.get("/path/:name", (req, res) => res.json({ name: req.params.name }));
app.get("/headers", (req, res) => res.set("X-Multi", ["one", "two"]).json({ in: req.get("X-In") }));
app.post("/json", express.json(), (req, res) => res.json(req.body));
app.put("/item/:id", (req, res) => res.json({ method: req.method, id: req.params.id }));
app.patch("/item/:id", (req, res) => res.json({ method: req.method, id: req.params.id }));
app.delete("/item/:id", (req, res) => res.status(204).end());
app.post("/bytes", express.raw({ type: "*/*", limit: "4mb" }), (req, res) => res.type("application/octet-stream").send(req.body));
app.get("/gzip", (req, res) => res.type("text/plain").set("Content-Encoding", "gzip").send(gzipSync("small when wet")));
app.get("/large", (req, res) => res.type("text/plain").send("x".repeat(1_000_000)));
app.post("/form", express.urlencoded({ extended: false }), (req, res) => res.json({ name: req.body.name }));
app.get("/redirect", (req, res) => res.redirect("/elsewhere"));
app.get("/teapot", (req, res) => res.status(418).type("text/plain").send("short and stout"));
app.get("/boom", () => {
  throw new Error("boom");
});

// What is not text has to be said, as on AWS.
module.exports.handler = serverless(app, { binary: ["application/octet-stream"] });
