"""Runs AWS's own client, awslambdaric, with the search path of the managed runtimes: the function, the layers, the runtime."""

import os
import sys

version = "python%d.%d" % sys.version_info[:2]
sys.path[0:1] = [os.environ["LAMBDA_TASK_ROOT"], "/opt/python/lib/%s/site-packages" % version, "/opt/python"]

from awslambdaric.__main__ import main  # noqa: E402

main(["bootstrap", os.environ["_HANDLER"]])
