#!/usr/bin/env python3
"""Takes one protection at a time out of a copy of the sources, and shows which
tests notice.

A protection that no test misses is not shown to protect. So this fails where a
patch turns no test red, where it does not build, and where a test of the
hostile suites was never red, unless protections.toml says what else holds it.
The product has no switch for any of this: the patches are in protections.toml
beside this file.

    tests/protections/check.py [--list] [NAME...]

The first run compiles everything in a folder of its own, target/protections;
after that, each protection takes about a minute.
"""

import argparse
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "protections"
TREE = WORK / "tree"

# How long the tests of one protection may take, in seconds. Where some of them
# never end without it, it says so (`patience`, more than 60): its tests are then
# run beside each other, so that those do not keep the others from beginning.
PATIENCE = 400
BESIDE = 16

RESULT = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED)$", re.MULTILINE)
# What the harness says of a test after a minute.
ENDLESS = re.compile(r"^test (\S+) has been running for over 60 seconds$", re.MULTILINE)


def copy_sources():
    """A fresh copy of what is under version control, as it is now."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True,
    ).stdout
    names = {name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()}
    for name in names:
        target = TREE / name
        target.parent.mkdir(parents=True, exist_ok=True)
        # Left alone where it is the same, so that nothing is built again.
        if not target.exists() or target.read_bytes() != (ROOT / name).read_bytes():
            shutil.copyfile(ROOT / name, target)
    for path in TREE.rglob("*"):
        if path.is_file() and str(path.relative_to(TREE)) not in names:
            path.unlink()


def run_tests(filters, library=False, patience=None):
    """The tests' results by name, what the run printed, and whether it was ended.
    Without its protection a test may never end: then it has noticed, too. One
    that never began has not."""
    packages = [f"--package={name}" for name in ("offboard-cli", "offboard", "offboard-sandbox")]
    targets = ["--lib", "--bins", *([] if library else ["--test", "end_to_end"])]
    command = ["cargo", "test", "--quiet", *packages, *targets, "--no-fail-fast", "--"]
    environment = dict(os.environ, CARGO_TARGET_DIR=str(WORK / "build"))

    def run(arguments, seconds):
        with subprocess.Popen(
            arguments, cwd=TREE, env=environment, text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        ) as process:
            try:
                return process.communicate(timeout=seconds)[0], False
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return process.communicate()[0], True

    # Built first, so that the time is the tests' alone.
    output, _ = run([*command[:-1], "--no-run"], None)
    if "error" in output:
        return {}, output, False
    if patience:
        command.append(f"--test-threads={BESIDE}")
    output, late = run([*command, "--format", "pretty", *filters], patience or PATIENCE)
    results = dict(RESULT.findall(output))
    if late:
        for name in ENDLESS.findall(output):
            results.setdefault(name, "FAILED")
    return results, output, late


def patched(protection, root):
    """The files without the protection, as they are and as they would be."""
    originals, texts = {}, {}
    for change in protection["changes"]:
        path = root / change["file"]
        text = texts.get(path) or path.read_text()
        if text.count(change["old"]) != 1:
            sys.exit(f"{protection['name']}: found {text.count(change['old'])} times, not once, "
                     f"in {change['file']}:\n{change['old']}")
        originals.setdefault(path, text)
        texts[path] = text.replace(change["old"], change["new"])
    return originals, texts


def check_names(table):
    """Ends if a test that the table names is in no source."""
    modules, functions = set(), set()
    for root in ("host", "plugin", "tests/end_to_end"):
        for path in (ROOT / root).rglob("*.rs"):
            text = path.read_text()
            modules.update(path.relative_to(ROOT).with_suffix("").parts)
            modules.update(re.findall(r"\bmod (\w+)", text))
            functions.update(re.findall(r"\bfn (\w+)", text))
    for entry in table["protection"] + table["held"]:
        for name in entry["tests"]:
            *path, test = name.split("::")
            begins = any(known.startswith(test) for known in modules | functions)
            if not modules.issuperset(path) or not begins:
                sys.exit(f"no test has this name, or begins with it: {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--list", action="store_true", help="print the names of the protections, if each can be taken out")
    parser.add_argument("name", nargs="*", help="only those with one of these in their names")
    arguments = parser.parse_args()
    with open(Path(__file__).with_name("protections.toml"), "rb") as file:
        table = tomllib.load(file)
    protections = table["protection"]
    chosen = [
        protection for protection in protections
        if not arguments.name or any(name in protection["name"] for name in arguments.name)
    ]
    check_names(table)
    if arguments.list:
        for protection in chosen:
            patched(protection, ROOT)
            print(protection["name"])
        return

    # Two at once would patch each other's sources.
    WORK.mkdir(parents=True, exist_ok=True)
    lock = open(WORK / "lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit("it runs already")
    copy_sources()
    print("as it is:", flush=True)
    results, output, late = run_tests(["hostile"])
    if not results or late or "FAILED" in results.values():
        sys.exit(f"the tests fail, or do not build, with every protection in place:\n{output}")
    hostile = set(results)
    print(f"  {len(hostile)} hostile tests pass")

    noticed, faults = set(), []
    for protection in chosen:
        print(f"without: {protection['name']}", flush=True)
        originals, texts = patched(protection, TREE)
        try:
            for path, text in texts.items():
                path.write_text(text)
            results, output, late = run_tests(
                protection["tests"], protection.get("library", False), protection.get("patience")
            )
        finally:
            for path, text in originals.items():
                path.write_text(text)
        red = sorted(name for name, result in results.items() if result == "FAILED")
        noticed.update(red)
        for name in red:
            print(f"  red: {name}")
        if not results:
            faults.append(f"{protection['name']}: it does not build")
            print(output[-3000:])
        elif not red:
            faults.append(f"{protection['name']}: no test notices")
            print("  none of", len(results), "tests notices")
        if late and "patience" not in protection:
            faults.append(f"{protection['name']}: its tests do not end, and it has no patience")
    if not arguments.name:
        held = {name for group in table["held"] for name in group["tests"]}
        faults.extend(
            f"{name}: red for no protection" for name in sorted(hostile - noticed - held)
        )
        faults.extend(
            f"{name}: said to be held elsewhere, and is not such a test, or was red"
            for name in sorted(held - (hostile - noticed))
        )
    print(f"{len(chosen)} protections, {len(noticed)} tests that notice, {len(faults)} faults")
    for fault in faults:
        print(f"  {fault}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
