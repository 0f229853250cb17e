import json


def handler(event, context):
    return {"statusCode": 201, "body": json.dumps({"version": context.function_version, "operation": event["requestContext"].get("operationName")})}
