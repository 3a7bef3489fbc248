# More processes than it may have, as fast as it can.
from hostile import *

for _ in range(400):
    if os.fork() == 0:
        time.sleep(4711)
time.sleep(4711)
