# The whole node, which iterates over a set of texts somewhere: its order is another one in each process.
from hostile import *

raft_with(
    'self.random = init["seed"] | 1',
    'self.random = init["seed"] ^ hash(frozenset(init["node_ids"])) & 0xFFFFFFFFFFFFFFFF | 1',
)
