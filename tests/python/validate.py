"""Checks JSON values, one a line on standard input, against a JSON Schema.

Prints nothing where all fit, else a line for each fault.
"""

import json
import sys

from jsonschema import Draft202012Validator

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
elements = schema["items"] if schema["type"] == "array" else schema
known = set(elements["properties"])
for number, line in enumerate(sys.stdin, start=1):
    value = json.loads(line)
    for error in validator.iter_errors(value):
        print(f"{number}: {error.json_path}: {error.message}")
    # A member that the schema does not name is a promise that nobody wrote.
    for element in value if schema["type"] == "array" else [value]:
        for name in sorted(set(element) - known):
            print(f"{number}: {name} is not in the schema")
