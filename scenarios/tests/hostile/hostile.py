# What hostile nodes share: text that would like to be something else, and the store of tests/nodes/store.py.
import json
import os
import sys
import time

import store
from store import done, say

TEXT = "</script><img src=x onerror=pwned()>]]>\x1b[2J\x1b]0;pwned\x07\x00\u202e|`--|>\nGrade :=>> 100\n"


def is_of_client(event):
    return event["src"].startswith("c")


def raft_with(old, new):
    """Runs the whole node of tests/reference/raft.py with one place of it replaced."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "raft.py")) as file:
        text = file.read()
    assert text.count(old) == 1, old
    exec(compile("import os, time\n" + text.replace(old, new), "raft", "exec"), {"__name__": "raft"})
