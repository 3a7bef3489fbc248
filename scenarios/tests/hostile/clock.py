# The whole node, with the time of day in the place of its seed.
from hostile import *

raft_with('self.random = init["seed"] | 1', "self.random = time.time_ns() & 0xFFFFFFFFFFFFFFFF | 1")
