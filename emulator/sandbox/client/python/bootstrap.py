"""The runtime client of python*: ``python3 bootstrap.py [HANDLER]``.

It imports the handler from LAMBDA_TASK_ROOT, then asks the Runtime API for one event after the other, and speaks as AWS's own client does
(spec lambda.md §1.8, §4.3). The work is in the package beside this file, since Python keeps the compiled form of a package but not of a script.
"""

import os
import sys


def start():
    own_folder = os.path.dirname(os.path.abspath(__file__))
    if sys.path and os.path.abspath(sys.path[0]) == own_folder:
        del sys.path[0]
    # The package is found here only: code of the user sees neither this folder nor its own bytecode setting changed.
    sys.path.insert(0, own_folder)
    keep, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    from emulate_runtime import runtime

    sys.dont_write_bytecode = keep
    task_root = os.environ.get("LAMBDA_TASK_ROOT") or os.getcwd()
    sys.path[0] = task_root
    return runtime.run, sys.argv[1] if len(sys.argv) > 1 else os.environ["_HANDLER"]


if __name__ == "__main__":
    run, handler = start()
    run(handler)
