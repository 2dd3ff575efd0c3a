"""Does the steps given as JSON on its input, one after the other, and prints what each came to."""

import json
import sys


def perform(operations):
    plan = json.load(sys.stdin)
    for step in plan["steps"]:
        saw = {}
        try:
            saw.update(operations[step["op"]](step, plan["url"], saw) or {})
        except Exception as error:  # whatever the client raises is what its user sees
            saw["error"] = {
                "type": type(error).__name__,
                "status": getattr(error, "status_code", None),
                "code": getattr(error, "code", None),
                "message": str(error),
            }
        print(json.dumps({**saw, "name": step["name"]}), flush=True)
