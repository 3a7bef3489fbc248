# More memory than it may have.
from hostile import *

memory = b"x" * (1200 << 20)
time.sleep(4711)
