# Is done twice with every event.
from hostile import *

told = {}
store.done = lambda: [say("sim", {"type": "done", "turn": told["turn"]}) for _ in range(2)] and sys.stdout.flush()
store.main(told.update)
