import json


def lambda_handler(event, context):
    return {"statusCode": 200, "body": json.dumps({"station": event["pathParameters"]["stationId"], "resource": event["resource"]})}
