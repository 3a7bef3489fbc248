# The whole node, with randomness of its own.
from hostile import *

raft_with('self.random = init["seed"] | 1', 'self.random = int.from_bytes(os.urandom(8), "little") | 1')
