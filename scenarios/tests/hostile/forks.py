# Fewer processes than it may have, each as busy as it can be.
from hostile import *

for _ in range(20):
    if os.fork() == 0:
        while True:
            pass
time.sleep(4711)
