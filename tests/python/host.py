"""A host for the plugin in Python, with the public `wasmtime` package alone.

Answers the contract's `connection` with a token and makes the calls of the
variable CALLS: [[interface, function, argument...]...]. Prints one JSON line a
call: {"ok": value} or {"err": {"case": ..., "value": ...}}.
"""

import json
import os
import sys

from wasmtime import Engine, Store, WasiConfig
from wasmtime.component import Component, Linker, Record, Variant

PACKAGE = "defender:offboard"
VERSION = "1.0.0"


def plain(value):
    """Records as objects, cases without a value as their names."""
    if isinstance(value, Record):
        return {name: plain(member) for name, member in vars(value).items()}
    if isinstance(value, Variant):
        if value.payload is None:
            return value.tag
        return {"case": value.tag, "value": plain(value.payload)}
    if isinstance(value, list):
        return [plain(element) for element in value]
    return value


def main():
    engine = Engine()
    component = Component.from_file(engine, sys.argv[1])
    linker = Linker(engine)
    linker.add_wasip2()
    linker.add_wasi_http()
    with linker.root() as root:
        with root.add_instance(f"{PACKAGE}/connection@{VERSION}") as connection:
            connection.add_func("api-root", lambda store: os.environ["API_ROOT"])
            connection.add_func(
                "authorization",
                lambda store: Variant("ok", f"Bearer {os.environ['TOKEN']}"),
            )

    for interface, function, *arguments in json.loads(os.environ["CALLS"]):
        # A store of its own for each call, as the command does it.
        store = Store(engine)
        store.set_wasi(WasiConfig())
        store.set_wasi_http()
        instance = linker.instantiate(store, component)
        exported = instance.get_export_index(store, f"{PACKAGE}/{interface}@{VERSION}")
        callee = instance.get_func(store, instance.get_export_index(store, function, exported))
        result = callee(store, *arguments)
        # The package tells a result's sides apart by their types: an error of
        # this contract is a variant, a success a record.
        if isinstance(result, Variant):
            print(json.dumps({"err": {"case": result.tag, "value": plain(result.payload)}}))
        else:
            print(json.dumps({"ok": plain(result)}))


main()
