"""Runs a command at a terminal of its own.

Arguments: what is typed before the question, what is typed at it, the command.
Prints one JSON object: the exit code, and what the terminal showed.
"""

import json
import os
import pty
import re
import select
import signal
import sys

QUESTION = re.compile(rb"Type (yes|\d+) to continue: ")
# How long it may show nothing, and how long it may run, in seconds.
PATIENCE = 300
LONGEST = 600

before, answer, *command = sys.argv[1:]
child, terminal = pty.fork()
if child == 0:
    # A limit is not inherited by a child, and survives an exec.
    signal.alarm(LONGEST)
    os.execvp(command[0], command)

shown = b""
os.write(terminal, before.encode())
answered = False
while select.select([terminal], [], [], PATIENCE)[0]:
    try:
        chunk = os.read(terminal, 4096)
    except OSError:
        break
    if not chunk:
        break
    shown += chunk
    if QUESTION.search(shown) and not answered:
        answered = True
        os.write(terminal, answer.encode())
else:
    os.kill(child, signal.SIGKILL)
_, status = os.waitpid(child, 0)
print(json.dumps({"code": os.waitstatus_to_exitcode(status), "shown": shown.decode()}))
