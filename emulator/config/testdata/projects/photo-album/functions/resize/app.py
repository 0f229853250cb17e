import os


def handler(event, context):
    keys = [r["s3"]["object"]["key"] for r in event.get("Records", [])]
    return {"target": os.environ["TARGET"], "width": int(os.environ["WIDTH"]), "keys": keys}
