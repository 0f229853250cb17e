import json
import os


def handler(event, context):
    return {"statusCode": 200, "body": json.dumps({"by": "mail", "queue": os.environ["QUEUE_URL"]})}
