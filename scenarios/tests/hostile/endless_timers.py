# Wakes itself up every microsecond of virtual time.
from hostile import *


def hook(event):
    say("sim", {"type": "timer", "name": TEXT, "after_us": 1})


store.main(hook)
