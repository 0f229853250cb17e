#!/bin/sh
# The entry point of the stand-in runtime images. As AWS's it takes the handler as its only argument and becomes the runtime's bootstrap.
[ $# -eq 1 ] || { echo "entrypoint requires the handler name to be the first argument" >&2; exit 142; }
export _HANDLER="$1"
[ -n "$AWS_LAMBDA_RUNTIME_API" ] && exec "$LAMBDA_RUNTIME_DIR/bootstrap"
echo "this stand-in has no Runtime Interface Emulator: set AWS_LAMBDA_RUNTIME_API" >&2
exit 1
