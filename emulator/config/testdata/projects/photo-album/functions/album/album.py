import json


def list_photos(event, context):
    key = (event.get("pathParameters") or {}).get("key")
    if key:
        return {"statusCode": 200, "headers": {"Content-Type": "image/jpeg"}, "body": "/9j/4AA=", "isBase64Encoded": True}
    return {"statusCode": 200, "body": json.dumps({"photos": []})}
