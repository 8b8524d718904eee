"""Checks JSON values, one a line on standard input, against a JSON Schema.

Prints nothing where all fit, else a line for each fault.
"""

import json
import sys
from pathlib import Path

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

path = Path(sys.argv[1])


def beside(name):
    """A schema of the same folder, which another one refers to."""
    text = (path.parent / name).read_text(encoding="utf-8")
    return Resource.from_contents(json.loads(text))


def surplus(schema, value, where):
    """Members that the schema does not have."""
    if isinstance(value, list) and "items" in schema:
        for at, element in enumerate(value):
            yield from surplus(schema["items"], element, f"{where}[{at}]")
    # What is put together from several schemas has members of each.
    is_part = any("$ref" in part for part in [schema, *schema.get("allOf", [])])
    if not isinstance(value, dict) or "properties" not in schema or is_part:
        return
    for name in sorted(value):
        if name in schema["properties"]:
            yield from surplus(schema["properties"][name], value[name], f"{where}.{name}")
        else:
            yield f"{where}: {name} is not in the schema"


schema = json.loads(path.read_text(encoding="utf-8"))
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema, registry=Registry(retrieve=beside))
for number, line in enumerate(sys.stdin, start=1):
    value = json.loads(line)
    for error in validator.iter_errors(value):
        print(f"{number}: {error.json_path}: {error.message}")
    for fault in surplus(schema, value, "$"):
        print(f"{number}: {fault}")
