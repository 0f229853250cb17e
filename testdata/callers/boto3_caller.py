"""Invokes with boto3 and prints what came of it as JSON: the answer with its log, and two typed errors."""
import base64
import json
import sys

import boto3
from botocore.config import Config

client = boto3.client("lambda", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b",
                      config=Config(retries={"total_max_attempts": 1}))
answer = client.invoke(FunctionName="echo", Payload=b'{"n":1}', LogType="Tail")
out = {"payload": json.load(answer["Payload"]), "log": base64.b64decode(answer["LogResult"]).decode(), "version": answer["ExecutedVersion"]}
try:
    client.invoke(FunctionName="missing")
except client.exceptions.ResourceNotFoundException as e:
    out["missing"] = e.response["Error"]["Message"]
try:
    client.invoke(FunctionName="none")
except client.exceptions.TooManyRequestsException as e:
    out["throttled"] = e.response["Reason"]
print(json.dumps(out))
