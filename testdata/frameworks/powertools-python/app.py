import base64
import gzip
import json
from datetime import datetime, timezone
from urllib.parse import parse_qs, unquote

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.router import Router
from aws_lambda_powertools.shared.cookies import Cookie

logger = Logger(service="small-api")
routes = Router()


def body_of(event):
    body = event.body or ""
    return base64.b64decode(body) if event.is_base64_encoded else body.encode()


@routes.get("/cookies")
def cookies():
    headers = routes.current_event.headers
    got = headers.get("Cookie") or headers.get("cookie") or "; ".join(routes.current_event.get("cookies") or [])
    return Response(200, "application/json", f'{{"got": "{got}"}}', cookies=[Cookie("a", "1"), Cookie("b", "2")])


@routes.get("/session")
def session():
    expires = datetime(2037, 10, 21, 7, 28, tzinfo=timezone.utc)
    return Response(204, body="", cookies=[Cookie("sid", "abc", path="/", expires=expires, http_only=True, secure=False), Cookie("seen", "1", path="/", max_age=60)])


@routes.get("/query")
def query():
    return {"x": routes.current_event.resolved_query_string_parameters["x"]}


@routes.get("/path/<name>")
def path(name: str):
    return {"name": unquote(name)}


@routes.get("/headers")
def headers():
    event = routes.current_event
    got = [v for k, v in event.headers.items() if k.lower() == "x-in"]
    for k, v in (event.get("multiValueHeaders") or {}).items():
        if k.lower() == "x-in":
            got = v
    return Response(200, "application/json", json.dumps({"in": ",".join(got)}), headers={"X-Multi": ["one", "two"]})


@routes.post("/json")
def echo_json():
    return routes.current_event.json_body


@routes.put("/item/<id>")
def put(id: str):
    return {"method": routes.current_event.http_method, "id": id}


@routes.patch("/item/<id>")
def patch(id: str):
    return {"method": routes.current_event.http_method, "id": id}


@routes.delete("/item/<id>")
def delete(id: str):
    return Response(204, body="")


@routes.post("/bytes")
def echo():
    return Response(200, "application/octet-stream", body_of(routes.current_event))


@routes.get("/gzip")
def compressed():
    return Response(200, "text/plain", gzip.compress(b"small when wet"), headers={"Content-Encoding": "gzip"})


@routes.get("/large")
def large():
    return Response(200, "text/plain", "x" * 1_000_000)


@routes.post("/form")
def form():
    return {"name": parse_qs(body_of(routes.current_event).decode())["name"][0]}


@routes.get("/redirect")
def redirect():
    return Response(302, "text/plain", "", headers={"Location": "/elsewhere"})


@routes.get("/teapot")
def teapot():
    return Response(418, "text/plain", "short and stout")


@routes.get("/boom")
def boom():
    raise RuntimeError("boom")


rest, http = APIGatewayRestResolver(), APIGatewayHttpResolver()
rest.include_router(routes)
http.include_router(routes)


@logger.inject_lambda_context
def handler(event, context):
    return (http if event.get("version") == "2.0" else rest).resolve(event, context)
