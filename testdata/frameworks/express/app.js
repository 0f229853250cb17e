const express = require("express");
const serverless = require("serverless-http");

const app = express();
app.get("/cookies", (req, res) => {
  res.cookie("a", "1");
  res.cookie("b", "2");
  res.json({ got: req.headers.cookie ?? "" });
});
app.get("/query", (req, res) => res.json({ x: req.query.x }));
app.get("/path/:name", (req, res) => res.json({ name: req.params.name }));
app.post("/bytes", express.raw({ type: "*/*" }), (req, res) => res.type("application/octet-stream").send(req.body));
app.post("/form", express.urlencoded({ extended: false }), (req, res) => res.json({ name: req.body.name }));
app.get("/redirect", (req, res) => res.redirect("/elsewhere"));
app.get("/teapot", (req, res) => res.status(418).type("text/plain").send("short and stout"));
app.get("/boom", () => {
  throw new Error("boom");
});

// What is not text has to be said, as on AWS.
module.exports.handler = serverless(app, { binary: ["application/octet-stream"] });
