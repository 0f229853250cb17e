import os

# How many invocations this execution environment has served: it starts again at every cold start.
invocations = 0


def handler(event, context):
    global invocations
    invocations += 1
    name = (event.get("queryStringParameters") or {}).get("name", "world")
    print("greeting", name)
    return {"message": f"{os.environ['GREETING']}, {name}, from Python", "invocations": invocations}
