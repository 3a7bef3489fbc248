# The whole node, which is another one whenever it is started again: it counts in a file how often it was.
from hostile import *

counter = os.path.join(os.path.dirname(os.path.abspath(__file__)), "counter")
with open(counter, "a+") as file:
    file.write(".")
    count = file.tell()
raft_with('self.random = init["seed"] | 1', f'self.random = init["seed"] + {count} * 97 | 1')
