#!/bin/sh
# Invokes with the AWS CLI and prints what came of it as JSON: the answer with its log, and two errors by name.
# cli.sh ENDPOINT AWS
set -u
call() { AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b AWS_MAX_ATTEMPTS=1 AWS_PAGER= "$aws" --endpoint-url "$endpoint" --region us-east-1 lambda invoke "$@"; }
endpoint=$1 aws=$2
payload=$(mktemp)
trap 'rm -f "$payload"' EXIT
answer=$(call --function-name echo --payload '{"n":1}' --log-type Tail "$payload") || exit 1
missing=$(call --function-name missing /dev/null 2>&1)
throttled=$(call --function-name none /dev/null 2>&1)
"$(dirname "$aws")/python" - "$answer" "$payload" "$missing" "$throttled" <<'PYTHON'
import base64, json, re, sys

answer, payload = json.loads(sys.argv[1]), json.load(open(sys.argv[2]))
out = {"payload": payload, "log": base64.b64decode(answer["LogResult"]).decode(), "version": answer["ExecutedVersion"]}
if "(ResourceNotFoundException)" in sys.argv[3]:
    out["missing"] = re.search(r"operation: (.*)", sys.argv[3])[1]
if "(TooManyRequestsException)" in sys.argv[4]:
    out["throttled"] = "by name"  # the CLI does not show the reason
print(json.dumps(out))
PYTHON
