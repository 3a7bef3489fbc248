# Keeps to the protocol, and does nothing.
from hostile import *

for line in sys.stdin:
    done()
