import gzip
from typing import Annotated, Any

from fastapi import Body, FastAPI, Form, Query, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from mangum import Mangum

app = FastAPI()


@app.get("/cookies")
def cookies(request: Request, response: Response):
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return {"got": request.headers.get("cookie", "")}


@app.get("/session", status_code=204)
def session(response: Response):
    response.set_cookie("sid", "abc", expires="Wed, 21 Oct 2037 07:28:00 GMT", httponly=True)
    response.set_cookie("seen", "1", max_age=60)


@app.get("/query")
def query(x: Annotated[list[str], Query()]):
    return {"x": x}


@app.get("/path/{name}")
def path(name: str):
    return {"name": name}


@app.get("/headers")
def headers(request: Request, response: Response):
    response.headers.append("X-Multi", "one")
    response.headers.append("X-Multi", "two")
    return {"in": ",".join(request.headers.getlist("x-in"))}


@app.post("/json")
def json(value: Annotated[Any, Body()]):
    return value


@app.put("/item/{id}")
@app.patch("/item/{id}")
def item(request: Request, id: str):
    return {"method": request.method, "id": id}


@app.delete("/item/{id}", status_code=204)
def delete(id: str):
    return None


@app.post("/bytes")
async def echo(request: Request):
    return Response(await request.body(), media_type="application/octet-stream")


@app.get("/gzip")
def compressed():
    return Response(gzip.compress(b"small when wet"), media_type="text/plain", headers={"Content-Encoding": "gzip"})


@app.get("/large")
def large():
    return PlainTextResponse("x" * 1_000_000)


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
