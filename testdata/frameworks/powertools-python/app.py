import base64
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


@routes.get("/query")
def query():
    return {"x": routes.current_event.resolved_query_string_parameters["x"]}


@routes.get("/path/<name>")
def path(name: str):
    return {"name": unquote(name)}


@routes.post("/bytes")
def echo():
    return Response(200, "application/octet-stream", body_of(routes.current_event))


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
