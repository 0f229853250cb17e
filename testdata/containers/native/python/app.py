import six
import ext


def handler(event, context):
    return {"statusCode": 200, "body": ext.word() + " " + event["rawPath"] + " " + six.__version__}
