from typing import Annotated

from fastapi import FastAPI, Form, Query, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from mangum import Mangum

app = FastAPI()


@app.get("/cookies")
def cookies(request: Request, response: Response):
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return {"got": request.headers.get("cookie", "")}


@app.get("/query")
def query(x: Annotated[list[str], Query()]):
    return {"x": x}


@app.get("/path/{name}")
def path(name: str):
    return {"name": name}


@app.post("/bytes")
async def echo(request: Request):
    return Response(await request.body(), media_type="application/octet-stream")


@app.post("/form")
def form(name: Annotated[str, Form()]):
    return {"name": name}


@app.get("/redirect")
def redirect():
    return RedirectResponse("/elsewhere", status_code=302)


@app.get("/teapot")
def teapot():
    return PlainTextResponse("short and stout", status_code=418)


@app.get("/boom")
def boom():
    raise RuntimeError("boom")


# The stage is a part of the path that Starlette would see.
handler = Mangum(app, lifespan="off")
